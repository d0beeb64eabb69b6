//! Random joins of a cube with itself, with totals of itself, and with lists of its codes.

use super::{Random, answer, engines, is_same, observations, predicate, run};

const CUBES: u64 = 20;
const QUERIES: usize = 25;

/// The columns that two sides of a join agree in.
const PAIRS: [&str; 8] = [
    "a.item = b.item AND a.time_period = b.time_period AND a.obs_value < b.obs_value",
    "a.kind = b.kind AND a.time_period = b.time_period AND a.ref_area = b.item",
    "a.item = b.item AND a.obs_value = b.obs_value",
    "a.item = b.item AND a.ref_area = b.ref_area",
    "a.item = b.item AND a.ref_area = b.ref_area AND a.time_period = b.time_period",
    "a.ref_area = b.ref_area AND a.time_period = b.time_period",
    "a.kind = b.kind AND a.item = b.item AND a.ref_area = b.ref_area \
     AND a.time_period = b.time_period",
    "a.ref_area = b.item",
];

const CONDITIONS: [&str; 12] = [
    "item IN (SELECT item FROM t WHERE {})",
    "item NOT IN (SELECT item FROM t WHERE {})",
    "ref_area IN (SELECT ref_area FROM t WHERE {} GROUP BY ref_area HAVING count(*) > 20)",
    "kind NOT IN (SELECT nullif(kind, 'M') FROM t WHERE {})",
    "ref_area IN (SELECT item FROM t WHERE {})",
    "EXISTS (SELECT 1 FROM t AS i WHERE i.item = o.item AND i.kind = 'A' AND i.obs_value > 0)",
    "NOT EXISTS (SELECT 1 FROM t AS i WHERE i.item = o.item AND i.ref_area = o.ref_area \
     AND i.kind = 'Q')",
    "item IN (SELECT item FROM t WHERE ref_area IN (SELECT ref_area FROM t WHERE {}))",
    "item IN (SELECT item FROM t WHERE {}) \
     AND kind IN (SELECT kind FROM t WHERE obs_value > 990000)",
    "item IN (SELECT item FROM t WHERE {} LIMIT 0)",
    "time_period IN (SELECT time_period FROM t WHERE {})",
    "(item IN (SELECT item FROM t WHERE {}) OR kind = 'A')",
];

const ANSWERS: [&str; 6] = [
    "SELECT * FROM t AS o WHERE {}",
    "SELECT count(*), sum(obs_value), max(obs_value) FROM t AS o WHERE {}",
    "SELECT ref_area, count(*), avg(obs_value) FROM t AS o WHERE {} GROUP BY ref_area",
    "SELECT DISTINCT kind, item FROM t AS o WHERE {}",
    "SELECT time_period, count(obs_value), min(obs_value) FROM t AS o WHERE {} \
     GROUP BY time_period",
    "SELECT item, obs_value FROM t AS o WHERE {} AND obs_value > 100000",
];

const JOINED: [&str; 8] = [
    "SELECT a.item, b.ref_area, a.time_period, a.obs_value - b.obs_value FROM {}",
    "SELECT count(*), count(a.obs_value), sum(a.obs_value) FROM {}",
    "SELECT a.ref_area, b.kind, count(*), sum(a.obs_value), max(b.obs_value) FROM {} \
     GROUP BY a.ref_area, b.kind",
    "SELECT b.item, avg(b.obs_value), min(a.item) FROM {} GROUP BY b.item",
    "SELECT DISTINCT a.kind, b.item FROM {}",
    "SELECT a.ref_area, sum(a.obs_value) / max(b.total) FROM {totals} GROUP BY a.ref_area",
    "SELECT b.total > 0, count(*), avg(a.obs_value), count(a.obs_value) FROM {totals} GROUP BY 1",
    "SELECT upper(b.ref_area), count(*), sum(a.obs_value), min(b.total) FROM {totals} \
     WHERE a.kind <> b.ref_area GROUP BY 1",
];

/// A statement with some of the marks above filled.
fn statement(random: &mut Random) -> String {
    if random.chance(55) {
        let condition = random.pick(&CONDITIONS).replace("{}", &predicate(random, 1));
        let condition = match random.below(3) {
            0 => format!("{condition} AND {}", predicate(random, 1)),
            _ => condition,
        };
        return random.pick(&ANSWERS).replace("{}", &condition);
    }
    let kind = random.pick(&["JOIN", "JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"]);
    let side = |random: &mut Random| format!("(SELECT * FROM t WHERE {})", predicate(random, 1));
    // Two whole sides that agree in little give more rows than a test has time for.
    let left = format!("(SELECT * FROM {} AS l WHERE kind = 'A' AND item < 'I2')", side(random));
    let rows = format!("{left} AS a {kind} {} AS b ON {}", side(random), random.pick(&PAIRS));
    let by = random.pick(&["ref_area", "ref_area", "ref_area, kind"]);
    let totals = format!(
        "{} AS a JOIN (SELECT {by}, sum(obs_value) AS total FROM t WHERE {} GROUP BY {by}) AS b \
         ON a.ref_area = b.ref_area",
        side(random),
        predicate(random, 1)
    );
    random.pick(&JOINED).replace("{totals}", &totals).replace("{}", &rows)
}

async fn check(seed: u64) -> [usize; 3] {
    let random = &mut Random::new(seed);
    let all = observations(random, false, false);
    let mut used = [0; 3];
    if all.is_empty() {
        return used;
    }
    let (witness, ours) = engines(random, &all);
    for _ in 0..QUERIES {
        let sql = statement(random);
        let expected = answer(&witness, &sql, false).await;
        let found = answer(&ours, &sql, false).await;
        let plan = format!("{:?}", answer(&ours, &format!("EXPLAIN {sql}"), true).await);
        assert!(is_same(&expected, &found), "seed {seed}: {sql}\n{expected:?}\n{found:?}\n{plan}");
        used[0] += usize::from(plan.contains("SeriesMembersExec"));
        used[1] +=
            usize::from(plan.contains("HashJoinExec") && plan.contains("SeriesAggregateExec"));
        used[2] += usize::from(plan.contains("SeriesJoinExec"));
    }
    used
}

#[test]
fn joins_give_the_answers_of_plain_rows() {
    let used = run(async {
        let mut used = [0; 3];
        for seed in 200..200 + CUBES {
            let of_cube = check(seed).await;
            used.iter_mut().zip(of_cube).for_each(|(used, more)| *used += more);
        }
        used
    });
    assert!(used.iter().all(|plans| *plans > 10), "{used:?} plans had operators of ours");
}
