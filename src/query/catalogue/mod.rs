//! What is in the database, as tables: cubes, their star schemas, codelists, the catalogue itself.
//!
//! A [`Directory`] knows the names of one snapshot; a [`Catalogue`] is the directory as one session
//! sees it (its language, its search path), and hands DataFusion a table when a statement names it.
//! Nothing is built before that: listing names touches no cube, and thousands of dataflows cost a
//! statement nothing.
//!
//! Read in this order: `directory` (names to what they stand for), `provider` (the same as traits
//! of DataFusion), `listing` (a table in memory, built when it is first read), `codes` (star tables
//! and codelists), `views` (labels, the exact names of SDMX, the views of `sql/catalogue`), `sdmx`
//! (`sdmx_catalog`), `dates` (`dim_date`), `information` (`information_schema`).

mod codes;
mod columns;
mod dates;
mod directory;
mod information;
mod listing;
mod provider;
mod sdmx;
mod views;

pub use directory::{Directory, Target, find_codelist};
pub use listing::Listing;
pub(crate) use provider::Databases;
pub use provider::{Catalogue, DATABASE, SEARCH_SCHEMA, SchemaFactory};
