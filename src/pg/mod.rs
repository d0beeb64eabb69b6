//! The Postgres wire.

pub mod catalog;
