//! Answers against a scan of all observations, which shares no code with them but what a period
//! covers.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;

use crate::model::{AtObservation, ComponentFilter, DataQuery, DataSelection, Operator, Period};
use crate::model::{AvailabilityMode, AvailabilityQuery, ReportingYearStart, Span, Term};
use crate::model::{TimeCoverage, Wanted};
use crate::sdmx::data::Level;
use crate::store::answer::fixture::{Told, ask, database, filter, id};
use crate::store::availability;
use crate::store::{DataAnswer, PeriodFilter, ScanOrder, ScanRequest, SeriesFilter, Snapshot};

/// An observation, as the plain cursor gives it: the texts of the components, empty where absent.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Observation {
    cells: Vec<String>,
}

const NAMES: [&str; 12] = [
    "FREQ",
    "AREA",
    "ITEM",
    "TIME_PERIOD",
    "OBS_VALUE",
    "COUNT",
    "STATUS",
    "NOTE",
    "TITLE",
    "UNIT",
    "REPORTING_YEAR_START_DAY",
    "SOURCE",
];
const KEY: usize = 3;
const TIME: usize = 3;

/// All observations, in no order.
fn scan(snapshot: &Snapshot) -> Vec<Observation> {
    let cube = snapshot.cube(&id()).expect("there");
    let flow = cube.flow();
    let request = ScanRequest {
        series: cube.select(&SeriesFilter::All).expect("read"),
        periods: PeriodFilter::All,
        measures: (0..flow.measures().len()).collect(),
        attributes: (0..flow.attributes().len()).collect(),
        order: ScanOrder::Stored,
    };
    let mut cursor = cube.cursor(request).expect("begun");
    let mut found = Vec::new();
    while let Some(chunk) = cursor.next().expect("read") {
        let part = &cube.parts()[chunk.part];
        for position in 0..chunk.data.slots {
            if chunk.data.absent.iter().any(|absent| usize::from(*absent) == position) {
                continue;
            }
            let mut cells = Vec::new();
            for dimension in 0..KEY {
                let code = part.code(dimension, chunk.series).expect("read");
                cells.push(cube.codes(dimension).get(code).to_owned());
            }
            let mut text = Vec::new();
            chunk.data.write_period(position, &mut text);
            cells.push(String::from_utf8(text).expect("text"));
            for measure in &chunk.data.measures {
                let mut text = Vec::new();
                measure.value(position).write_to(&mut text);
                cells.push(String::from_utf8(text).expect("text"));
            }
            let known = &part.segment().footer().observation_attributes;
            for (at, attribute) in flow.attributes().iter().enumerate() {
                let own = known.iter().position(|id| *id == attribute.id);
                let value = match own {
                    Some(own) => {
                        let number = chunk.data.attributes[own].value(position);
                        part.segment().observation_value(own, number).expect("read")
                    }
                    None => cube.key_attribute(at, chunk.part, chunk.series).expect("read"),
                };
                cells.push(value.unwrap_or_default().to_owned());
            }
            found.push(Observation { cells });
        }
    }
    found
}

fn span(text: &str, year_start: &str) -> Option<Span> {
    let start = ReportingYearStart::parse(year_start).unwrap_or_default();
    Period::parse(text).ok()?.span(start)
}

