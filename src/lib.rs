//! An embedded analytical database for official statistics.
//!
//! `sdmxdb` keeps SDMX cubes (dataflows) in a columnar store of time series whose dimension keys
//! are indexed by roaring bitmaps, and answers SQL over them. The same crate is the program
//! `sdmxdb`, which loads, asks, exports and checks from the command line.
//!
//! ```
//! use sdmxdb::query::{Connection, EngineOptions};
//! use sdmxdb::sdmx::structure::read_structures;
//! use sdmxdb::store::{Database, LoadOptions};
//!
//! # fn main() -> sdmxdb::Result<()> {
//! # let folder = tempfile::tempdir().expect("a folder");
//! # let path = folder.path().join("stats");
//! let database = Database::open_or_create(&path)?;
//!
//! // Load a structure and its data: one commit, all of it or nothing.
//! let structures = include_str!("../sql/sample/structures.xml");
//! let csv = "\
//! DATAFLOW,FREQ,CURRENCY,CURRENCY_DENOM,EXR_TYPE,EXR_SUFFIX,TIME_PERIOD,OBS_VALUE,OBS_STATUS
//! ECB:EXR(1.0),D,USD,EUR,SP00,A,2024-01-02,1.0956,A
//! ECB:EXR(1.0),D,USD,EUR,SP00,A,2024-01-03,1.0919,A
//! ";
//! let now = 1_704_300_000_000_000; // microseconds since 1970: the caller has the clock
//! let mut load = database.begin_load(LoadOptions::at(now))?;
//! load.structures(read_structures(structures.as_bytes(), "structures.xml")?)?;
//! load.csv(csv.as_bytes(), "rates.csv")?;
//! assert_eq!(load.commit()?.counts.inserted, 2);
//!
//! // Ask: rows come as Arrow batches, as they are calculated.
//! let threads = std::num::NonZeroUsize::new(2).expect("not zero");
//! let connection = Connection::new(database, EngineOptions::new(threads))?;
//! for batch in connection.sql("SELECT time_period, obs_value FROM ecb.exr ORDER BY 1")? {
//!     assert_eq!(batch?.num_rows(), 2);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Modules stand in layers, and import downwards only; each says what it is not:
//! [`error`] and [`limits`]; [`model`]; [`codec`], [`index`], [`sdmx`] and [`disk`]; [`segment`];
//! [`catalog`]; [`store`]; [`query`]; [`pg`] and [`rest`]; [`cli`].

pub mod catalog;
pub mod cli;
pub mod codec;
pub mod disk;
pub mod error;
pub mod index;
pub mod limits;
pub mod model;
pub mod pg;
pub mod query;
pub mod rest;
pub mod sdmx;
pub mod segment;
pub mod store;

pub use error::{Error, Result};
