//! Random cubes and random queries against an independent witness: the same rows in memory,
//! answered by DataFusion alone. Each query runs with our rules off and on.

mod joins;
mod top;

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::TimestampMicrosecondArray;
use arrow::array::{Array, ArrayRef, Date32Array, Float64Array, RecordBatch, StringViewArray};
use arrow::datatypes::SchemaRef;
use arrow::util::display::array_value_to_string;
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use datafusion::execution::SessionStateBuilder;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::prelude::{SessionConfig, SessionContext};
use tokio::runtime::Builder;

use crate::disk::MemoryDisk;
use crate::limits::QUERY_MEMORY_BYTES;
use crate::model::{Artefact, ArtefactId, Attachment, Attribute, DataStructure, Dataflow, Decimal};
use crate::model::{
    Dimension, Identity, Measure, Period, PeriodForm, ReportingYearStart, Slot, Value,
};
use crate::query::aggregate::SeriesAggregation;
use crate::query::join::SeriesRules;
use crate::query::order::SeriesOrder;
use crate::query::table::CubeTable;
use crate::query::window::SeriesWindows;
use crate::store::{Cube, Database, LoadOptions};

/// Cubes that one run makes, and queries on each.
const CUBES: u64 = 24;
const QUERIES: usize = 25;

/// A small generator of numbers (xorshift), so that a seed names a whole case.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        (0..10).for_each(|_| _ = random.below(2));
        random
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) % end
    }

    pub(super) fn small(&mut self, end: u8) -> u8 {
        u8::try_from(self.below(u64::from(end))).expect("below a byte")
    }

    pub(super) fn slots(&mut self, end: u64) -> i32 {
        i32::try_from(self.below(end)).expect("small")
    }

    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub(super) fn pick<'a, T: ?Sized>(&mut self, list: &[&'a T]) -> &'a T {
        list[usize::try_from(self.below(list.len() as u64)).expect("small")]
    }
}

/// One observation: its key, period, value, status and note.
#[derive(Clone)]
pub(super) struct Observation {
    key: [String; 3],
    pub(super) period: String,
    value: Value,
    status: &'static str,
    note: &'static str,
}

fn structures() -> Vec<Artefact> {
    let dimension = |id: &str| Dimension { id: id.to_owned(), ..Dimension::default() };
    let attribute = |id: &str, attachment: Attachment| Attribute {
        id: id.to_owned(),
        attachment,
        ..Attribute::default()
    };
    let area = || Attachment::Dimensions(vec!["REF_AREA".to_owned(), "ITEM".to_owned()]);
    let structure_id = ArtefactId::new("A", "DSD", "1.0");
    let structure = DataStructure {
        identity: Identity::named(structure_id.clone(), "DSD"),
        dimensions: ["KIND", "REF_AREA", "ITEM"].map(dimension).to_vec(),
        time: Some(dimension("TIME_PERIOD")),
        measures: vec![Measure { id: "OBS_VALUE".to_owned(), ..Measure::default() }],
        attributes: vec![
            attribute("OBS_STATUS", Attachment::Observation),
            attribute("TITLE", area()),
            attribute("NOTE", Attachment::Observation),
        ],
        groups: Vec::new(),
    };
    let identity = Identity::named(ArtefactId::new("A", "FLOW", "1.0"), "FLOW");
    let flow = Dataflow { identity, structure: structure_id };
    vec![Artefact::DataStructure(structure), Artefact::Dataflow(flow)]
}

/// Values of all kinds; `only_decimals` where sums are compared exactly.
fn value(random: &mut Random, scales: u8, only_decimals: bool) -> Value {
    match random.below(40) {
        0 => Value::Missing,
        1 if !only_decimals => Value::parse("NaN"),
        2 if !only_decimals => Value::parse("1E3"),
        3 if !only_decimals => Value::parse("<2.5"),
        _ => {
            let mantissa = i128::from(random.below(2_000_000)) - 1_000_000;
            Value::Decimal(Decimal { mantissa, scale: random.small(scales + 1) })
        }
    }
}

