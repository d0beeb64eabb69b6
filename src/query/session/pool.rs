//! The memory of all running queries: a [`Budget`] as DataFusion's memory pool.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryLimit, MemoryPool, MemoryReservation};

use crate::error;
use crate::limits::{Budget, Reservation};

/// What operators hold, taken from a [`Budget`] that others may share.
///
/// Whoever asks first gets it; an operator that can spill does so when it is refused.
#[derive(Debug)]
pub(super) struct BudgetPool {
    limit: u64,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    reservation: Reservation,
    /// Bytes that operators hold: over what is reserved where one could not be refused.
    bytes: usize,
}

impl BudgetPool {
    /// A pool over a budget, empty at first.
    pub(super) fn new(budget: &Budget) -> error::Result<Self> {
        let held = Mutex::new(Held { reservation: budget.reserve(0)?, bytes: 0 });
        Ok(Self { limit: budget.limit(), held })
    }

    fn with<T>(&self, change: impl FnOnce(&mut Held) -> T) -> T {
        change(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Display for BudgetPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "budget({} of {} bytes)", self.reserved(), self.limit)
    }
}

impl MemoryPool for BudgetPool {
    fn name(&self) -> &'static str {
        "budget"
    }

    fn grow(&self, _reservation: &MemoryReservation, additional: usize) {
        self.with(|held| {
            held.bytes += additional;
            let more = (held.bytes as u64).saturating_sub(held.reservation.bytes());
            // Over the limit the bytes are counted all the same, and the next `try_grow` fails.
            held.reservation.grow(more).unwrap_or_default();
        });
    }

    fn shrink(&self, _reservation: &MemoryReservation, shrink: usize) {
        self.with(|held| {
            held.bytes = held.bytes.saturating_sub(shrink);
            held.reservation.shrink_to(held.bytes as u64);
        });
    }

    fn try_grow(&self, _reservation: &MemoryReservation, additional: usize) -> Result<()> {
        self.with(|held| {
            let after = held.bytes + additional;
            let more = (after as u64).saturating_sub(held.reservation.bytes());
            let grown = held.reservation.grow(more);
            // Operators spill at this variant and at no other.
            grown.map_err(|error| DataFusionError::ResourcesExhausted(error.to_string()))?;
            held.bytes = after;
            Ok(())
        })
    }

    fn reserved(&self) -> usize {
        self.with(|held| held.bytes)
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(usize::try_from(self.limit).unwrap_or(usize::MAX))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::execution::memory_pool::MemoryConsumer;

    use super::*;
    use crate::error::Error;
    use crate::query::error::{QUERY_MEMORY, from_datafusion};

    #[test]
    fn refuses_what_is_over_and_takes_back_what_is_freed() {
        let budget = Budget::new(QUERY_MEMORY, 100);
        let pool: Arc<dyn MemoryPool> = Arc::new(BudgetPool::new(&budget).expect("a pool"));
        let reservation = MemoryConsumer::new("test").register(&pool);
        reservation.try_grow(60).expect("fits");
        let error = from_datafusion(&reservation.try_grow(50).expect_err("too much"));
        assert!(matches!(error, Error::Limit { actual: 110, limit: 100, .. }), "{error:?}");
        reservation.grow(50);
        assert_eq!(pool.reserved(), 110);
        reservation.shrink(30);
        assert_eq!((pool.reserved(), budget.used()), (80, 60));
        reservation.try_grow(10).expect("fits again");
        drop(reservation);
        assert_eq!((pool.reserved(), budget.used()), (0, 0));
    }
}