/// Whether an observation passes a term.
fn passes(observation: &Observation, component: usize, term: &Term) -> bool {
    let text = observation.cells[component].as_str();
    let value = term.value.as_str();
    if text.is_empty() {
        return false;
    }
    match term.operator {
        Operator::Contains => return text.contains(value),
        Operator::ContainsNot => return !text.contains(value),
        Operator::StartsWith => return text.starts_with(value),
        Operator::EndsWith => return text.ends_with(value),
        _ => {}
    }
    if component == TIME {
        let year_start = &observation.cells[10];
        let Some((own, bound)) = span(text, year_start).zip(span(value, year_start)) else {
            return false;
        };
        let is_within = if own.start == own.end && bound.start < bound.end {
            bound.start <= own.start && own.start < bound.end
        } else {
            bound.start <= own.start && own.end <= bound.end
        };
        return match term.operator {
            Operator::Equal => is_within,
            Operator::NotEqual => !is_within,
            Operator::GreaterOrEqual => own.start >= bound.start,
            Operator::Greater if bound.start == bound.end => own.start > bound.start,
            Operator::Greater => own.start >= bound.end,
            Operator::Less if own.start == own.end => own.start < bound.start,
            Operator::Less => own.end <= bound.start,
            _ if bound.start == bound.end => own.start <= bound.start && own.end <= bound.end,
            _ if own.start == own.end => own.start < bound.end,
            _ => own.end <= bound.end,
        };
    }
    let number = |text: &str| text.parse::<f64>().ok().filter(|n| n.is_finite());
    if (4..6).contains(&component)
        && let Some(bound) = number(value)
    {
        let Some(own) = number(text) else { return term.operator == Operator::NotEqual };
        return match term.operator {
            Operator::Equal => own.total_cmp(&bound).is_eq(),
            Operator::NotEqual => own.total_cmp(&bound).is_ne(),
            Operator::Less => own < bound,
            Operator::LessOrEqual => own <= bound,
            Operator::Greater => own > bound,
            _ => own >= bound,
        };
    }
    match term.operator {
        Operator::Equal => text == value,
        Operator::NotEqual => text != value,
        Operator::Less => text < value,
        Operator::LessOrEqual => text <= value,
        Operator::Greater => text > value,
        _ => text >= value,
    }
}

fn is_selected(observation: &Observation, selection: &DataSelection) -> bool {
    let is_of = |key: &Vec<Vec<String>>| {
        key.iter()
            .zip(&observation.cells)
            .all(|(codes, own)| codes.is_empty() || codes.contains(own))
    };
    let passes_filter = |filter: &ComponentFilter| {
        let component = NAMES.iter().position(|id| **id == filter.component).expect("known");
        filter.any_of.iter().any(|all| all.iter().all(|term| passes(observation, component, term)))
    };
    (selection.keys.is_empty() || selection.keys.iter().any(is_of))
        && selection.filters.iter().all(passes_filter)
}

/// The selected observations in their order, those at the ends of each series.
fn expected(all: &[Observation], query: &DataQuery) -> Vec<Observation> {
    let chosen = all.iter().filter(|one| is_selected(one, &query.selection));
    let mut chosen: Vec<Observation> = chosen.cloned().collect();
    let time =
        |one: &Observation| (span(&one.cells[TIME], &one.cells[10]), one.cells[TIME].clone());
    chosen.sort_by(|a, b| a.cells[..KEY].cmp(&b.cells[..KEY]).then_with(|| time(a).cmp(&time(b))));
    if query.first.is_some() || query.last.is_some() {
        let mut kept = Vec::new();
        for series in chosen.chunk_by(|a, b| a.cells[..KEY] == b.cells[..KEY]) {
            let count = series.len() as u64;
            for (index, one) in (0..).zip(series) {
                let is_first = index < query.first.unwrap_or(0);
                if is_first || count - index <= query.last.unwrap_or(0) {
                    kept.push(one.clone());
                }
            }
        }
        chosen = kept;
    }
    if let AtObservation::Dimension(dimension) = &query.at_observation
        && dimension != "TIME_PERIOD"
    {
        let crossing = NAMES.iter().position(|id| id == dimension).expect("known");
        let others = |one: &Observation| {
            let others = (0..KEY).filter(|at| *at != crossing).map(|at| one.cells[at].clone());
            others.collect::<Vec<_>>()
        };
        let time = |one: &Observation| (span(&one.cells[TIME], ""), one.cells[TIME].clone());
        chosen.sort_by_key(|one| (others(one), time(one), one.cells[crossing].clone()));
    }
    chosen
}

