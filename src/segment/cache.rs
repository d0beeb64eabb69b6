//! Verified packed blocks that stay in memory, of all segments of a database together.
//!
//! What is kept is packed: decoding runs at the speed of memory, and six times as much fits. Which
//! block goes when the room ends is `quick_cache`'s to say: one that was wanted once goes before one
//! that was wanted twice, so that a scan of everything does not drive out what is asked for often.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, Weighter};

use crate::limits::Budget;
use crate::segment::reader::LoadedBlock;

/// Bytes of a block, about, for the cache to choose the number of its locks by.
const BLOCK_BYTES: u64 = 6_000;

/// A segment, by its number in the cache, and a block of it.
type Key = (u64, u32);

/// Blocks that were read and verified, up to so many bytes.
pub struct BlockCache {
    blocks: Cache<Key, Arc<LoadedBlock>, ByBytes>,
    budget: Budget,
    segments: AtomicU64,
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<Key, Arc<LoadedBlock>> for ByBytes {
    fn weight(&self, _: &Key, block: &Arc<LoadedBlock>) -> u64 {
        block.memory_bytes()
    }
}

impl BlockCache {
    /// A cache that keeps nothing yet, and never more than `budget` allows.
    pub fn new(budget: Budget) -> Self {
        // Blocks that were driven out while a reader has them count a little longer.
        let bytes = budget.limit() - budget.limit() / 16;
        let count = usize::try_from(bytes / BLOCK_BYTES).unwrap_or(usize::MAX).max(1);
        let hasher = DefaultHashBuilder::default();
        let blocks = Cache::with(count, bytes, ByBytes, hasher, DefaultLifecycle::default());
        Self { blocks, budget, segments: AtomicU64::new(0) }
    }

    /// The account of what it holds.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }
}

impl fmt::Debug for BlockCache {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blocks = self.blocks.len();
        out.debug_struct("BlockCache").field("blocks", &blocks).finish_non_exhaustive()
    }
}

/// The blocks of one segment in a cache. Dropping it drops them.
#[derive(Debug)]
pub(super) struct CachedBlocks {
    cache: Arc<BlockCache>,
    segment: u64,
    /// Whether some were ever kept.
    has_any: AtomicBool,
    /// Whether no more shall be.
    has_left: AtomicBool,
}

impl CachedBlocks {
    pub(super) fn new(cache: &Arc<BlockCache>) -> Self {
        let segment = cache.segments.fetch_add(1, Ordering::Relaxed);
        let (has_any, has_left) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { cache: Arc::clone(cache), segment, has_any, has_left }
    }

    pub(super) fn get(&self, block: u32) -> Option<Arc<LoadedBlock>> {
        self.cache.blocks.get(&(self.segment, block))
    }

    /// Keeps a block, if there is room for it.
    pub(super) fn insert(&self, block: u32, loaded: &Arc<LoadedBlock>) {
        if self.has_left.load(Ordering::SeqCst) {
            return;
        }
        let Ok(memory) = self.cache.budget.reserve(loaded.memory_bytes()) else { return };
        loaded.account(memory);
        self.has_any.store(true, Ordering::SeqCst);
        let key = (self.segment, block);
        self.cache.blocks.insert(key, Arc::clone(loaded));
        // Whoever left meanwhile may have looked through the cache before this one was in it.
        if self.has_left.load(Ordering::SeqCst) {
            self.cache.blocks.remove(&key);
        }
    }

    /// Drops all, and keeps none from now on.
    pub(super) fn leave(&self) {
        self.has_left.store(true, Ordering::SeqCst);
        if self.has_any.load(Ordering::SeqCst) {
            self.cache.blocks.retain(|(segment, _), _| *segment != self.segment);
        }
    }
}

impl Drop for CachedBlocks {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(bytes: usize) -> Arc<LoadedBlock> {
        Arc::new(LoadedBlock::new(0..1, &vec![0; bytes]))
    }

    #[test]
    fn holds_no_more_than_its_budget_and_forgets_who_leaves() {
        let budget = Budget::new("blocks", 1 << 20);
        let cache = Arc::new(BlockCache::new(budget.clone()));
        let (first, second) = (CachedBlocks::new(&cache), CachedBlocks::new(&cache));
        first.insert(7, &block(1_000));
        second.insert(7, &block(2_000));
        assert_eq!(first.get(7).map(|block| block.bytes().len()), Some(1_000));
        assert_eq!(second.get(7).map(|block| block.bytes().len()), Some(2_000));
        assert!(first.get(8).is_none());
        first.leave();
        assert!(first.get(7).is_none() && second.get(7).is_some());
        first.insert(7, &block(1_000));
        assert!(first.get(7).is_none(), "who has left does not come back");
        for number in 0..1_000 {
            second.insert(number, &block(5_000));
            assert!(budget.used() <= budget.limit());
        }
        let held = budget.used();
        assert!(held > budget.limit() / 2, "{held} bytes are held");
        drop(second);
        assert_eq!(budget.used(), 0);
    }
}