pub(super) fn observations(
    random: &mut Random,
    has_other: bool,
    only_decimals: bool,
) -> Vec<Observation> {
    let forms: &[PeriodForm] = match random.below(4) {
        0 => &[PeriodForm::Year],
        1 => &[PeriodForm::Year, PeriodForm::Quarter],
        2 => &[PeriodForm::Month, PeriodForm::Week],
        _ => &[PeriodForm::Day],
    };
    let (areas, items, scales) = (1 + random.small(30), 1 + random.small(40), random.small(6));
    let mut all = Vec::new();
    for (area, item) in (0..areas).flat_map(|area| (0..items).map(move |item| (area, item))) {
        if random.chance(30) {
            continue;
        }
        let kind = random.pick(&["A", "Q", "M"]).to_owned();
        let area = format!("{}{area}", char::from(b'A' + area % 26));
        let item = if item % 5 == 0 { format!("A_LONG_ITEM_{item}") } else { format!("I{item}") };
        let key = [kind, area, item];
        let status = |random: &mut Random| {
            random.pick(&["", "E", "a status of many letters", "A", "A", "A"])
        };
        for form in forms {
            if random.chance(20) {
                continue;
            }
            let first = form.per_year().map_or(18_000, |per_year| 2000 * per_year);
            let first = first + random.slots(20);
            for index in first..first + random.slots(30) {
                if random.chance(8) {
                    continue;
                }
                let period = Slot { form: *form, index }.to_string();
                let value = value(random, scales, only_decimals);
                let note = if random.chance(5) { "note" } else { "" };
                let status = status(random);
                all.push(Observation { key: key.clone(), period, value, status, note });
            }
        }
        if has_other && random.chance(40) {
            let period = format!("2001-0{}-01/P5M", 1 + random.below(9));
            let value = Value::parse("12.5");
            all.push(Observation { key, period, value, status: "", note: "" });
        }
    }
    all
}

/// Loads the observations in so many commits; some of them come with another value first.
pub(super) fn load(random: &mut Random, all: &[Observation], commits: usize) -> Arc<Cube> {
    let header = "DATAFLOW,KIND,REF_AREA,ITEM,TIME_PERIOD,OBS_VALUE,OBS_STATUS,TITLE,NOTE\n";
    let mut messages = vec![header.to_owned(); commits];
    let mut write = |at: usize, one: &Observation, value: &Value| {
        let mut text = Vec::new();
        value.write_to(&mut text);
        let Observation { key, period, status, note, .. } = one;
        let (keys, title) = (key.join(","), &key[1]);
        let text = String::from_utf8(text).expect("text");
        let line = format!("A:FLOW(1.0),{keys},{period},{text},{status},{title},{note}");
        writeln!(messages[at], "{line}").expect("writes to memory");
    };
    for one in all {
        let at = usize::try_from(random.below(commits as u64)).expect("small");
        if at > 0 && one.value != Value::Missing && random.chance(10) {
            write(0, one, &Value::parse("99999.125"));
        }
        write(at, one, &one.value);
    }
    let disk = Arc::new(MemoryDisk::new());
    let database = Database::open_or_create_on(disk, "/db").expect("creates");
    for (number, message) in messages.iter().enumerate() {
        let mut load = database.begin_load(LoadOptions::at(1_700_000_000_000_000)).expect("loads");
        if number == 0 {
            load.structures(structures()).expect("structures");
        }
        load.csv(message.as_bytes(), "test.csv").expect("rows");
        load.commit().expect("commits");
    }
    let snapshot = database.snapshot().expect("a snapshot");
    snapshot.cube(&ArtefactId::new("A", "FLOW", "1.0")).expect("a cube")
}

/// Plain rows, and the same in a cube of some commits on some threads.
fn engines(random: &mut Random, all: &[Observation]) -> (SessionContext, SessionContext) {
    let commits = 1 + usize::from(random.small(3));
    let cube = load(random, all, commits);
    let table = Arc::new(CubeTable::new(cube).expect("a table"));
    let witness = Arc::new(in_memory(all, table.source().schema(), false));
    let witness = context(witness, false, 2);
    (witness, context(table, true, 1 + usize::from(random.small(3))))
}