/// A line as a writer is told it.
fn line(observation: &Observation) -> String {
    let cells = observation.cells.iter().map(|cell| if cell.is_empty() { "~" } else { cell });
    cells.collect::<Vec<_>>().join("|")
}

fn check(snapshot: &Arc<Snapshot>, all: &[Observation], query: &DataQuery) {
    let whole = expected(all, query);
    let offset = usize::try_from(query.offset).expect("small");
    let limit = query.limit.map_or(usize::MAX, |limit| usize::try_from(limit).expect("small"));
    let (answer, told, written) = ask(snapshot, query);
    if query.measures == Wanted::None {
        let mut keys: Vec<&[String]> = whole.iter().map(|one| &one.cells[..KEY]).collect();
        keys.dedup();
        let keys = keys.into_iter().skip(offset).take(limit).map(|key| key.join("|"));
        let found = told.series.iter().map(|s| s.split('|').take(KEY).collect::<Vec<_>>());
        let found: Vec<String> = found.map(|key| key.join("|")).collect();
        assert_eq!(found, keys.collect::<Vec<_>>(), "{query:?}");
        assert!(told.observations.is_empty());
        assert_eq!(answer.is_empty(), found.is_empty(), "{query:?}");
        return;
    }
    let page: Vec<&Observation> = whole.iter().skip(offset).take(limit).collect();
    let lines: Vec<String> = page.iter().map(|one| line(one)).collect();
    let found: Vec<String> = told.observations.iter().map(|(_, line)| line.clone()).collect();
    assert_eq!(found, lines, "{query:?}");
    assert_eq!(answer.is_empty(), page.is_empty(), "{query:?}");
    assert_eq!(written.observations, page.len() as u64);
    assert_eq!(written.series, told.series.len() as u64);
    assert!(answer.observation_count().expect("read") >= written.observations);
    check_series(query, &told);
    check_partials(&page, all, &told);
}

/// Each observation is of the series before it, and no series comes twice, or without one.
fn check_series(query: &DataQuery, told: &Told) {
    let mut seen = BTreeSet::new();
    for (number, series) in (1..).zip(&told.series) {
        assert!(seen.insert(series), "{series} twice: {query:?}");
        let mut own = told.observations.iter().filter(|(of, _)| *of == number).peekable();
        assert!(own.peek().is_some(), "{series} has no observation: {query:?}");
        let shared: Vec<&str> = series.split('|').collect();
        for (_, observation) in own {
            for (cell, shared) in observation.split('|').zip(&shared) {
                assert!(*shared == "~" || cell == *shared, "{series} {observation}");
            }
        }
    }
}

/// Partial keys come once, and those of every observation are there.
fn check_partials(page: &[&Observation], all: &[Observation], told: &Told) {
    let groups: [(&[usize], &[usize]); 3] = [(&[], &[11]), (&[1, 2], &[9]), (&[1], &[10])];
    let keys = |from: &[&Observation]| {
        let mut keys = BTreeSet::new();
        for one in from {
            for (dimensions, attributes) in groups {
                let mut cells = vec!["~"; NAMES.len()];
                for at in dimensions {
                    cells[*at] = &one.cells[*at];
                }
                let values = attributes.iter().filter(|at| !one.cells[**at].is_empty());
                if values.map(|at| cells[*at] = &one.cells[*at]).count() > 0 {
                    keys.insert(cells.join("|"));
                }
            }
        }
        keys
    };
    let found: BTreeSet<String> = told.partials.iter().cloned().collect();
    assert_eq!(found.len(), told.partials.len(), "each once");
    assert!(found.is_superset(&keys(page)), "{found:?} {:?}", keys(page));
    assert!(found.is_subset(&keys(&all.iter().collect::<Vec<_>>())));
}

