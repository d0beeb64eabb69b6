//! What is fuzzed, and how: each target takes any bytes and must neither panic, nor take memory or
//! time out of proportion.
//!
//! Only the layers below queries are included, by their paths, so that a build takes a minute. They
//! are built without checksums (see the crate `crc32c` beside this one).
#![allow(missing_docs, dead_code, unreachable_pub, reason = "layers are included out of context")]

#[path = "../../../src/catalog/mod.rs"]
pub mod catalog;
#[path = "../../../src/codec/mod.rs"]
pub mod codec;
#[path = "../../../src/disk/mod.rs"]
pub mod disk;
#[path = "../../../src/error.rs"]
pub mod error;
#[path = "../../../src/index/mod.rs"]
pub mod index;
#[path = "../../../src/limits.rs"]
pub mod limits;
#[path = "../../../src/model/mod.rs"]
pub mod model;
pub mod pg;
#[path = "../../../src/sdmx/mod.rs"]
pub mod sdmx;
#[path = "../../../src/segment/mod.rs"]
pub mod segment;
#[path = "../../../src/store/mod.rs"]
pub mod store;
pub mod targets;

pub use error::{Error, Result};
