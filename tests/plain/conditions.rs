//! Random conditions over the columns of a cube.

use crate::cube::random::Random;
use crate::cubes::World;

const DEPTH_MAX: u32 = 3;

/// Draws names, codes, periods and conditions of one cube.
pub(crate) struct Draw<'a> {
    pub(crate) world: &'a World,
    random: Random,
}

impl<'a> Draw<'a> {
    pub(crate) fn new(world: &'a World, seed: u64) -> Draw<'a> {
        Draw { world, random: Random::of(seed, 2) }
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.random.below(bound as u64)).expect("less than a usize")
    }

    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.random.chance(probability)
    }

    pub(crate) fn pick<'b>(&mut self, choices: &[&'b str]) -> &'b str {
        choices[self.below(choices.len())]
    }

    pub(crate) fn has_time(&self) -> bool {
        self.world.spec.has_time()
    }

    /// All of these in a random order.
    pub(crate) fn shuffled<T>(&mut self, mut all: Vec<T>) -> Vec<T> {
        for at in (1..all.len()).rev() {
            let other = self.below(at + 1);
            all.swap(at, other);
        }
        all
    }

    pub(crate) fn dimensions(&self) -> Vec<String> {
        self.world.spec.dimensions.iter().map(|it| it.id.to_lowercase()).collect()
    }

    pub(crate) fn dimension(&mut self) -> String {
        let all = self.dimensions();
        all[self.below(all.len())].clone()
    }

    /// The column of a measure, mostly of the first.
    pub(crate) fn measure(&mut self) -> String {
        let measures = &self.world.spec.measures;
        let which =
            if self.random.chance(0.7) { 0 } else { self.random.below(measures.len() as u64) };
        measures[usize::try_from(which).expect("small")].to_lowercase()
    }

    /// A coded column that is no dimension.
    pub(crate) fn attribute(&mut self) -> String {
        let ids = self.world.spec.attributes.iter().map(|it| it.id().to_lowercase());
        let mut all: Vec<String> = ids.collect();
        all.extend(["obs_status".to_owned(), "obs_status".to_owned()]);
        all[self.below(all.len())].clone()
    }

    /// A code of a dimension; sometimes one that does not exist.
    pub(crate) fn code(&mut self, column: &str) -> String {
        if self.chance(0.05) {
            return "NOWHERE".to_owned();
        }
        let dimensions = &self.world.spec.dimensions;
        let dimension = dimensions.iter().find(|it| it.id.to_lowercase() == column);
        let codes = &dimension.expect("a dimension").codes;
        codes[self.below(codes.len())].clone()
    }

    pub(crate) fn period(&mut self) -> String {
        let year = self.year();
        match self.below(8) {
            0 => format!("{year}-Q{}", 1 + self.below(4)),
            1 => format!("{year}-{:02}", 1 + self.below(12)),
            2 => format!("{year}-{:02}-{:02}", 1 + self.below(12), 1 + self.below(28)),
            3 => format!("{year}-S{}", 1 + self.below(2)),
            4 => format!("{year}-W{:02}", 1 + self.below(52)),
            _ => year.to_string(),
        }
    }

    pub(crate) fn year(&mut self) -> usize {
        1990 + self.below(37)
    }

    /// A number that values of the cube lie around, and that no sum of them is likely to be.
    pub(crate) fn number(&mut self) -> String {
        let (whole, digits) = (self.below(1_000), self.below(6));
        let sign = if self.chance(0.1) { "-" } else { "" };
        format!("{sign}{}.00731", whole * 10_usize.pow(u32::try_from(digits).expect("small")) / 100)
    }

    /// ` WHERE ...`, or nothing.
    pub(crate) fn filter(&mut self) -> String {
        if self.chance(0.3) { String::new() } else { format!(" WHERE {}", self.condition()) }
    }

    pub(crate) fn condition(&mut self) -> String {
        self.nested(0)
    }

    /// A condition without AND, OR and NOT.
    pub(crate) fn simple(&mut self) -> String {
        self.nested(DEPTH_MAX)
    }

    fn nested(&mut self, depth: u32) -> String {
        if depth < DEPTH_MAX {
            match self.below(9) {
                0..=2 => {
                    let (a, b) = (self.nested(depth + 1), self.nested(depth + 1));
                    return format!("({a} AND {b})");
                }
                3 => {
                    let (a, b) = (self.nested(depth + 1), self.nested(depth + 1));
                    return format!("({a} OR {b})");
                }
                4 => return format!("NOT ({})", self.nested(depth + 1)),
                _ => {}
            }
        }
        match self.below(10) {
            0..=2 if self.has_time() => self.of_time(),
            3..=5 => self.of_value(),
            _ => self.of_code(),
        }
    }

    fn of_code(&mut self) -> String {
        let column = self.dimension();
        let (one, two) = (self.code(&column), self.code(&column));
        match self.below(16) {
            0..=3 => format!("{column} = '{one}'"),
            4 => format!("{column} <> '{one}'"),
            5 => format!("{column} IN ('{one}', '{two}', 'NOWHERE')"),
            6 => format!("{column} NOT IN ('{one}', '{two}')"),
            7 => format!("{column} LIKE '{}%'", &one[..1]),
            8 => format!("{column} >= '{one}'"),
            9 => format!("{column} BETWEEN '{one}' AND '{two}'"),
            10 => format!("{column} IS NOT NULL"),
            11 => format!("lower({column}) = '{}'", one.to_lowercase()),
            12 => format!("length({column}) = {}", one.len()),
            13 => format!("{column} < {}", self.dimension()),
            14 => format!("{column} IS DISTINCT FROM '{one}'"),
            _ => format!("coalesce(nullif({column}, '{one}'), 'x') = 'x'"),
        }
    }

    fn of_time(&mut self) -> String {
        let (one, two, year) = (self.period(), self.period(), self.year());
        match self.below(14) {
            0 | 1 => format!("time_period >= '{one}'"),
            2 => format!("time_period < '{one}'"),
            3 => format!("time_period = '{one}'"),
            4 => format!("time_period BETWEEN '{one}' AND '{two}'"),
            5 => format!("time_period LIKE '{year}%'"),
            6 => format!("time_period IN ('{one}', '{two}')"),
            7 => format!("period_start >= DATE '{year}-04-01'"),
            8 => format!("period_end < DATE '{year}-04-01'"),
            9 => format!("period_start BETWEEN DATE '{year}-01-01' AND DATE '{year}-12-31'"),
            10 => format!("extract(year FROM period_start) = {year}"),
            11 => format!("substr(time_period, 1, 4) = '{year}'"),
            12 => format!("period_end - period_start < {}", self.below(100)),
            _ => format!("time_period <> '{one}'"),
        }
    }

    fn of_value(&mut self) -> String {
        let (measure, bound, other) = (self.measure(), self.number(), self.number());
        let (attribute, status) = (self.attribute(), self.pick(&["A", "E", "P", "B", "M"]));
        match self.below(16) {
            0 => format!("{measure} IS NULL"),
            1 => format!("{measure} IS NOT NULL"),
            2 | 3 => format!("{measure} > {bound}"),
            4 => format!("{measure} <= {bound}"),
            5 => format!("{measure} BETWEEN {bound} AND {other}"),
            6 => format!("{measure} = {}", self.below(4)),
            7 => format!("{measure} <> {}", self.below(4)),
            8 => format!("abs({measure}) < {bound}"),
            9 => format!("{measure}_text LIKE '{}%'", self.below(10)),
            10 => format!("obs_status = '{status}'"),
            11 => format!("obs_status <> '{status}'"),
            12 => format!("obs_status IN ('{status}', 'F')"),
            13 => format!("{attribute} IS NULL"),
            14 => format!("{attribute} >= 'E'"),
            _ => format!("{measure} * 2 >= {bound}"),
        }
    }
}
