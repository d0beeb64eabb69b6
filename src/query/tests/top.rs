//! The greatest and the least values of random cubes of several pages of series.

use super::{Random, answer, engines, is_same, observations, run};

const CUBES: u64 = 12;
const QUERIES: usize = 20;

const KEYS: &str = "kind, ref_area, item, time_period";

const CONDITIONS: [&str; 6] = [
    "true",
    "obs_value IS NOT NULL",
    "kind <> 'Q'",
    "ref_area < 'K' AND obs_value IS NOT NULL",
    "obs_value > 1000",
    "obs_value < 5000.5 AND item LIKE 'I%'",
];

const FIRST: [&str; 4] = ["DESC", "DESC NULLS LAST", "ASC", "ASC NULLS FIRST"];

/// Asks random statements; says of how many plans series were left out.
async fn check(seed: u64) -> usize {
    let random = &mut Random::new(seed);
    let all = observations(random, false, false);
    if all.is_empty() {
        return 0;
    }
    let (witness, ours) = engines(random, &all);
    let mut narrowed = 0;
    for _ in 0..QUERIES {
        let (condition, first) = (random.pick(&CONDITIONS), random.pick(&FIRST));
        let limit = 1 + random.below(25);
        let columns = format!("obs_value, {KEYS}, obs_status");
        let order = format!("obs_value {first}, {KEYS} LIMIT {limit}");
        let sql = format!("SELECT {columns} FROM t WHERE {condition} ORDER BY {order}");
        let expected = answer(&witness, &sql, true).await;
        let found = answer(&ours, &sql, true).await;
        assert!(is_same(&expected, &found), "seed {seed}: {sql}\n{expected:?}\n{found:?}");
        let plan = format!("{:?}", answer(&ours, &format!("EXPLAIN {sql}"), true).await);
        let series = plan.split("series=").nth(1).and_then(|rest| rest.split(',').next());
        let (few, many) = series.and_then(|text| text.split_once(" of ")).expect("a scan");
        let (few, many): (u64, u64) = (few.parse().expect("few"), many.parse().expect("many"));
        narrowed += usize::from(few < many);
    }
    narrowed
}

#[test]
fn the_first_values_are_those_of_plain_rows() {
    let narrowed = run(async {
        let mut narrowed = 0;
        for seed in 500..500 + CUBES {
            narrowed += check(seed).await;
        }
        narrowed
    });
    assert!(narrowed > 5, "{narrowed} plans left series out");
}
