//! Which series carry which code: sets of series, and what they answer without an observation.
//!
//! A segment numbers its series from 0 in key order, and these *ordinals* are what everything here
//! is about. A filter on dimensions is a union for each dimension and one intersection for all; a
//! list of the codes that are still possible, with their counts, is the same with one dimension
//! left out at a time. None of it reads an observation, and there are 30 to 100 times fewer series.
//!
//! Read in this order:
//!
//! * [`selection`]: [`Selection`], a set of ordinals, and its bytes;
//! * [`dimension`]: [`DimensionIndex`], for each code of one dimension the series that carry it;
//! * [`layout`]: the bytes of a dimension index, and [`IndexView`], which reads one code of it;
//! * [`facets`]: [`Facets`], availability over several dimensions, and counts for each code;
//! * `dense` and `postings`: the two forms besides roaring, for many runs and for few series.
//!
//! **Invariant:** the crate `roaring` is named in `selection` and `dense` only. The rest of the
//! database sees [`Selection`].
//!
//! **Invariant:** bytes that we did not write give [`BadBitmap`], never a panic, and never an
//! allocation that is large beside the bytes or the number of series.

pub mod dimension;
pub mod facets;
pub mod layout;
pub mod selection;

mod dense;
mod postings;

pub use dimension::{DimensionIndex, select_by_lut};
pub use facets::{Counting, Facets, codes_within, counts_by_forward, counts_within};
pub use layout::IndexView;
pub use selection::{BadBitmap, Members, Runs, Selection};
