//! From a text of SQL to statements, and what PostgreSQL would see in them.
//!
//! Read in this order: `text` (statements and places in a text), `words` (a cursor over tokens),
//! `command` (what a statement asks for), `transaction`, `copy` and `cursor` (the words of those
//! commands), `columns` (what columns are called), `literals` and `parameters` (types that
//! PostgreSQL would give), `adapt` (what only PostgreSQL writes so).

pub(super) mod adapt;
pub(super) mod columns;
pub(super) mod command;
pub(super) mod copy;
pub(super) mod cursor;
pub(super) mod literals;
pub(super) mod parameters;
pub(super) mod text;
pub(super) mod transaction;
pub(super) mod words;
