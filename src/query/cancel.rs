//! Stopping a statement that runs.
//!
//! A stream that nobody pulls stands still, but an operator that reads its whole input before its
//! first row (a sum over a cross join) is busy within one call. So every operator's input passes
//! through `CancelExec`, which looks at the statement's [`CancelToken`] before each batch and
//! gives way to other tasks of the thread at every few batches.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::Statistics;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::execution_plan::{CardinalityEffect, ChildrenPropertiesMode};
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions,
};
use futures::{Stream, StreamExt};
use tokio::sync::Notify;

use crate::error::Error;
use crate::query::error::to_datafusion;

/// Batches after which an operator gives way: at 8,192 rows a batch, a few milliseconds of work.
const BATCHES_BETWEEN_YIELDS: u8 = 4;

/// Why nobody wants the rest of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelReason {
    /// Somebody asked for it.
    Request,
    /// It took longer than the session allows.
    Timeout,
    /// The client has gone.
    ClientGone,
    /// The session is being ended from outside.
    Terminated,
}

impl CancelReason {
    const ALL: [Self; 4] = [Self::Request, Self::Timeout, Self::ClientGone, Self::Terminated];
}

/// Tells one statement, from anywhere, to stop. Clones mean the same statement.
#[derive(Clone, Default)]
pub struct CancelToken(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// The place of the reason in [`CancelReason::ALL`], from 1; 0 while the statement may run.
    reason: AtomicU8,
    changed: Notify,
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CancelToken({:?})", self.reason())
    }
}

impl CancelToken {
    /// Stops the statement. Only the first reason counts.
    pub fn cancel(&self, reason: CancelReason) {
        let place = (1..).zip(CancelReason::ALL).find(|(_, known)| *known == reason);
        let place = place.map_or(1, |(place, _)| place);
        // Whoever comes later finds the first reason.
        let _first = self.0.reason.compare_exchange(0, place, Ordering::AcqRel, Ordering::Acquire);
        self.0.changed.notify_waiters();
    }

    /// Why the statement has to stop. Absent while it may run.
    pub fn reason(&self) -> Option<CancelReason> {
        let place = usize::from(self.0.reason.load(Ordering::Acquire));
        CancelReason::ALL.get(place.checked_sub(1)?).copied()
    }

    /// Waits until the statement has to stop.
    pub async fn cancelled(&self) -> CancelReason {
        loop {
            let changed = self.0.changed.notified();
            if let Some(reason) = self.reason() {
                return reason;
            }
            changed.await;
        }
    }

    /// Ends the statement's work with an error once it has to stop.
    pub(crate) fn check(&self) -> Result<()> {
        match self.reason() {
            Some(_) => Err(to_datafusion(Error::invalid("statement", "was cancelled"))),
            None => Ok(()),
        }
    }
}

/// Puts a `CancelExec` between each operator and its inputs. Has to be the last rule, as others
/// look for the operators that they know.
#[derive(Debug, Default)]
pub(super) struct Cancellation;

impl PhysicalOptimizerRule for Cancellation {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let children = node.children();
            if children.is_empty() || node.is::<CancelExec>() {
                return Ok(Transformed::no(node));
            }
            let children = children.into_iter().map(|child| -> Arc<dyn ExecutionPlan> {
                Arc::new(CancelExec::new(Arc::clone(child)))
            });
            let children = children.collect();
            let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Keep);
            node.replace_children(children, options).map(Transformed::yes)
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "cancellation"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Passes its input on, batch by batch, until the statement is cancelled.
#[derive(Clone, Debug)]
struct CancelExec {
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl CancelExec {
    fn new(input: Arc<dyn ExecutionPlan>) -> Self {
        let properties = Arc::clone(input.properties());
        Self { input, properties }
    }
}

impl DisplayAs for CancelExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CancelExec")
    }
}

impl ExecutionPlan for CancelExec {
    fn name(&self) -> &'static str {
        "CancelExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(input), true) => Ok(Arc::new(Self::new(input))),
            _ => Err(to_datafusion(Error::bug("CancelExec has one input"))),
        }
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(
            children,
            ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute),
        )
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let token = context.session_config().get_extension::<CancelToken>();
        let input = self.input.execute(partition, context)?;
        match token {
            Some(token) => {
                let token = CancelToken::clone(&token);
                Ok(Box::pin(Watched { input, token, batches: 0 }))
            }
            None => Ok(input),
        }
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(partition)]
    }

    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        _: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let one = inputs.first().map(Arc::clone);
        one.ok_or_else(|| to_datafusion(Error::bug("CancelExec has one input")))
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::Equal
    }
}

/// The batches of an input, with a look at the token before each.
struct Watched {
    input: SendableRecordBatchStream,
    token: CancelToken,
    batches: u8,
}

impl Stream for Watched {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Err(error) = self.token.check() {
            return Poll::Ready(Some(Err(error)));
        }
        if self.batches >= BATCHES_BETWEEN_YIELDS {
            self.batches = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let next = self.input.poll_next_unpin(context);
        if next.is_ready() {
            self.batches += 1;
        }
        next
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.input.size_hint()
    }
}

impl RecordBatchStream for Watched {
    fn schema(&self) -> SchemaRef {
        self.input.schema()
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn the_first_reason_counts() {
        let token = CancelToken::default();
        assert_eq!(token.reason(), None);
        assert!(token.cancelled().now_or_never().is_none());
        let other = token.clone();
        other.cancel(CancelReason::Timeout);
        token.cancel(CancelReason::Request);
        assert_eq!(token.reason(), Some(CancelReason::Timeout));
        assert_eq!(token.cancelled().now_or_never(), Some(CancelReason::Timeout));
        assert!(token.check().is_err());
    }
}