/// A selection that says nothing of one dimension.
fn without(selection: &DataSelection, dimension: usize) -> DataSelection {
    let mut selection = selection.clone();
    selection.filters.retain(|filter| filter.component != NAMES[dimension]);
    selection.keys.iter_mut().filter_map(|key| key.get_mut(dimension)).for_each(Vec::clear);
    selection
}

fn check_availability(snapshot: &Arc<Snapshot>, all: &[Observation], selection: &DataSelection) {
    let chosen = |selection: &DataSelection| -> Vec<&Observation> {
        all.iter().filter(|one| is_selected(one, selection)).collect()
    };
    let codes = |from: &[&Observation], dimension: usize| -> Vec<String> {
        let codes = from.iter().map(|one| one.cells[dimension].clone());
        codes.collect::<BTreeSet<_>>().into_iter().collect()
    };
    let days = |from: &[&Observation]| {
        let spans = from.iter().filter_map(|one| span(&one.cells[TIME], &one.cells[10]));
        let spans: Vec<Span> = spans.collect();
        let first_day = spans.iter().map(|span| span.first_day()).min()?;
        let last_day = spans.iter().map(|span| span.last_day()).max()?;
        Some(TimeCoverage { first_day, last_day })
    };
    let whole = chosen(selection);
    let series: BTreeSet<&[String]> = whole.iter().map(|one| &one.cells[..KEY]).collect();
    for mode in [AvailabilityMode::Exact, AvailabilityMode::Available] {
        let of = |dimension| match mode {
            AvailabilityMode::Exact => whole.clone(),
            AvailabilityMode::Available => chosen(&without(selection, dimension)),
        };
        let components = Vec::new();
        let query = AvailabilityQuery { selection: selection.clone(), components, mode };
        let found = availability(snapshot, &id(), &query).expect("answered");
        for (dimension, found) in found.dimensions.iter().enumerate() {
            assert_eq!(found.dimension, NAMES[dimension]);
            assert_eq!(found.codes, codes(&of(dimension), dimension), "{query:?}");
        }
        assert_eq!(found.dimensions.len(), KEY);
        assert_eq!(found.time, days(&of(TIME)), "{query:?}");
        assert_eq!(found.series_count, series.len() as u64, "{query:?}");
        assert_eq!(found.observation_count, Some(whole.len() as u64), "{query:?}");
    }
}

/// A row: its codes and period by number, its values by number.
fn row() -> impl Strategy<Value = String> {
    let key = (0..4_usize, 0..3_usize, 0..4_usize);
    (key, 0..8_usize, 0..7_usize, 0..4_usize, 0..3_usize).prop_map(
        |((freq, area, item), period, value, status, note)| {
            let days = ["2001-03-17", "2001-03-18", "2003-11-30", "2012-06-04", "2012-06-05"];
            let period = match freq {
                0 => format!("{}", 2015 + period),
                1 => format!("20{}-Q{}", 19 + period / 4, 1 + period % 4),
                // Chunks begin every 4,096 days.
                2 => days.get(period).map_or_else(|| format!("2020-0{period}-15"), |d| (*d).into()),
                _ => [
                    "2019",
                    "2019-S1",
                    "2020-W05",
                    "2020-03-01T12:00:00",
                    "2020-03-01T13:30:00+02:00",
                    "2020-01-01/P3D",
                    "2021-M03",
                    "2018-D060",
                ][period]
                    .to_owned(),
            };
            let value = ["1", "2.50", "-3", "", "NaN", "10", "<2.5"][value];
            let status = ["A", "B", "", "AB"][status];
            let note = ["", "x,y", "n"][note].replace("x,y", "\"x,y\"");
            let code = ["A", "Q", "D", "X"][freq];
            let area = ["CH", "DE", "b-1"][area];
            let start = if area == "DE" { "--07-01" } else { "" };
            let unit = if item == 1 { String::new() } else { format!("U{area}{item}") };
            let title = if item == 2 { String::new() } else { format!("T{code}{item}") };
            format!("{code},{area},I{item},{period},{value},{status}{period},{status},{note},{title},{unit},{start},S")
        },
    )
}