/// The witness: the same rows in memory.
pub(super) fn in_memory(all: &[Observation], schema: &SchemaRef, has_other: bool) -> MemTable {
    let texts = |of: &dyn Fn(&Observation) -> Option<String>| -> ArrayRef {
        Arc::new(all.iter().map(of).collect::<StringViewArray>())
    };
    let present = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let spans = || {
        let periods = all.iter().map(|one| Period::parse(&one.period).expect("a period"));
        periods.map(|period| period.span(ReportingYearStart::default()).expect("a span"))
    };
    let moments = |is_start: bool| -> ArrayRef {
        if !has_other {
            let days = spans().map(|s| if is_start { s.first_day() } else { s.last_day() });
            return Arc::new(Date32Array::from_iter_values(days));
        }
        let times = spans().map(|s| if is_start { s.start } else { s.end });
        let micros = times.map(|time| time.and_utc().timestamp_micros());
        Arc::new(TimestampMicrosecondArray::from_iter_values(micros))
    };
    let published = |one: &Observation| {
        let mut text = Vec::new();
        one.value.write_to(&mut text);
        present(&String::from_utf8(text).expect("text"))
    };
    let numbers: Float64Array = all.iter().map(|one| one.value.number()).collect();
    let columns = vec![
        texts(&|one| Some(one.key[0].clone())),
        texts(&|one| Some(one.key[1].clone())),
        texts(&|one| Some(one.key[2].clone())),
        texts(&|one| Some(one.period.clone())),
        moments(true),
        moments(false),
        Arc::new(numbers),
        texts(&published),
        texts(&|one| present(one.status)),
        texts(&|one| Some(one.key[1].clone())),
        texts(&|one| present(one.note)),
    ];
    let batch = RecordBatch::try_new(Arc::clone(schema), columns).expect("fits the table");
    MemTable::try_new(Arc::clone(schema), vec![vec![batch]]).expect("fits the table")
}

pub(super) fn context(
    table: Arc<dyn TableProvider>,
    has_rules: bool,
    threads: usize,
) -> SessionContext {
    let mut rules = PhysicalOptimizer::new().rules;
    if has_rules {
        let at = rules.iter().position(|rule| rule.name() == "join_selection").expect("is there");
        let ours: Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> = vec![
            Arc::new(SeriesAggregation::new(QUERY_MEMORY_BYTES)),
            Arc::new(SeriesWindows),
            Arc::new(SeriesOrder),
        ];
        rules.insert(at, Arc::new(SeriesRules::new(ours)));
    }
    let config = SessionConfig::new().with_target_partitions(threads).with_batch_size(500);
    let state = SessionStateBuilder::new().with_default_features().with_config(config);
    let context =
        SessionContext::new_with_state(state.with_physical_optimizer_rules(rules).build());
    context.register_table("t", table).expect("a new name");
    context
}

const LEAVES: [&str; 36] = [
    "ref_area = 'B1'",
    "ref_area = 'none'",
    "kind IN ('A', 'M')",
    "item LIKE 'I1%'",
    "item NOT LIKE '%1'",
    "substr(ref_area, 1, 1) < 'K'",
    "kind <> 'Q'",
    "item IN ('I1', 'I2', 'nothing', NULL)",
    "ref_area NOT IN ('A0', NULL)",
    "nullif(kind, 'A') = 'M'",
    "time_period >= '2001'",
    "time_period BETWEEN '2001' AND '2003'",
    "time_period LIKE '%-Q2'",
    "time_period IN ('2001', '2002-Q1', '2019-05-01')",
    "period_start >= DATE '2001-06-30'",
    "extract(year FROM period_start) = 2002",
    "obs_value > 1000",
    "obs_status = 'E'",
    "length(item) > 3 OR item = 'I7'",
    "(kind = 'A' OR time_period > '2002')",
    "kind = ref_area",
    "period_end IS NOT NULL",
    "ref_area BETWEEN 'C' AND 'J'",
    "note IS NULL",
    "obs_value IS NULL",
    "obs_value IS NOT NULL",
    "obs_value BETWEEN -5.5 AND 90000.25",
    "obs_value IN (12.5, 1000, 3)",
    "obs_value <> 12.5",
    "-20000 >= obs_value",
    "obs_value_text = '12.5'",
    "title > 'K'",
    "title || kind < 'PA'",
    "coalesce(obs_status, note, '-') <> 'A'",
    "obs_status IN ('E', 'A')",
    "CASE WHEN obs_status IS NULL THEN note IS NOT NULL END",
];

pub(super) fn predicate(random: &mut Random, depth: u32) -> String {
    if depth == 0 || random.chance(40) {
        return random.pick(&LEAVES).to_owned();
    }
    let left = predicate(random, depth - 1);
    match random.below(5) {
        0 => format!("NOT ({left})"),
        1 | 2 => format!("({left} OR {})", predicate(random, depth - 1)),
        _ => format!("({left} AND {})", predicate(random, depth - 1)),
    }
}

