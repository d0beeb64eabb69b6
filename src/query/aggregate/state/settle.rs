//! What is calculated once all observations are collected: quantiles, on several threads.

use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use datafusion::common::runtime::JoinSet;
use datafusion::error::{DataFusionError, Result};

use crate::error;
use crate::error::Error;
use crate::query::aggregate::AggregateSpec;
use crate::query::aggregate::state::levels::Level;
use crate::query::aggregate::state::quantile::{Bag, Quantile};
use crate::query::aggregate::state::special::{Special, SpecialCells};
use crate::query::error::to_datafusion;

/// A quantile to find: of a cell of a function of an input of a level.
#[derive(Clone, Copy, Debug)]
struct Job {
    level: usize,
    input: usize,
    function: usize,
    cell: usize,
    quantile: Quantile,
    /// How many numbers there are.
    count: usize,
}

/// What the threads share.
struct Jobs {
    levels: Vec<Level>,
    all: Vec<Job>,
    next: AtomicUsize,
}

/// Finds the quantiles of all cells.
///
/// # Errors
///
/// If `cancelled` is set.
pub(crate) async fn settle(
    spec: &AggregateSpec,
    levels: Vec<Level>,
    threads: usize,
    cancelled: &Arc<AtomicBool>,
) -> Result<Vec<Level>> {
    if !spec.specials.iter().any(Special::is_of_numbers) {
        return Ok(levels);
    }
    let mut jobs = jobs(spec, &levels);
    // The largest first, so that no thread is left with one.
    jobs.sort_by_key(|job| Reverse(job.count));
    let threads = threads.min(jobs.len());
    let shared = Arc::new(Jobs { levels, all: jobs, next: AtomicUsize::new(0) });
    let mut tasks = JoinSet::new();
    for _ in 0..threads {
        let (shared, cancelled) = (Arc::clone(&shared), Arc::clone(cancelled));
        tasks.spawn_blocking(move || work(&shared, &cancelled));
    }
    let mut found = Vec::new();
    while let Some(task) = tasks.join_next().await {
        let answers = task.map_err(|e| DataFusionError::External(Box::new(e)))?;
        found.extend(answers.map_err(to_datafusion)?);
    }
    let Ok(Jobs { mut levels, all: jobs, .. }) = Arc::try_unwrap(shared) else {
        return Err(to_datafusion(Error::bug("a thread that ended holds what it worked on")));
    };
    for level in &mut levels {
        let specials = level.cells.inputs.iter_mut().flat_map(|input| &mut input.specials);
        specials.for_each(|(_, cells)| cells.settle());
    }
    for (job, answer) in found {
        let Job { level, input, function, cell, .. } = jobs[job];
        let specials = &mut levels[level].cells.inputs[input].specials;
        if let SpecialCells::Answers(answers) = &mut specials[function].1 {
            answers[cell] = answer;
        }
    }
    Ok(levels)
}

/// All quantiles that have a number to be found among.
fn jobs(spec: &AggregateSpec, levels: &[Level]) -> Vec<Job> {
    let mut jobs = Vec::new();
    for (level, state) in levels.iter().enumerate() {
        for (input, cells) in state.cells.inputs.iter().enumerate() {
            for (function, (special, cells)) in cells.specials.iter().enumerate() {
                let Special::Quantile(quantile) = spec.specials[*special] else { continue };
                for (cell, count) in cells.counts().filter(|(_, count)| *count > 0) {
                    jobs.push(Job { level, input, function, cell, quantile, count });
                }
            }
        }
    }
    jobs
}

/// What one thread does: takes jobs until none is left. Gives the number of each with its answer.
fn work(shared: &Jobs, cancelled: &AtomicBool) -> error::Result<Vec<(usize, Option<f64>)>> {
    let mut answers = Vec::new();
    loop {
        let number = shared.next.fetch_add(1, Ordering::Relaxed);
        let Some(job) = shared.all.get(number) else { return Ok(answers) };
        let specials = &shared.levels[job.level].cells.inputs[job.input].specials;
        let bag: Option<&Bag> = specials[job.function].1.bag(job.cell);
        let answer = match bag {
            Some(bag) => job.quantile.of(bag, cancelled)?,
            None => None,
        };
        answers.push((number, answer));
    }
}