fn term(component: usize) -> impl Strategy<Value = Term> {
    static OPERATORS: [Operator; 10] = [
        Operator::Equal,
        Operator::NotEqual,
        Operator::Less,
        Operator::LessOrEqual,
        Operator::Greater,
        Operator::GreaterOrEqual,
        Operator::Contains,
        Operator::ContainsNot,
        Operator::StartsWith,
        Operator::EndsWith,
    ];
    let values: &[&str] = match component {
        0 => &["A", "Q", "D", "B"],
        1 => &["CH", "DE", "b-1", "E"],
        2 => &["I0", "I1", "I3", "2"],
        TIME => &[
            "2019",
            "2020",
            "2020-Q2",
            "2020-A1",
            "2019-S2",
            "2020-03",
            "2020-03-01",
            "2020-03-01T12:00:00",
            "2020-01-01/P2M",
            "2003-11-30",
            "2012",
            "2020-W05",
        ],
        4 => &["1", "1.0", "2.5", "-3", "NaN", "7", "<2.5"],
        5 => &["A3", "3", "5.0", "B"],
        6 => &["A", "AB", "B"],
        7 => &["n", "x,y"],
        8 => &["TA0", "TX3", "T"],
        9 => &["UCH0", "Ub-13", "U"],
        10 => &["--07-01", "x"],
        _ => &["S", "T"],
    };
    (prop::sample::select(&OPERATORS[..]), prop::sample::select(values))
        .prop_map(|(operator, value)| Term { operator, value: value.to_owned() })
}

fn component_filter() -> impl Strategy<Value = ComponentFilter> {
    // Time is what most queries are about.
    prop_oneof![Just(TIME), 0..NAMES.len()].prop_flat_map(|component| {
        let all_of = prop::collection::vec(term(component), 1..3);
        prop::collection::vec(all_of, 1..3).prop_map(move |any_of| ComponentFilter {
            component: NAMES[component].to_owned(),
            any_of,
        })
    })
}

fn query() -> impl Strategy<Value = DataQuery> {
    let codes = |pool: &'static [&'static str]| {
        prop::collection::vec(prop::sample::select(pool).prop_map(str::to_owned), 0..3)
    };
    let key = (
        codes(&["A", "Q", "D", "X"]),
        codes(&["CH", "DE", "?"]),
        codes(&["I0", "I1", "I2"]),
        0..4_usize,
    )
        .prop_map(|(freq, area, item, length)| {
            [freq, area, item].into_iter().take(length).collect::<Vec<_>>()
        });
    let selection = (
        prop_oneof![3 => Just(Vec::new()), 2 => prop::collection::vec(key, 1..4)],
        prop::collection::vec(component_filter(), 0..3),
    );
    let ends = (prop::option::of(1..4_u64), prop::option::of(1..4_u64));
    let page = (
        prop_oneof![2 => Just(0_u64), 1 => 0..12_u64],
        prop_oneof![2 => Just(None), 1 => (0..9_u64).prop_map(Some)],
    );
    let at = prop::sample::select(&["", "*", "TIME_PERIOD", "FREQ", "AREA", "ITEM", "-"][..]);
    (selection, ends, page, at).prop_map(|((keys, filters), (first, last), (offset, limit), at)| {
        let has_observations = at != "-";
        DataQuery {
            selection: DataSelection { keys, filters, ..Default::default() },
            first,
            last,
            at_observation: match at {
                "" | "-" => AtObservation::Default,
                "*" => AtObservation::All,
                id => AtObservation::Dimension(id.to_owned()),
            },
            attributes: if has_observations { Wanted::All } else { keys_only() },
            measures: if has_observations { Wanted::All } else { Wanted::None },
            offset,
            limit,
            ..Default::default()
        }
    })
}

