//! Distinct series keys in key order, drawn from skewed codes without a table of keys.
//!
//! The wanted number of series is split over the codes of the first dimension in proportion to
//! their weights, each part over the codes of the second, and so on: keys come out sorted and
//! distinct, and memory is a few words per dimension however many series there are.

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of series are far below 2^53"
)]

use super::CubeSpec;
use super::random::Random;
use super::random::Weights;

/// The keys of a cube in key order: positions of codes, one per dimension.
#[derive(Debug)]
pub struct Keys {
    random: Random,
    /// Weights of the codes, per dimension.
    weights: Vec<Weights>,
    /// Codes, per dimension.
    code_counts: Vec<usize>,
    /// Distinct keys under one code of a dimension: the product of the later code counts.
    capacity: Vec<u64>,
    levels: Vec<Level>,
    key: Vec<u16>,
}

/// Where the walk stands in one dimension, under the codes chosen before it.
#[derive(Clone, Copy, Debug)]
struct Level {
    /// Series still to be given to the codes from `code` on.
    left: u64,
    code: usize,
}

impl Keys {
    /// The keys that a specification asks for.
    pub fn new(spec: &CubeSpec) -> Keys {
        let code_counts: Vec<usize> =
            spec.dimensions.iter().map(|dimension| dimension.codes.len()).collect();
        let mut capacity = vec![1_u64; code_counts.len()];
        for dimension in (1..code_counts.len()).rev() {
            capacity[dimension - 1] =
                capacity[dimension].saturating_mul(code_counts[dimension] as u64);
        }
        let whole = capacity[0].saturating_mul(code_counts[0] as u64);
        assert!(spec.series_count <= whole, "only {whole} keys exist");
        Keys {
            random: Random::of(spec.seed, u64::MAX),
            weights: spec
                .dimensions
                .iter()
                .map(|dimension| Weights::new(dimension.weights.iter().copied()))
                .collect(),
            capacity,
            levels: vec![Level { left: spec.series_count, code: 0 }],
            key: vec![0; code_counts.len()],
            code_counts,
        }
    }

    /// The next key, or `None` after the last one.
    pub fn next_key(&mut self) -> Option<&[u16]> {
        let last = self.code_counts.len() - 1;
        loop {
            let depth = self.levels.len().checked_sub(1)?;
            let level = self.levels[depth];
            if level.left == 0 {
                self.levels.pop();
                continue;
            }
            let (code, taken) = self.take(depth, level);
            self.levels[depth] = Level { left: level.left - taken, code: code + 1 };
            if taken == 0 {
                continue;
            }
            self.key[depth] = code as u16;
            if depth == last {
                return Some(&self.key);
            }
            self.levels.push(Level { left: taken, code: 0 });
        }
    }

    /// The next code of a level and the number of series it takes.
    fn take(&mut self, depth: usize, level: Level) -> (usize, u64) {
        let weights = &self.weights[depth];
        if level.left == 1 {
            return (weights.draw_from(level.code, &mut self.random), 1);
        }
        let capacity = self.capacity[depth];
        let codes_after = (self.code_counts[depth] - level.code - 1) as u64;
        let least = level.left.saturating_sub(capacity.saturating_mul(codes_after));
        let share = weights.of(level.code) / weights.from(level.code);
        let wanted = (level.left as f64 * share + self.random.unit()) as u64;
        (level.code, wanted.max(least).min(capacity).min(level.left))
    }
}
