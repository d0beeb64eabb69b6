//! Random numbers that stay the same for ever: `SplitMix64`, and the few draws a cube needs.
//!
//! Only integer steps and the exactly rounded operations of IEEE 754 (`+ - * /`) are used, no
//! library function such as `exp`, so that every machine and every compiler makes the same cube.

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "draws are cut to the bits that are wanted"
)]

/// Step of the `SplitMix64` counter: 2^64 divided by the golden ratio.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// Scrambles 64 bits so that each output bit depends on each input bit.
///
/// Source: Steele, Lea, Flood: Fast splittable pseudorandom number generators (OOPSLA 2014).
pub fn scramble(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

/// A stream of random bits, decided by its seed alone.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Random {
        Random { state: scramble(seed.wrapping_add(STEP)) }
    }

    /// The stream of one part of a seeded whole: series 17 of cube 42.
    pub fn of(seed: u64, part: u64) -> Random {
        Random::new(scramble(seed) ^ part.wrapping_mul(STEP))
    }

    /// The next 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        scramble(self.state)
    }

    /// An integer from 0 to `bound - 1`; 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// A number in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// A bell-shaped number with mean 0 and standard deviation 1, between -3.5 and 3.5: the sum
    /// of four 16-bit numbers, which costs one draw.
    pub fn bell(&mut self) -> f64 {
        let bits = self.bits();
        let sum =
            (bits & 0xFFFF) + ((bits >> 16) & 0xFFFF) + ((bits >> 32) & 0xFFFF) + (bits >> 48);
        (sum as f64 - 131_070.0) / 37_837.0
    }
}

/// Choices with weights: draws the position of one of them.
#[derive(Clone, Debug)]
pub struct Weights {
    /// Sum of the weights up to and with each choice.
    cumulative: Vec<f64>,
}

impl Weights {
    /// Choices of these weights, none of them negative.
    pub fn new(weights: impl IntoIterator<Item = f64>) -> Weights {
        let mut sum = 0.0;
        let cumulative: Vec<f64> = weights
            .into_iter()
            .map(|weight| {
                sum += weight;
                sum
            })
            .collect();
        Weights { cumulative }
    }

    /// The weight of the choices from `first` on.
    pub fn from(&self, first: usize) -> f64 {
        let before = first.checked_sub(1).map_or(0.0, |last| self.cumulative[last]);
        self.cumulative.last().map_or(0.0, |sum| sum - before)
    }

    /// The weight of one choice.
    pub fn of(&self, choice: usize) -> f64 {
        self.cumulative[choice] - choice.checked_sub(1).map_or(0.0, |last| self.cumulative[last])
    }

    /// Draws a choice among those from `first` on.
    pub fn draw_from(&self, first: usize, random: &mut Random) -> usize {
        let rest = self.from(first);
        let sum = self.cumulative.last().copied().unwrap_or(0.0);
        let wanted = sum - rest + random.unit() * rest;
        let found = self.cumulative.partition_point(|&bound| bound <= wanted);
        found.clamp(first, self.cumulative.len() - 1)
    }

    /// Draws a choice.
    pub fn draw(&self, random: &mut Random) -> usize {
        self.draw_from(0, random)
    }
}

/// A permutation of `0..len` without a table: a Feistel network over the next even power of two,
/// walked until it comes back below `len`.
#[derive(Clone, Debug)]
pub struct Permutation {
    len: u64,
    half_bits: u32,
    seed: u64,
}

impl Permutation {
    /// The permutation of a seed.
    pub fn new(seed: u64, len: u64) -> Permutation {
        let bits = u64::BITS - len.saturating_sub(1).leading_zeros();
        Permutation { len, half_bits: bits.div_ceil(2).max(1), seed }
    }

    /// Where a position goes; `position` is below the length.
    pub fn apply(&self, position: u64) -> u64 {
        let mask = (1_u64 << self.half_bits) - 1;
        let mut at = position;
        loop {
            let (mut left, mut right) = (at >> self.half_bits, at & mask);
            for round in 0..4 {
                let mixed = scramble(self.seed ^ right.wrapping_mul(STEP) ^ (round << 60));
                (left, right) = (right, left ^ (mixed & mask));
            }
            at = (left << self.half_bits) | right;
            if at < self.len {
                return at;
            }
        }
    }
}