fn keys_only() -> Wanted {
    Wanted::Some { ids: Vec::new(), dataflow: true, series: true, observation: false }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn answers_what_a_scan_finds(
        loads in prop::collection::vec(prop::collection::vec(row(), 1..60), 1..4),
        queries in prop::collection::vec(query(), 20),
    ) {
        // One message may not say two things of one observation.
        let once = |rows: Vec<String>| {
            let mut seen = BTreeSet::new();
            let key = |row: &str| row.split(',').take(4).collect::<Vec<_>>().join(",");
            rows.into_iter().filter(|row| seen.insert(key(row))).collect::<Vec<_>>()
        };
        let loads: Vec<Vec<String>> = loads.into_iter().map(once).collect();
        let database = database(true, &loads);
        let snapshot = database.snapshot().expect("readable");
        let all = scan(&snapshot);
        check(&snapshot, &all, &DataQuery::default());
        for query in &queries {
            check(&snapshot, &all, query);
            check_availability(&snapshot, &all, &query.selection);
        }
    }
}

const ROWS: [&str; 9] = [
    "A,CH,I0,2019,1,,A,,T,U,,S",
    "A,CH,I0,2020,2,,B,,T,U,,S",
    "Q,CH,I0,2020-Q1,3,,,,T,U,,S",
    "Q,CH,I0,2020-Q2,4,,,,T,U,,S",
    "Q,CH,I0,2020-Q4,5,,,,T,U,,S",
    "D,CH,I0,2020-12-31,6,,,,T,U,,S",
    "D,CH,I0,2021-01-01,7,,,,T,U,,S",
    "W,CH,I0,2020-W53,8,,,,T,U,,S",
    "H,CH,I0,2020-12-31T23:59:59,9,,,,T,U,,S",
];

fn database_of(loads: &[Vec<String>]) -> Arc<Snapshot> {
    database(true, loads).snapshot().expect("readable")
}

fn of_rows(rows: &[&str]) -> Arc<Snapshot> {
    let rows = rows.iter().map(|row| (*row).to_owned()).collect();
    database_of(&[rows])
}

/// The values of the observations that a filter leaves, sorted.
fn values(snapshot: &Arc<Snapshot>, component: &str, text: &str) -> String {
    let filters = vec![filter(component, text)];
    let selection = DataSelection { filters, ..Default::default() };
    let (_, told, _) = ask(snapshot, &DataQuery { selection, ..Default::default() });
    let value = |line: &String| line.split('|').nth(4).expect("a value").to_owned();
    let mut values: Vec<String> = told.observations.iter().map(|(_, line)| value(line)).collect();
    values.sort();
    values.concat()
}

/// The table of operators of the specification, over one text attribute.
#[test]
fn operators_bind_to_their_own_term() {
    let row =
        |(number, status): (usize, &str)| format!("A,CH,I{number},2020,{number},,{status},,T,U,,S");
    let rows: Vec<String> = ["A", "B", "C", "D", ""].into_iter().enumerate().map(row).collect();
    let snapshot = of_rows(&rows.iter().map(String::as_str).collect::<Vec<_>>());
    let check = |text: &str, expected: &str| {
        assert_eq!(values(&snapshot, "STATUS", text), expected, "{text}");
    };
    check("A", "0");
    check("A,B", "01");
    check("ge:B+le:C", "12");
    check("A,B+C", "0");
    check("ge:A+le:B,ge:C+le:D", "0123");
    check("ne:A,B", "123");
    check("ne:A+B", "1");
    check("ne:A,ne:B", "0123");
    check("ne:A+ne:B", "23");
    check("nc:A", "123");
}

