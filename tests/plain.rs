//! Random queries over random cubes, answered twice: by the engine, and by an engine of plain
//! operators over rows that decides nothing on series ([`Engine::plain`]).
//!
//! Both answers have the same columns, types and rows: texts, whole numbers, missing values and
//! single observations exactly, what is calculated from many doubles as near as the order of
//! additions lets it be. The rows of the plain engine are compared with what was loaded.
//!
//! | variable | meaning | without it |
//! |---|---|---|
//! | `SDMXDB_CASES` | queries in all | 480 |
//! | `SDMXDB_SEED` | seed of the first cube; the next ones follow | 0 |
//! | `SDMXDB_SQL` | one statement over that cube instead of random ones | |
//!
//! A failure prints the seed and the statement:
//! `SDMXDB_SEED=17 SDMXDB_SQL='SELECT ...' cargo test --release --test plain` repeats it.
//!
//! [`Engine::plain`]: sdmxdb::query::Engine::plain

#![expect(clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::format_push_string, reason = "statements are put together from parts")]

#[path = "sql/cells.rs"]
mod cells;
#[path = "plain/compare.rs"]
mod compare;
#[path = "plain/conditions.rs"]
mod conditions;
#[path = "../benches/support/cube.rs"]
mod cube;
#[path = "plain/cubes.rs"]
mod cubes;
#[path = "plain/groups.rs"]
mod groups;
#[path = "plain/queries.rs"]
mod queries;
#[path = "plain/rows.rs"]
mod rows;
#[path = "plain/windows.rs"]
mod windows;

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::compare::{Verdict, compare};
use crate::cubes::World;
use crate::queries::{Query, Writer};

/// Queries of a run that is asked for nothing else.
const CASES: u64 = 480;
/// Queries of one cube.
const CASES_OF_CUBE: u64 = 40;
/// Failures after which a run gives up.
const FAILURES_MAX: usize = 12;

/// What a run has found.
#[derive(Default)]
struct Tally {
    answered: u64,
    /// What is not answered, by the first words of the reason.
    refused: BTreeMap<String, u64>,
    /// Plans of the engine that hold each of its operators.
    operators: BTreeMap<String, u64>,
    failures: Vec<String>,
}

impl Tally {
    fn add(&mut self, seed: u64, query: &Query, verdict: Verdict) {
        match verdict {
            Verdict::Equal(operators) => {
                self.answered += 1;
                for operator in operators {
                    *self.operators.entry(operator).or_default() += 1;
                }
            }
            Verdict::Refused(reason) => {
                let words: String = reason.chars().take(60).collect();
                *self.refused.entry(words).or_default() += 1;
            }
            Verdict::Different(difference) => {
                let sql = query.sql.replace('\'', "'\\''");
                let mut failure = format!("SDMXDB_SEED={seed} SDMXDB_SQL='{sql}'");
                write!(failure, "\n{difference}").expect("into a string");
                self.failures.push(failure);
            }
        }
    }
}

fn number(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

/// The queries of one cube.
fn run(seed: u64, cases: u64, tally: &Mutex<Tally>) {
    let world = World::new(seed);
    world.check_rows();
    let mut writer = Writer::new(&world, seed);
    for _ in 0..cases {
        let query = writer.query();
        let verdict = compare(&world, &query);
        let mut tally = tally.lock().expect("no thread panics while it holds the tally");
        tally.add(seed, &query, verdict);
        if tally.failures.len() >= FAILURES_MAX {
            return;
        }
    }
}

/// Statements that were answered wrongly once, with the cubes where they were.
const ONCE_WRONG: [(u64, &str); 6] = [
    // A series whose only number has more than 64 bits.
    (
        728,
        "SELECT partner, reporter, product, flow, time_period, avg(obs_value) OVER (PARTITION BY \
         flow, reporter, product, partner ORDER BY time_period ROWS BETWEEN CURRENT ROW AND \
         UNBOUNDED FOLLOWING) AS mean FROM gen.very_short",
    ),
    // Dimensions with one code, and filters that leave nothing.
    (
        600_678,
        "SELECT count(DISTINCT freq), count(DISTINCT currency_denom) FROM gen.daily WHERE \
         obs_value = 0",
    ),
    (
        600_678,
        "SELECT count(DISTINCT obs_value), count(DISTINCT obs_status) FROM gen.daily WHERE \
         obs_value = 0.00012 AND obs_status = 'ZZ'",
    ),
    // A dataflow without data.
    (20_899, "SELECT birth, max(sex) AS a, sum(obs_value) AS b FROM gen.no_time GROUP BY birth"),
    (20_899, "SELECT birth, upper(sex) AS s, count(*) AS n FROM gen.no_time GROUP BY 1, 2"),
    (
        20_899,
        "SELECT birth, birth = 'AA' AS is, sex, max(birth) FILTER (WHERE lower(sex) = 'f') AS a, \
         sum(CASE WHEN living = 'R001' THEN obs_value END) AS b FROM gen.no_time WHERE sex IS NOT \
         NULL GROUP BY GROUPING SETS ((sex), (birth))",
    ),
];

#[test]
fn what_was_wrong_once_stays_right() {
    for (seed, sql) in ONCE_WRONG {
        let verdict = compare(&World::new(seed), &Query::repeated(sql));
        assert!(matches!(verdict, Verdict::Equal(_)), "{sql}\n{verdict:?}");
    }
}

#[test]
fn random_queries_answer_as_plain_operators_do() {
    let first = number("SDMXDB_SEED").unwrap_or(0);
    if let Ok(sql) = env::var("SDMXDB_SQL") {
        let world = World::new(first);
        let verdict = compare(&world, &Query::repeated(&sql));
        assert!(matches!(verdict, Verdict::Equal(_)), "{sql}\n{verdict:?}");
        return;
    }
    let cases = number("SDMXDB_CASES").unwrap_or(CASES);
    let (next, tally) = (AtomicU64::new(0), Mutex::new(Tally::default()));
    let work = || {
        loop {
            let cube = next.fetch_add(1, Ordering::Relaxed);
            let left = cases.saturating_sub(cube * CASES_OF_CUBE).min(CASES_OF_CUBE);
            let failures = tally.lock().expect("no thread panics").failures.len();
            if left == 0 || failures >= FAILURES_MAX {
                return;
            }
            run(first + cube, left, &tally);
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    let tally = tally.into_inner().expect("no thread panics");
    let Tally { answered, refused, operators, failures } = tally;
    println!("{answered} answered; plans with {operators:?}; refused {refused:#?}");
    assert!(failures.is_empty(), "{} differ\n\n{}", failures.len(), failures.join("\n\n"));
    let refused: u64 = refused.values().sum();
    // What neither engine takes (a name twice, a column that is not grouped) says nothing.
    assert!(refused * 8 <= answered, "{refused} of the queries are not answered at all");
}
