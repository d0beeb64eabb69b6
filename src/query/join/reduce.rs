//! Leaves out series that have no partner on the other side of a join.
//!
//! Where two scans are joined on dimensions, whatever else they are joined on, the keys of the
//! series of both are known from the index: `f.ref_area = m.ref_area AND f.age = m.age AND
//! f.time_period = m.time_period` reads no series of `f` whose area and age no series of `m` has.

use std::sync::Arc;

use datafusion::common::JoinType;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::execution_plan::ChildrenPropertiesMode;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::{ExecutionPlan, ReplaceChildrenOptions};

use crate::error;
use crate::query::error::to_datafusion;
use crate::query::join::trace::{Traced, trace, with_scan};
use crate::query::scan::{KeyNumbers, KeySet, SeriesScanExec};
use crate::store::Selections;

/// Series of both sides together whose keys are compared, at most: fifty milliseconds.
const SERIES_MAX: u64 = 1 << 19;

/// `plan` with smaller scans below its joins, in up to `partitions` partitions each.
pub(super) fn reduce(
    plan: Arc<dyn ExecutionPlan>,
    partitions: usize,
) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        let reduced = match node.downcast_ref::<HashJoinExec>() {
            Some(join) => reduced(join, partitions)?,
            None => None,
        };
        match reduced {
            Some(inputs) => {
                let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
                node.replace_children(inputs, options).map(Transformed::yes)
            }
            None => Ok(Transformed::no(node)),
        }
    })
    .data()
}

/// The smaller inputs of a join; absent where nothing can be left out.
fn reduced(join: &HashJoinExec, partitions: usize) -> Result<Option<Vec<Arc<dyn ExecutionPlan>>>> {
    let Some(may_drop) = droppable(join) else { return Ok(None) };
    let (Some(left), Some(right)) = (trace(join.left()), trace(join.right())) else {
        return Ok(None);
    };
    let pairs = pairs(join, &left, &right);
    let Some(partners) = partners(&left, &right, &pairs).map_err(to_datafusion)? else {
        return Ok(None);
    };
    let (of_left, of_right) = partners;
    let narrow = |plan: &Arc<dyn ExecutionPlan>, scan: &SeriesScanExec, series: Selections| {
        with_scan(plan, Arc::new(scan.of_series(series, partitions)?))
    };
    let is_less =
        |series: &Selections, traced: &Traced<'_>| series.len() < traced.scan.spec().series.len();
    let (drops_left, drops_right) =
        (may_drop.left && is_less(&of_left, &left), may_drop.right && is_less(&of_right, &right));
    if !drops_left && !drops_right {
        return Ok(None);
    }
    let mut inputs = vec![Arc::clone(join.left()), Arc::clone(join.right())];
    if drops_left {
        inputs[0] = narrow(join.left(), left.scan, of_left)?;
    }
    if drops_right {
        inputs[1] = narrow(join.right(), right.scan, of_right)?;
    }
    Ok(Some(inputs))
}

/// The sides whose rows a join drops where they have no partner.
struct MayDrop {
    left: bool,
    right: bool,
}

fn droppable(join: &HashJoinExec) -> Option<MayDrop> {
    // Whether there are rows at all matters to `NOT IN`.
    if join.null_aware {
        return None;
    }
    match join.join_type() {
        JoinType::Inner | JoinType::LeftSemi | JoinType::RightSemi => {
            Some(MayDrop { left: true, right: true })
        }
        JoinType::Left | JoinType::LeftAnti | JoinType::LeftMark => {
            Some(MayDrop { left: false, right: true })
        }
        JoinType::Right | JoinType::RightAnti | JoinType::RightMark => {
            Some(MayDrop { left: true, right: false })
        }
        JoinType::Full => None,
    }
}

/// The dimensions of both sides that a join compares.
fn pairs(join: &HashJoinExec, left: &Traced<'_>, right: &Traced<'_>) -> Vec<(usize, usize)> {
    let column = |expr: &Arc<dyn PhysicalExpr>| expr.downcast_ref::<Column>().map(Column::index);
    let pairs = join
        .on()
        .iter()
        .filter_map(|(l, r)| Some((left.dimension(column(l)?)?, right.dimension(column(r)?)?)));
    pairs.collect()
}

/// The series of both sides that have a partner; absent where that is not worth finding out.
fn partners(
    left: &Traced<'_>,
    right: &Traced<'_>,
    pairs: &[(usize, usize)],
) -> error::Result<Option<(Selections, Selections)>> {
    let (own, other) = (left.scan.source().cube(), right.scan.source().cube());
    let (all_left, all_right) = (&left.scan.spec().series, &right.scan.spec().series);
    let (dimensions, of_other): (Vec<usize>, Vec<usize>) = pairs.iter().copied().unzip();
    let is_itself = Arc::ptr_eq(own, other) && dimensions == of_other && all_left == all_right;
    if pairs.is_empty() || is_itself || all_left.len() + all_right.len() > SERIES_MAX {
        return Ok(None);
    }
    let Some(numbers) = KeyNumbers::new(own, &dimensions) else { return Ok(None) };
    let others = numbers.translated(own, other, &of_other);
    let keys_left = keys(&numbers, left.scan)?;
    let keys_right = keys(&others, right.scan)?;
    let of_left = with_keys(&numbers, left.scan, &keys_right)?;
    let of_right = with_keys(&others, right.scan, &keys_left)?;
    Ok(Some((of_left, of_right)))
}

/// The keys of the series of a scan.
fn keys(numbers: &KeyNumbers, scan: &SeriesScanExec) -> error::Result<KeySet> {
    let mut set = numbers.set();
    for (part, selection) in scan.source().cube().parts().iter().zip(&scan.spec().series.0) {
        numbers.add(part, selection, &mut set)?;
    }
    Ok(set)
}

/// The series of a scan that have one of these keys.
fn with_keys(
    numbers: &KeyNumbers,
    scan: &SeriesScanExec,
    keys: &KeySet,
) -> error::Result<Selections> {
    let parts = scan.source().cube().parts().iter().zip(&scan.spec().series.0);
    let found = parts.map(|(part, selection)| numbers.filter(part, selection, keys, true));
    Ok(Selections(found.collect::<error::Result<Vec<_>>>()?))
}