/// Bounds are periods, and include all of theirs: `endPeriod=2020` has the last day of 2020.
#[test]
fn times_compare_by_what_they_cover() {
    let snapshot = of_rows(&ROWS);
    let check = |text: &str, expected: &str| {
        assert_eq!(values(&snapshot, "TIME_PERIOD", text), expected, "{text}");
    };
    check("le:2020", "1234569");
    check("ge:2020+le:2020", "234569");
    check("2020", "234569");
    check("gt:2020", "7");
    check("ge:2020", "23456789");
    check("lt:2020-Q2", "13");
    check("le:2020-Q2", "134");
    check("ge:2020-12-28", "6789");
    check("gt:2020-12-31T23:59:58", "79");
    check("le:2020-12-31T23:59:59", "1234569");
    check("le:2020-12-31T23:59:58", "134");
    check("lt:2020-12-31T23:59:59", "134");
    check("2020-S1", "34");
    check("sw:2020-Q", "345");
    check("ne:2020+sw:2020", "8");
    check("2021-W53", "");
    check("2020-Q1,2021", "37");
}

/// `2010-Q3` of a reporting year that begins in July is the first quarter of 2011.
#[test]
fn reporting_years_begin_when_the_data_or_the_query_say() {
    let rows = ["Q,CH,I0,2010-Q3,1,,,,T,U,,S", "Q,DE,I0,2010-Q3,2,,,,T,U,--07-01,S"];
    let snapshot = of_rows(&rows);
    let check = |start: Option<&str>, text: &str, expected: &[&str]| {
        let selection = DataSelection {
            filters: vec![filter("TIME_PERIOD", text)],
            reporting_year_start: start.map(str::to_owned),
            ..Default::default()
        };
        let (_, told, _) = ask(&snapshot, &DataQuery { selection, ..Default::default() });
        let values = told.observations.iter().map(|(_, line)| line.split('|').nth(1).expect("b"));
        assert_eq!(values.collect::<Vec<_>>(), expected, "{start:?} {text}");
    };
    check(None, "2010", &["CH"]);
    check(None, "ge:2011-01-01+le:2011-03-31", &["DE"]);
    check(Some("--07-01"), "2011", &["CH", "DE"]);
    check(Some("--04-01"), "2010-10-01/P3M", &["CH"]);
    // A reporting period in the query is meant in the year of the data.
    check(None, "2010-Q3", &["CH", "DE"]);
}

#[test]
fn refuses_what_the_structure_does_not_have() {
    let snapshot = of_rows(&ROWS);
    let check = |query: DataQuery, expected: &str| {
        let error = DataAnswer::open(&snapshot, &id(), &query).expect_err("refused").to_string();
        assert_eq!(error, expected);
    };
    let of = |selection| DataQuery { selection, ..Default::default() };
    let filters =
        |id, text| DataSelection { filters: vec![filter(id, text)], ..Default::default() };
    check(of(filters("X", "1")), "component X: A:F(1.0) has no such component");
    let error = DataAnswer::open(&snapshot, &id(), &of(filters("TIME_PERIOD", "2020-13")));
    assert!(error.expect_err("refused").to_string().starts_with("TIME_PERIOD \"2020-13\": "));
    let keys = vec![vec![Vec::new(); 4]];
    check(
        of(DataSelection { keys, ..Default::default() }),
        "key: the key has 4 positions for 3 dimensions: FREQ.AREA.ITEM",
    );
    let at_observation = AtObservation::Dimension("STATUS".to_owned());
    check(
        DataQuery { at_observation, ..Default::default() },
        "dimensionAtObservation: A:F(1.0) has no dimension STATUS",
    );
    let ids = vec!["COLOUR".to_owned()];
    let measures = Wanted::Some { ids, dataflow: false, series: false, observation: false };
    check(
        DataQuery { measures, ..Default::default() },
        "measures: A:F(1.0) has no COLOUR among its measures: OBS_VALUE, COUNT",
    );
}

