//! Random queries over a cube, as text in which `{t}` is the table.

use crate::cube::CubeSpec;
use crate::cube::random::Random;

/// A query, and whether the order of its rows is decided by the query.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(crate) sql: String,
    pub(crate) is_ordered: bool,
}

/// Writes queries over one cube.
pub(crate) struct Writer<'a> {
    spec: &'a CubeSpec,
    random: Random,
}

const DEPTH_MAX: u32 = 3;

impl<'a> Writer<'a> {
    pub(crate) fn new(spec: &'a CubeSpec, seed: u64) -> Writer<'a> {
        Writer { spec, random: Random::new(seed) }
    }

    pub(crate) fn query(&mut self) -> Query {
        if self.random.chance(0.35) { self.rows() } else { self.groups() }
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.random.below(bound as u64)).expect("less than a usize")
    }

    fn pick<'b>(&mut self, choices: &[&'b str]) -> &'b str {
        choices[self.below(choices.len())]
    }

    fn dimension(&mut self) -> usize {
        self.below(self.spec.dimensions.len())
    }

    fn column(&self, dimension: usize) -> String {
        self.spec.dimensions[dimension].id.to_lowercase()
    }

    /// A code of a dimension, often a common one; sometimes one that does not exist.
    fn code(&mut self, dimension: usize) -> String {
        if self.random.chance(0.05) {
            return "NOWHERE".to_owned();
        }
        let codes = &self.spec.dimensions[dimension];
        let heaviest = codes.weights.iter().copied().fold(0.0, f64::max);
        let mut code = self.below(codes.codes.len());
        for _ in 0..8 {
            if self.random.unit() * heaviest < codes.weights[code] {
                break;
            }
            code = self.below(codes.codes.len());
        }
        codes.codes[code].clone()
    }

    fn period(&mut self) -> String {
        let year = 1985 + self.below(40);
        match self.below(6) {
            0 => format!("{year}-Q{}", 1 + self.below(4)),
            1 => format!("{year}-{:02}", 1 + self.below(12)),
            2 => format!("{year}-{:02}-{:02}", 1 + self.below(12), 1 + self.below(28)),
            _ => year.to_string(),
        }
    }

    /// The keys of a row: all dimensions in random order, then the period.
    fn key(&mut self) -> Vec<String> {
        let mut order: Vec<usize> = (0..self.spec.dimensions.len()).collect();
        for at in (1..order.len()).rev() {
            let other = self.below(at + 1);
            order.swap(at, other);
        }
        let mut key: Vec<String> = order.into_iter().map(|it| self.column(it)).collect();
        if self.spec.has_time() {
            key.push("time_period".to_owned());
        }
        key
    }

    fn rows(&mut self) -> Query {
        let key = self.key();
        let columns = if self.random.chance(0.3) {
            "*".to_owned()
        } else {
            format!("{}, obs_value, obs_value_text, obs_status", key.join(", "))
        };
        let mut sql = format!("SELECT {columns} FROM {{t}}{}", self.filter());
        let is_ordered = self.random.chance(0.6);
        if is_ordered {
            let directions: Vec<String> = key
                .iter()
                .map(|column| match self.below(8) {
                    0 => format!("{column} DESC"),
                    1 => format!("{column} DESC NULLS LAST"),
                    _ => column.clone(),
                })
                .collect();
            sql += &format!(" ORDER BY {}", directions.join(", "));
            if self.random.chance(0.6) {
                sql += &format!(" LIMIT {}", self.below(30));
                if self.random.chance(0.4) {
                    sql += &format!(" OFFSET {}", self.below(20));
                }
            }
        }
        Query { sql, is_ordered }
    }

    fn groups(&mut self) -> Query {
        let mut key = Vec::new();
        for _ in 0..self.below(4) {
            let dimension = self.dimension();
            let column = self.column(dimension);
            let expression = match self.below(10) {
                0 => format!("substr({column}, 1, 1)"),
                1 => format!("CASE WHEN {column} > 'M' THEN 'late' ELSE 'early' END"),
                _ => column,
            };
            if !key.contains(&expression) {
                key.push(expression);
            }
        }
        if self.spec.has_time() && self.random.chance(0.4) {
            let choices = ["time_period", "substr(time_period, 1, 4)", "period_start"];
            key.push(self.pick(&choices).to_owned());
        }
        if self.random.chance(0.1) {
            let attribute = self.pick(&["obs_status", "unit_measure", "decimals"]);
            key.push(attribute.to_owned());
        }
        let mut aggregates: Vec<String> = (0..=self.below(3)).map(|_| self.aggregate()).collect();
        aggregates.sort();
        aggregates.dedup();
        let mut columns = key.clone();
        columns.extend(aggregates);
        let mut sql = format!("SELECT {} FROM {{t}}{}", columns.join(", "), self.filter());
        if !key.is_empty() {
            sql += &format!(" GROUP BY {}", key.join(", "));
            if self.random.chance(0.2) {
                sql += &format!(" HAVING count(*) > {}", self.below(20));
            }
        }
        let is_ordered = self.random.chance(0.5);
        if is_ordered && !key.is_empty() {
            let places: Vec<String> = (1..=key.len()).map(|place| place.to_string()).collect();
            sql += &format!(" ORDER BY {}", places.join(", "));
            if self.random.chance(0.5) {
                sql += &format!(" LIMIT {}", self.below(20));
            }
        }
        Query { sql, is_ordered }
    }

    fn aggregate(&mut self) -> String {
        let dimension = self.dimension();
        let column = self.column(dimension);
        let time = if self.spec.has_time() { "time_period" } else { column.as_str() };
        let call = match self.below(14) {
            0..=2 => "sum(obs_value)".to_owned(),
            3 => "avg(obs_value)".to_owned(),
            4 => "min(obs_value)".to_owned(),
            5 => "max(obs_value)".to_owned(),
            6 => "count(obs_value)".to_owned(),
            7 => "count(*)".to_owned(),
            8 => format!("count(DISTINCT {column})"),
            9 => format!("min({time})"),
            10 => format!("max({column})"),
            11 => format!("count(DISTINCT {time})"),
            12 => "sum(obs_value * 2)".to_owned(),
            _ => "count(obs_value_text)".to_owned(),
        };
        if !self.random.chance(0.15) {
            return call;
        }
        format!("{call} FILTER (WHERE {})", self.condition(DEPTH_MAX))
    }

    fn filter(&mut self) -> String {
        match self.below(4) {
            0 => String::new(),
            _ => format!(" WHERE {}", self.condition(0)),
        }
    }

    fn condition(&mut self, depth: u32) -> String {
        if depth < DEPTH_MAX {
            match self.below(8) {
                0 | 1 => {
                    let (a, b) = (self.condition(depth + 1), self.condition(depth + 1));
                    return format!("({a} AND {b})");
                }
                2 => {
                    let (a, b) = (self.condition(depth + 1), self.condition(depth + 1));
                    return format!("({a} OR {b})");
                }
                3 => return format!("NOT ({})", self.condition(depth + 1)),
                _ => {}
            }
        }
        if self.spec.has_time() && self.random.chance(0.4) {
            return self.time_condition();
        }
        match self.below(10) {
            0 => self.value_condition(),
            _ => self.code_condition(),
        }
    }

    fn code_condition(&mut self) -> String {
        let dimension = self.dimension();
        let column = self.column(dimension);
        let (one, two) = (self.code(dimension), self.code(dimension));
        match self.below(14) {
            0..=2 => format!("{column} = '{one}'"),
            3 => format!("{column} <> '{one}'"),
            4 => format!("{column} IN ('{one}', '{two}', 'NOWHERE')"),
            5 => format!("{column} NOT IN ('{one}', '{two}')"),
            6 => format!("{column} LIKE '{}%'", &one[..1]),
            7 => format!("{column} >= '{one}'"),
            8 => format!("{column} BETWEEN '{one}' AND '{two}'"),
            9 => format!("{column} IS NOT NULL"),
            10 => format!("lower({column}) = '{}'", one.to_lowercase()),
            11 => format!("length({column}) = {}", one.len()),
            12 => {
                let other = self.dimension();
                format!("{column} < {}", self.column(other))
            }
            _ => format!("coalesce(nullif({column}, '{one}'), 'x') = 'x'"),
        }
    }

    fn time_condition(&mut self) -> String {
        let (one, two) = (self.period(), self.period());
        let year = 1985 + self.below(40);
        match self.below(12) {
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
            _ => format!("time_period <> '{one}'"),
        }
    }

    fn value_condition(&mut self) -> String {
        let bound = self.below(2000);
        let choices = [
            "obs_value IS NULL".to_owned(),
            format!("obs_value > {bound}"),
            "obs_status = 'A'".to_owned(),
            "obs_status <> 'A'".to_owned(),
            "obs_value_text LIKE '1%'".to_owned(),
            "unit_measure = 'EUR'".to_owned(),
        ];
        choices[self.below(choices.len())].clone()
    }
}