const KEYS: [&str; 16] = [
    "kind",
    "ref_area",
    "item",
    "time_period",
    "upper(substr(ref_area, 1, 1))",
    "period_start",
    "extract(year FROM period_start)",
    "date_trunc('quarter', period_start)",
    "CASE WHEN kind = 'A' THEN NULL ELSE kind END",
    "substr(time_period, 1, 4)",
    "obs_status",
    "coalesce(obs_status, note)",
    "title",
    "kind || item",
    "length(title) + length(item)",
    "CASE WHEN obs_status IS NULL THEN 'none' END",
];

const FUNCTIONS: [&str; 20] = [
    "",
    ", count(*)",
    ", sum(obs_value), count(*)",
    ", avg(obs_value), min(obs_value)",
    ", max(obs_value), count(obs_value), sum(obs_value)",
    ", count(obs_value), min(item)",
    ", sum(obs_value) + 1 AS x, count(time_period)",
    ", sum(obs_value) FILTER (WHERE kind = 'A'), count(*) FILTER (WHERE obs_status = 'E')",
    ", sum(CASE WHEN item < 'I2' THEN obs_value END), max(CASE kind WHEN 'Q' THEN obs_value END)",
    ", sum(CASE WHEN obs_value > 0 THEN obs_value ELSE 0 END)",
    ", sum(CASE WHEN kind = 'M' THEN obs_value ELSE 0 END) FILTER (WHERE note IS NULL)",
    ", avg(obs_value) FILTER (WHERE time_period > '2002' OR obs_value < 5), count(obs_status)",
    ", var_samp(obs_value), stddev_pop(obs_value) FILTER (WHERE obs_status <> 'E')",
    ", stddev(obs_value), var_pop(obs_value), count(title || note)",
    ", count(CASE WHEN obs_value < 1000 THEN 1 END), min(obs_value) FILTER (WHERE item > 'I3')",
    ", count(obs_value) FILTER (WHERE obs_value > 12), count(*) FILTER (WHERE obs_value IS NULL)",
    ", count(1 + obs_value), count(NULL), count(obs_value_text)",
    ", sum(obs_value) FILTER (WHERE NULL), count(*) FILTER (WHERE true)",
    ", sum(CAST(CASE WHEN obs_status = 'E' THEN 1 ELSE 0 END AS decimal(20, 0)))",
    ", sum(CAST(CASE WHEN kind = 'A' THEN 3 END AS decimal(20, 0))) FILTER (WHERE item > 'I2')",
];

const ORDERS: [&str; 4] = [
    "kind, ref_area, item, time_period",
    "item, kind, ref_area, time_period",
    "ref_area, item, kind, time_period, obs_value",
    "item, item, ref_area, kind, time_period",
];

/// Functions that have a state of their own.
const SPECIALS: [&str; 16] = [
    "count(DISTINCT obs_status)",
    "min(obs_status), max(coalesce(note, obs_status))",
    "count(DISTINCT item)",
    "count(DISTINCT time_period)",
    "count(DISTINCT substr(time_period, 1, 4))",
    "count(DISTINCT CASE WHEN kind = 'A' THEN item END)",
    "count(DISTINCT item) FILTER (WHERE kind <> 'Q')",
    "count(DISTINCT ref_area) FILTER (WHERE obs_value > 0)",
    "count(*)",
    "sum(obs_value)",
    "min(time_period), max(time_period)",
    "min(period_start), max(period_end)",
    "max(upper(item)), min(ref_area)",
    "median(obs_value)",
    "percentile_cont(0.3) WITHIN GROUP (ORDER BY obs_value)",
    "median(obs_value) FILTER (WHERE time_period > '2001')",
];