#[test]
fn only_what_is_asked_for_has_cells() {
    let snapshot = of_rows(&ROWS[..1]);
    let some = |ids: &[&str]| Wanted::Some {
        ids: ids.iter().map(|id| (*id).to_owned()).collect(),
        dataflow: true,
        series: false,
        observation: false,
    };
    let attributes = some(&["STATUS"]);
    let measures = some(&["COUNT"]);
    let (_, told, _) = ask(&snapshot, &DataQuery { attributes, measures, ..Default::default() });
    assert_eq!(told.partials, ["~|~|~|~|~|~|~|~|~|~|~|S"]);
    assert_eq!(told.series, ["A|CH|I0|~|~|~|~|~|~|~|~|S"]);
    assert_eq!(told.observations, [(1, "A|CH|I0|2019|~|~|A|~|~|~|~|S".to_owned())]);
}

#[test]
fn only_what_changed_after_a_moment_is_answered() {
    let first =
        vec!["A,CH,I0,2019,1,,A,,T,U,,S".to_owned(), "A,DE,I0,2019,1,,A,,T,U,,S".to_owned()];
    let second = vec!["A,DE,I0,2020,2,,A,,T,U,,S".to_owned()];
    let snapshot = database(true, &[first, second]).snapshot().expect("readable");
    let check = |moment, expected: &[&str]| {
        let selection = DataSelection { updated_after: Some(moment), ..Default::default() };
        let (answer, told, _) = ask(&snapshot, &DataQuery { selection, ..Default::default() });
        let found = told.observations.iter().map(|(_, line)| &line[..12]);
        assert_eq!(found.collect::<Vec<_>>(), expected, "{moment}");
        assert_eq!(answer.is_empty(), expected.is_empty());
    };
    check(9, &["A|CH|I0|2019", "A|DE|I0|2019", "A|DE|I0|2020"]);
    check(10, &["A|DE|I0|2020"]);
    check(11, &[]);
}

#[test]
fn flows_without_time_are_flat() {
    let rows = vec!["A,CH,I0,1,,A,,T,U,,S".to_owned(), "A,DE,I0,2,,,,T,U,,S".to_owned()];
    let snapshot = database(false, &[rows]).snapshot().expect("readable");
    let (answer, told, _) = ask(&snapshot, &DataQuery::default());
    assert_eq!(answer.scope_parts().level, Level::Flat);
    assert_eq!(told.series.len(), 2);
    assert_eq!(told.observations[0], (1, "A|CH|I0|1|~|A|~|T|U|~|S".to_owned()));
    let at_observation = AtObservation::Dimension("AREA".to_owned());
    let (_, told, _) = ask(&snapshot, &DataQuery { at_observation, ..Default::default() });
    assert_eq!(told.series, ["A|~|I0|~|~|~|~|~|~|~|S"]);
    assert_eq!(told.observations.len(), 2);
}

/// Attributes of a partial key without a series, or of no row at all, are no answer.
#[test]
fn partial_keys_alone_are_nothing() {
    let snapshot = database_of(&[vec!["A,CH,I0,2019,1,,A,,T,U,,S".to_owned()]]);
    let keys = vec![vec![vec!["B".to_owned()]]];
    let selection = DataSelection { keys, ..Default::default() };
    let (answer, told, written) = ask(&snapshot, &DataQuery { selection, ..Default::default() });
    assert!(answer.is_empty() && told.partials.is_empty());
    assert_eq!((written.series, written.observations), (0, 0));
    let only_attributes = vec![",,,,,,,,,,,S".to_owned(), ",CH,I0,,,,,,,U,,".to_owned()];
    let snapshot = database_of(&[only_attributes]);
    let (answer, told, _) = ask(&snapshot, &DataQuery::default());
    assert!(answer.is_empty() && told.partials.is_empty());
}

#[test]
fn a_refusing_output_ends_the_work() {
    let snapshot = of_rows(&ROWS);
    let answer = DataAnswer::open(&snapshot, &id(), &DataQuery::default()).expect("planned");
    let mut told = Told { refuses_after: Some(3), ..Default::default() };
    let error = answer.write(&mut told).expect_err("refused");
    assert_eq!(error.to_string(), "cannot write the output: gone");
    assert_eq!((told.observations.len(), told.is_finished), (3, false));
}
