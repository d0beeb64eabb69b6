//! Our operators and pushdown beside plain operators: the same queries over the cube, and over the
//! same rows as columns in memory, which know nothing of series.

use std::sync::Arc;

use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;
use datafusion::prelude::{SessionConfig, SessionContext};
use proptest::prelude::*;
use tokio::runtime::{Builder, Runtime};

use crate::asking::{Table, ask, table};
use crate::queries::Writer;
use crate::world::World;

/// The same rows in an engine without our rules.
struct Plain {
    context: SessionContext,
    runtime: Runtime,
}

impl Plain {
    fn new(world: &World) -> Plain {
        let config = SessionConfig::new().with_target_partitions(1);
        let context = SessionContext::new_with_config(config);
        let schema = Arc::clone(&world.schema);
        let rows = MemTable::try_new(schema, vec![world.batches.clone()]).expect("one schema");
        context.register_table("t", Arc::new(rows)).expect("a new name");
        let runtime = Builder::new_multi_thread().worker_threads(1).build().expect("a thread");
        Plain { context, runtime }
    }

    fn ask(&self, sql: &str) -> Result<Table, String> {
        let answer = self.runtime.block_on(async {
            let frame = self.context.sql(sql).await?;
            let schema = Arc::clone(frame.schema().inner());
            Ok::<_, DataFusionError>((schema, frame.collect().await?))
        });
        let (schema, batches) = answer.map_err(|error| error.to_string())?;
        Ok(table(&schema, &batches))
    }
}

/// Asks both; the answers are the same, up to the rounding of sums of doubles. Gives whether there
/// was an answer: a query may be refused, but then by both.
fn compare(world: &World, plain: &Plain, sql: &str, is_ordered: bool) -> bool {
    let ours = sql.replace("{t}", &format!("{} AS t", world.table));
    let theirs = sql.replace("{t}", "t");
    let (found, expected) = match (ask(&world.connection, &ours), plain.ask(&theirs)) {
        (Ok(found), Ok(expected)) => (found, expected),
        (Err(_), Err(_)) => return false,
        (found, expected) => panic!("{ours}\nours: {found:?}\nplain: {expected:?}"),
    };
    let (mut found, mut expected) = (found.rows, expected.rows);
    if !is_ordered {
        found.sort();
        expected.sort();
    }
    assert_eq!(found.len(), expected.len(), "{ours}\n{found:?}\n{expected:?}");
    for (found, expected) in found.iter().zip(&expected) {
        let same = found.len() == expected.len()
            && found.iter().zip(expected).all(|(found, expected)| is_near(found, expected));
        assert!(same, "{ours}\nours:  {found:?}\nplain: {expected:?}");
    }
    true
}

fn is_near(found: &str, expected: &str) -> bool {
    if found == expected {
        return true;
    }
    match (found.parse::<f64>(), expected.parse::<f64>()) {
        (Ok(a), Ok(b)) => (a - b).abs() <= 1e-6_f64.max(a.abs().max(b.abs()) * 1e-9),
        _ => false,
    }
}

const PRESETS: [&str; 5] = ["labour", "text_values", "no_time", "very_short", "daily"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 15, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_queries_answer_as_plain_operators_do(
        preset in prop::sample::select(PRESETS.to_vec()),
        observations in 100_u64..2_500,
        seed in 0_u64..1_000_000,
    ) {
        let world = World::new(preset, observations, seed);
        world.check_rows();
        let plain = Plain::new(&world);
        let mut writer = Writer::new(&world.spec, seed);
        let mut answered = 0;
        for _ in 0..40 {
            let query = writer.query();
            answered += u32::from(compare(&world, &plain, &query.sql, query.is_ordered));
        }
        prop_assert!(answered >= 36, "only {answered} of 40 queries were answered at all");
    }
}

