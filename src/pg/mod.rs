//! The Postgres wire: what a batch and a parameter are as bytes, and the catalogue of PostgreSQL.

pub mod catalog;
pub mod copy;
pub mod encode;
pub mod types;
