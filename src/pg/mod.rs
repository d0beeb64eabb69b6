//! The Postgres wire: what a batch and a parameter are as bytes.

pub mod copy;
pub mod encode;
pub mod parameters;
pub mod types;