/// Shapes that a person would write, and that once went wrong somewhere.
const SHAPES: [&str; 40] = [
    "SELECT count(*) FROM {t}",
    "SELECT count(*) FROM {t} WHERE false",
    "SELECT sum(obs_value) FROM {t} WHERE freq = 'X'",
    "SELECT sum(obs_value), count(*) FROM {t} WHERE time_period > '2100'",
    "SELECT freq, sum(obs_value) FROM {t} GROUP BY freq ORDER BY freq",
    "SELECT sex, freq, avg(obs_value) FROM {t} GROUP BY freq, sex ORDER BY sex, freq",
    "SELECT time_period, sum(obs_value) FROM {t} GROUP BY time_period ORDER BY time_period",
    "SELECT time_period, sex, sum(obs_value) FROM {t} WHERE freq = 'A' GROUP BY 1, 2 ORDER BY 1, 2",
    "SELECT DISTINCT freq FROM {t} ORDER BY 1",
    "SELECT DISTINCT freq, sex FROM {t} WHERE time_period >= '2010' ORDER BY 1, 2",
    "SELECT DISTINCT time_period FROM {t} ORDER BY 1",
    "SELECT count(DISTINCT ref_area), count(DISTINCT time_period) FROM {t}",
    "SELECT sex, count(DISTINCT ref_area) FROM {t} GROUP BY sex ORDER BY sex",
    "SELECT min(time_period), max(time_period), min(period_start), max(period_end) FROM {t}",
    "SELECT sex, min(time_period), max(time_period) FROM {t} GROUP BY sex ORDER BY sex",
    "SELECT sex, sum(obs_value) FILTER (WHERE freq = 'A') FROM {t} GROUP BY sex ORDER BY sex",
    "SELECT sum(obs_value) FILTER (WHERE time_period = '2010') FROM {t}",
    "SELECT freq, sex, sum(obs_value) FROM {t} GROUP BY ROLLUP (freq, sex) ORDER BY 1, 2",
    "SELECT freq, sex, sum(obs_value) FROM {t} GROUP BY CUBE (freq, sex) ORDER BY 1, 2",
    "SELECT freq, sex, count(*) FROM {t} GROUP BY GROUPING SETS ((freq), (sex), ()) ORDER BY 1, 2",
    "SELECT sex, sum(obs_value) AS s FROM {t} GROUP BY sex HAVING sum(obs_value) > 0 ORDER BY s",
    "SELECT sum(s) FROM (SELECT sex, sum(obs_value) AS s FROM {t} GROUP BY sex) AS x",
    "SELECT sex, sum(obs_value) / count(obs_value) FROM {t} GROUP BY sex ORDER BY sex",
    "SELECT lower(sex), sum(obs_value) FROM {t} GROUP BY lower(sex) ORDER BY 1",
    "SELECT substr(time_period, 1, 4), avg(obs_value) FROM {t} GROUP BY 1 ORDER BY 1",
    "SELECT obs_status, count(*) FROM {t} GROUP BY obs_status ORDER BY 1",
    "SELECT unit_measure, sum(obs_value) FROM {t} GROUP BY unit_measure ORDER BY 1",
    "SELECT count(*) FROM {t} WHERE obs_value IS NULL",
    "SELECT count(*) FROM {t} WHERE obs_value = obs_value",
    "SELECT sex, sum(obs_value) FROM {t} WHERE obs_value > 10 GROUP BY sex ORDER BY sex",
    "SELECT count(*) FROM {t} WHERE freq = 'A' OR time_period LIKE '2010%'",
    "SELECT count(*) FROM {t} WHERE (freq = 'A' AND sex = 'F') OR (freq = 'Q' AND sex = 'M')",
    "SELECT count(*) FROM {t} WHERE NOT (freq = 'A' AND time_period < '2000')",
    "SELECT count(*) FROM {t} WHERE sex IN (SELECT max(sex) FROM {t})",
    "SELECT a.sex, count(*) FROM {t2} AS a JOIN {t2} AS b ON a.sex = b.sex AND a.freq = 'M' \
     AND b.freq = 'M' AND a.time_period = b.time_period GROUP BY a.sex ORDER BY 1",
    "SELECT median(obs_value), stddev(obs_value) FROM {t} WHERE freq = 'A'",
    "SELECT freq, first_value(obs_value ORDER BY ref_area, indicator, sex, age, unit, source, \
     time_period) FROM {t} GROUP BY freq ORDER BY freq",
    "SELECT max(l) FROM (SELECT lag(obs_value) OVER (PARTITION BY freq, ref_area, indicator, sex, \
     age, unit, source ORDER BY time_period) AS l FROM {t}) AS x",
    "SELECT freq, ref_area, time_period, rank() OVER (PARTITION BY freq ORDER BY ref_area, \
     indicator, sex, age, unit, source, time_period) AS r FROM {t} ORDER BY freq, r LIMIT 20",
    "SELECT sex, sum(obs_value) FROM {t} GROUP BY sex UNION ALL SELECT 'all', sum(obs_value) \
     FROM {t} ORDER BY 1",
];

#[test]
fn fixed_shapes_answer_as_plain_operators_do() {
    for seed in [1, 2] {
        let world = World::new("labour", 4_000, seed);
        world.check_rows();
        let plain = Plain::new(&world);
        for shape in SHAPES {
            if shape.contains("{t2}") {
                let ours = ask(&world.connection, &shape.replace("{t2}", &world.table));
                let theirs = plain.ask(&shape.replace("{t2}", "t"));
                assert_eq!(ours.expect(shape).rows, theirs.expect(shape).rows, "{shape}");
            } else {
                let is_answered = compare(&world, &plain, shape, shape.contains("ORDER BY 1"));
                assert!(is_answered, "{shape}");
            }
        }
    }
}

/// So many series that bitmaps tell which codes occur among some of them, that several threads add up
/// their totals, and that containers of bitmaps are full.
#[test]
fn codes_of_many_series_are_those_of_the_rows() {
    let world = World::new("very_short", 150_000, 5);
    let plain = Plain::new(&world);
    let dimensions: Vec<String> =
        world.spec.dimensions.iter().map(|dimension| dimension.id.to_lowercase()).collect();
    let series = format!("SELECT DISTINCT {} FROM {{t}}", dimensions.join(", "));
    compare(&world, &plain, &series, false);
    for one in &dimensions {
        let codes = plain.ask(&format!("SELECT {one} FROM t GROUP BY 1 ORDER BY count(*) DESC"));
        let code = codes.expect("codes").rows[0][0].clone();
        for other in dimensions.iter().filter(|other| *other != one) {
            for sql in [
                format!("SELECT DISTINCT {other} FROM {{t}} WHERE {one} = '{code}'"),
                format!("SELECT DISTINCT {other} FROM {{t}} WHERE {one} <> '{code}' ORDER BY 1"),
                format!("SELECT DISTINCT {other}, {one} FROM {{t}} ORDER BY 2, 1"),
                format!(
                    "SELECT count(DISTINCT {other}), min({other}) FROM {{t}} WHERE {one} < '{code}'"
                ),
                format!(
                    "SELECT substr({other}, 1, 1) FROM {{t}} WHERE {one} <> '{code}' GROUP BY 1"
                ),
                format!("SELECT {other}, min(time_period), max({one}) FROM {{t}} GROUP BY {other}"),
                format!("SELECT {other}, count(*), sum(obs_value) FROM {{t}} GROUP BY {other}"),
            ] {
                assert!(compare(&world, &plain, &sql, sql.contains("ORDER BY")), "{sql}");
            }
        }
    }
}