/// A query of functions that have a state of their own, perhaps over grouping sets.
fn special(random: &mut Random, rows: &str) -> String {
    if random.chance(10) {
        let order = random.pick(&["time_period", "time_period DESC"]);
        let functions = format!(
            "first_value(obs_value ORDER BY {order}) AS f, \
             last_value(obs_value IGNORE NULLS ORDER BY {order}) AS l, \
             first_value(obs_value ORDER BY {order}) FILTER (WHERE obs_status = 'A') AS a"
        );
        let keys = "kind, ref_area, item";
        return format!("SELECT {keys}, {functions} {rows} GROUP BY {keys}");
    }
    let functions: Vec<&str> = (0..=random.below(3)).map(|_| random.pick(&SPECIALS)).collect();
    let functions: Vec<String> =
        functions.iter().enumerate().map(|(place, f)| alias(f, place)).collect();
    let functions = functions.join(", ");
    if random.chance(25) {
        return format!("SELECT {functions} {rows}");
    }
    let mut keys: Vec<&str> = (0..=random.below(3)).map(|_| random.pick(&KEYS)).collect();
    keys.sort_unstable();
    keys.dedup();
    let listed = keys.join(", ");
    let by = match random.below(5) {
        0 => format!("CUBE ({listed})"),
        1 => format!("ROLLUP ({listed})"),
        2 => format!("{}, CUBE ({listed})", keys[0]),
        3 => format!("GROUPING SETS (({listed}), ({}), ({}), ())", keys[0], keys[keys.len() - 1]),
        _ => return format!("SELECT {listed}, {functions} {rows} GROUP BY {listed}"),
    };
    let is_column = |key: &&&str| !key.contains([' ', '(']);
    let grouping = keys.iter().find(is_column).map(|key| format!(", grouping({key}) AS g"));
    let grouping = grouping.unwrap_or_default();
    format!("SELECT {listed}{grouping}, {functions} {rows} GROUP BY {by}")
}

/// Names the columns of functions by their place, since some come twice.
fn alias(functions: &str, place: usize) -> String {
    match functions.split_once("), ") {
        Some((first, second)) => format!("{first}) AS a{place}, {second} AS b{place}"),
        None => format!("{functions} AS c{place}"),
    }
}

/// A query, and whether its rows have an order.
fn query(random: &mut Random) -> (String, bool) {
    let rows = if random.chance(70) {
        format!("FROM t WHERE {}", predicate(random, 3))
    } else {
        "FROM t".to_owned()
    };
    let limit = random.below(700);
    match random.below(12) {
        8.. => (special(random, &rows), false),
        0 => (format!("SELECT * {rows}"), false),
        1 => {
            let keys = random.pick(&ORDERS);
            let limit = if random.chance(50) { format!(" LIMIT {limit}") } else { String::new() };
            (format!("SELECT time_period AS p, item AS i, * {rows} ORDER BY {keys}{limit}"), true)
        }
        2 => (format!("SELECT item {rows} ORDER BY item LIMIT {limit}"), true),
        3 => {
            let of = random.pick(&["kind", "ref_area, item", "time_period", "kind, time_period"]);
            (format!("SELECT DISTINCT {of} {rows}"), false)
        }
        4 => (format!("SELECT count(DISTINCT item), count(DISTINCT ref_area) {rows}"), false),
        5 => {
            let all = "count(*), count(obs_value), sum(obs_value), avg(obs_value), \
                       min(obs_value), max(obs_value), count(kind)";
            let more = random.pick(&["", ", min(item), max(time_period)"]);
            let own = format!("1 AS one{}", random.pick(&FUNCTIONS));
            let wanted = if random.chance(30) { format!("{all}{more}") } else { own };
            (format!("SELECT {wanted} {rows}"), false)
        }
        _ => {
            let mut keys: Vec<&str> = (0..=random.below(3)).map(|_| random.pick(&KEYS)).collect();
            keys.sort_unstable();
            keys.dedup();
            let keys = keys.join(", ");
            let functions = random.pick(&FUNCTIONS);
            (format!("SELECT {keys}{functions} {rows} GROUP BY {keys}"), false)
        }
    }
}

/// The answer as texts, sorted unless it has an order; doubles to seven digits.
pub(super) async fn answer(
    context: &SessionContext,
    sql: &str,
    has_order: bool,
) -> Vec<Vec<String>> {
    let planned = context.sql(sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    let batches = planned.collect().await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    let shown = |column: &ArrayRef, row: usize| match column
        .as_any()
        .downcast_ref::<Float64Array>()
        .filter(|c| c.is_valid(row))
    {
        Some(numbers) => format!("{:.6e}", numbers.value(row)),
        None => array_value_to_string(column, row).expect("has a text"),
    };
    let mut rows = Vec::new();
    for batch in &batches {
        for row in 0..batch.num_rows() {
            rows.push(batch.columns().iter().map(|column| shown(column, row)).collect());
        }
    }
    if !has_order {
        rows.sort();
    }
    rows
}

/// Whether two answers are the same but for the last digits of doubles.
pub(super) fn is_same(a: &[Vec<String>], b: &[Vec<String>]) -> bool {
    let close = |(a, b): (&String, &String)| match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(x), Ok(y)) => (x - y).abs() <= 1e-5 * x.abs().max(y.abs()).max(1e-2),
        _ => a == b,
    };
    let row = |(a, b): (&Vec<String>, &Vec<String>)| {
        a.len() == b.len() && a.iter().zip(b).all(|pair| pair.0 == pair.1 || close(pair))
    };
    a.len() == b.len() && a.iter().zip(b).all(row)
}

