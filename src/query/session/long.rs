//! Long statements run on threads of their own, so that short ones do not wait behind them.
//!
//! An operator gives way after a few batches, which takes milliseconds each. A short statement
//! comes to a thread several times (it is planned, started, answered), and would wait for as many
//! batches of every scan that runs. So a server has two groups of threads, and the processors are
//! shared by the operating system, which lets those go first that have slept.

use std::sync::Arc;

use datafusion::common::Statistics;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::joins::{CrossJoinExec, NestedLoopJoinExec};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::{RecordBatchReceiverStream, RecordBatchStreamAdapter};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::{StreamExt, TryStreamExt, stream};
use tokio::runtime::Handle;

/// Rows of all tables of a statement above which it is long: some ten milliseconds of work.
const LONG_ROWS: usize = 100_000;
/// Batches that wait between the threads of a long statement and whoever reads its rows.
const BATCHES_WAITING_MAX: usize = 2;

/// The rows of a plan, which is started where `long` says if it is long, and else where the rows
/// are read. Nothing is started before somebody reads.
///
/// # Errors
///
/// Those of starting a short plan; a long one tells them with its rows.
pub(super) fn execute(
    plan: Arc<dyn ExecutionPlan>,
    task: Arc<TaskContext>,
    long: Option<&Handle>,
) -> Result<SendableRecordBatchStream> {
    let Some(long) = long.filter(|_| is_long(&plan)) else { return execute_stream(plan, task) };
    let (schema, long) = (plan.schema(), long.clone());
    let started = async move {
        let mut rows = RecordBatchReceiverStream::builder(plan.schema(), BATCHES_WAITING_MAX);
        let sender = rows.tx();
        let work = async move {
            let mut batches = execute_stream(plan, task)?;
            while let Some(batch) = batches.next().await {
                if sender.send(batch).await.is_err() {
                    break;
                }
            }
            Ok(())
        };
        rows.spawn_on(work, &long);
        Ok::<_, DataFusionError>(rows.build())
    };
    let rows = stream::once(started).try_flatten();
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
}

/// Whether a plan reads many rows, or may make many of few.
fn is_long(plan: &Arc<dyn ExecutionPlan>) -> bool {
    rows_read(plan).is_none_or(|rows| rows > LONG_ROWS)
}

/// The rows that the leaves of a plan give, as far as they know; absent where that says little.
fn rows_read(plan: &Arc<dyn ExecutionPlan>) -> Option<usize> {
    if plan.is::<CrossJoinExec>() || plan.is::<NestedLoopJoinExec>() {
        return None;
    }
    let children = plan.children();
    if children.is_empty() {
        let found: Option<Arc<Statistics>> =
            plan.statistics_from_inputs(&[], &StatisticsArgs::new()).ok();
        // What does not know is a short list, such as that of codes.
        return Some(found.and_then(|it| it.num_rows.get_value().copied()).unwrap_or_default());
    }
    children.into_iter().try_fold(0_usize, |sum, child| Some(sum.saturating_add(rows_read(child)?)))
}
