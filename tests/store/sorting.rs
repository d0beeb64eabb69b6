//! The sort on disk.