async fn check(seed: u64) -> usize {
    let random = &mut Random::new(seed);
    let mut has_other = random.chance(20);
    let all = observations(random, has_other, false);
    has_other &= all.iter().any(|one| one.period.contains('/'));
    if all.is_empty() {
        return 0;
    }
    let commits = 1 + usize::from(random.small(3));
    let cube = load(random, &all, commits);
    let table = || Arc::new(CubeTable::new(Arc::clone(&cube)).expect("a table"));
    let witness = Arc::new(in_memory(&all, &table().schema(), has_other));
    let witness = context(witness, false, 2);
    let threads = 1 + usize::from(random.small(4));
    let ours = [context(table(), false, 3), context(table(), true, threads)];
    let mut replaced = 0;
    for _ in 0..QUERIES {
        let (sql, has_order) = query(random);
        let expected = answer(&witness, &sql, has_order).await;
        for (context, rules) in ours.iter().zip(["off", "on"]) {
            let found = answer(context, &sql, has_order).await;
            let plan = format!("{:?}", answer(context, &format!("EXPLAIN {sql}"), true).await);
            assert!(
                is_same(&expected, &found),
                "seed {seed}, rules {rules}: {sql}\n{expected:?}\n{found:?}\n{plan}",
            );
            replaced += usize::from(plan.contains("SeriesAggregateExec"));
            replaced += usize::from(plan.contains("order=["));
        }
    }
    replaced
}

pub(super) fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
    runtime.block_on(future)
}

#[test]
fn queries_give_the_answers_of_plain_rows() {
    let replaced: usize = run(async {
        let mut replaced = 0;
        for seed in 1..=CUBES {
            replaced += check(seed).await;
        }
        replaced
    });
    // The test is about our operators, so they must have been used.
    assert!(replaced > 100, "only {replaced} plans had an operator of ours");
}

/// The oracle is integer arithmetic over the published digits; and no digit may depend on threads
/// or on how the cube lies in segments.
#[test]
fn sums_are_exact_whatever_the_threads_and_segments() {
    let sql = "SELECT ref_area, sum(obs_value) AS s FROM t GROUP BY ref_area ORDER BY ref_area";
    let by_period = "SELECT ref_area, sum(s) FROM (SELECT ref_area, time_period, sum(obs_value) \
                     AS s FROM t GROUP BY ref_area, time_period) GROUP BY ref_area ORDER BY 1";
    for seed in 100..106 {
        let random = &mut Random::new(seed);
        let all = observations(random, false, true);
        let mut areas: Vec<&String> = all.iter().map(|one| &one.key[1]).collect();
        areas.sort_unstable();
        areas.dedup();
        let exact = |area: &String| {
            let of_area = all.iter().filter(|one| one.key[1] == *area);
            let numbers = of_area.filter_map(|one| match &one.value {
                Value::Decimal(number) => number.rescale(6),
                _ => None,
            });
            let mantissas: Vec<i128> = numbers.map(|number| number.mantissa).collect();
            let sum = Decimal { mantissa: mantissas.iter().sum(), scale: 6 };
            (!mantissas.is_empty()).then(|| sum.to_f64())
        };
        let expected: Vec<Option<u64>> =
            areas.iter().map(|area| exact(area).map(f64::to_bits)).collect();
        for (commits, threads) in [(1, 1), (1, 4), (3, 2)] {
            let cube = load(random, &all, commits);
            let table = Arc::new(CubeTable::new(cube).expect("a table"));
            let context = context(table, true, threads);
            let found = run(async {
                assert!(!answer(&context, by_period, true).await.is_empty() || all.is_empty());
                let planned = context.sql(sql).await.expect("plans");
                planned.collect().await.expect("answers")
            });
            let mut sums = Vec::new();
            for batch in &found {
                let column = batch.column(1).as_any().downcast_ref::<Float64Array>();
                sums.extend(column.expect("doubles").iter().map(|sum| sum.map(f64::to_bits)));
            }
            assert_eq!(sums, expected, "seed {seed}, {commits} commits, {threads} threads");
        }
    }
}
