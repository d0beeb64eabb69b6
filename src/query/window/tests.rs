//! Random windows over random cubes, beside the same rows in memory and DataFusion alone.

use std::sync::Arc;

use datafusion::catalog::TableProvider;

use crate::query::table::CubeTable;
use crate::query::tests::{
    Random, answer, context, in_memory, is_same, load, observations, predicate, run,
};

/// Cubes that one run makes, and queries on each.
const CUBES: u64 = 30;
const QUERIES: usize = 30;

const FUNCTIONS: [&str; 20] = [
    "lag(obs_value)",
    "lag(obs_value, 2, 0)",
    "lead(obs_value)",
    "lead(obs_status, 3)",
    "lag(time_period)",
    "lag(obs_value * 2)",
    "lag(obs_value) IGNORE NULLS",
    "row_number()",
    "rank()",
    "dense_rank()",
    "percent_rank()",
    "cume_dist()",
    "ntile(3)",
    "first_value(obs_value)",
    "last_value(time_period)",
    "nth_value(obs_value, 2)",
    "count(*)",
    "count(note)",
    "max(time_period)",
    "first_value(obs_value) IGNORE NULLS",
];

/// Functions that DataFusion answers well only where all values are decimals.
const NUMBERS: [&str; 8] = [
    "sum(obs_value)",
    "avg(obs_value)",
    "min(obs_value)",
    "max(obs_value)",
    "count(obs_value)",
    "sum(obs_value) FILTER (WHERE obs_status = 'A')",
    "sum(obs_value / 2)",
    "stddev(obs_value)",
];

const FRAMES: [&str; 10] = [
    "",
    "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
    "ROWS BETWEEN 2 PRECEDING AND CURRENT ROW",
    "ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
    "ROWS BETWEEN 3 PRECEDING AND 1 FOLLOWING",
    "ROWS BETWEEN 1 FOLLOWING AND 3 FOLLOWING",
    "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING",
    "RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING",
    "RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
    "GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING",
];

/// A window, and the conditions that its partition needs.
fn window(random: &mut Random, only_decimals: bool) -> (String, &'static str) {
    let (partition, needed) = match random.below(5) {
        0 => ("item, kind, ref_area", ""),
        1 => ("title, kind, item, ref_area", ""),
        2 => ("kind, item", "ref_area = 'B1'"),
        3 => ("upper(item), item, ref_area", "kind = 'A'"),
        _ => ("kind, ref_area, item", ""),
    };
    let function = if only_decimals && random.chance(70) {
        random.pick(&NUMBERS)
    } else {
        random.pick(&FUNCTIONS)
    };
    let order = random.pick(&[
        "time_period",
        "time_period",
        "time_period DESC",
        "kind, time_period, obs_status",
        "period_start, period_end DESC, time_period",
    ]);
    let frame = random.pick(&FRAMES);
    (format!("{function} OVER (PARTITION BY {partition} ORDER BY {order} {frame})"), needed)
}

/// A query, and whether its rows have an order.
fn query(random: &mut Random, only_decimals: bool) -> (String, bool) {
    let mut conditions = Vec::new();
    let mut windows = Vec::new();
    for number in 0..=random.below(3) {
        let (window, needed) = window(random, only_decimals);
        if !needed.is_empty() && !conditions.iter().any(|known: &String| known == needed) {
            conditions.push(needed.to_owned());
        }
        windows.push(format!("{window} AS w{number}"));
    }
    if random.chance(60) {
        conditions.push(predicate(random, 2));
    }
    let rows = if conditions.is_empty() {
        "FROM t".to_owned()
    } else {
        format!("FROM t WHERE {}", conditions.join(" AND "))
    };
    let windows = windows.join(", ");
    match random.below(6) {
        0 => (format!("SELECT count(*), count(w0), min(w0) FROM (SELECT {windows} {rows})"), false),
        1 => {
            let way = random.pick(&["", " DESC"]);
            let bound = random.pick(&["= 1", "<= 3", "< 2", "= 2"]);
            let number = format!(
                "row_number() OVER (PARTITION BY ref_area, item, kind ORDER BY time_period{way})"
            );
            let more = if random.chance(50) { format!(", {windows}") } else { String::new() };
            let inner = format!("SELECT *, {number} AS r{more} {rows}");
            (
                format!(
                    "SELECT ref_area, item, kind, time_period, obs_value, r FROM ({inner}) WHERE r {bound}"
                ),
                false,
            )
        }
        2 => {
            let limit = random.below(200);
            let order = random
                .pick(&["kind, ref_area, item, time_period", "item, ref_area, kind, time_period"]);
            (
                format!(
                    "SELECT kind, ref_area, item, time_period, {windows} {rows} ORDER BY {order} LIMIT {limit}"
                ),
                true,
            )
        }
        3 => (format!("SELECT time_period AS p, {windows}, item || kind AS k {rows}"), false),
        _ => (format!("SELECT kind, ref_area, item, time_period, {windows} {rows}"), false),
    }
}

async fn check(seed: u64) -> usize {
    let random = &mut Random::new(seed);
    let mut has_other = random.chance(20);
    let only_decimals = random.chance(50);
    let all = observations(random, has_other, only_decimals);
    has_other &= all.iter().any(|one| one.period.contains('/'));
    if all.is_empty() {
        return 0;
    }
    let commits = 1 + usize::from(random.small(3));
    let cube = load(random, &all, commits);
    let table = || Arc::new(CubeTable::new(Arc::clone(&cube)).expect("a table"));
    let witness = Arc::new(in_memory(&all, &table().schema(), has_other));
    let witness = context(witness, false, 2);
    let ours = context(table(), true, 1 + usize::from(random.small(4)));
    let mut replaced = 0;
    for _ in 0..QUERIES {
        let (sql, has_order) = query(random, only_decimals);
        let expected = answer(&witness, &sql, has_order).await;
        let found = answer(&ours, &sql, has_order).await;
        let plan = format!("{:?}", answer(&ours, &format!("EXPLAIN {sql}"), true).await);
        assert!(is_same(&expected, &found), "seed {seed}: {sql}\n{expected:?}\n{found:?}\n{plan}");
        replaced += usize::from(plan.contains("SeriesWindowExec"));
    }
    replaced
}

#[test]
fn windows_give_the_answers_of_plain_rows() {
    let replaced: usize = run(async {
        let mut replaced = 0;
        for seed in 1..=CUBES {
            replaced += check(seed).await;
        }
        replaced
    });
    assert!(replaced > 500, "only {replaced} plans had windows over series");
}
