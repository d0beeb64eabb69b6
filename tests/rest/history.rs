//! What was published, revised and deleted, told over REST.

use sdmxdb::sdmx::structure::read_structures;
use sdmxdb::store::{Database, LoadOptions};
use tempfile::TempDir;

use crate::server::{LOADED, Server, options};

const MONTH: i64 = 30 * 24 * 3_600 * 1_000_000;
/// In the order of the worked example: February, March, April.
const TIMES: [&str; 3] = ["2027-01-15T08:00:00Z", "2027-02-14T08:00:00Z", "2027-03-16T08:00:00Z"];
const V1: &str = "/sdmx/v1/data/ECB,EXR,1.0/M.USD.EUR.SP00.A";
const V2: &str = "/sdmx/v2/data/dataflow/ECB/EXR/1.0/M.USD.EUR.SP00.A";

/// The example of the standard: February publishes 2011-12 and 2012-01, March deletes 2011-12 and
/// adds 2012-02, April revises 2012-02 and adds 2012-03.
///
/// Source: SDMX REST 1.5, section 4.4.7, `includeHistory`.
fn example() -> (TempDir, Server) {
    let folder = tempfile::tempdir().expect("a folder");
    let database = Database::open_or_create(folder.path()).expect("created");
    let structures = include_str!("../../sql/sample/structures.xml");
    let head = "STRUCTURE,STRUCTURE_ID,ACTION,FREQ,CURRENCY,CURRENCY_DENOM,EXR_TYPE,EXR_SUFFIX,\
                TIME_PERIOD,OBS_VALUE";
    let months = [
        vec!["M,2011-12,1", "M,2012-01,2"],
        vec!["D,2011-12,", "M,2012-02,3"],
        vec!["M,2012-02,4", "M,2012-03,5"],
    ];
    let mut load = database.begin_load(LoadOptions::at(LOADED - 1)).expect("begun");
    let structures = read_structures(structures.as_bytes(), "structures.xml").expect("read");
    load.structures(structures).expect("good");
    load.commit().expect("committed");
    for (month, rows) in (0..).zip(months) {
        let mut text = head.to_owned();
        for row in rows {
            let (action, rest) = row.split_once(',').expect("two cells");
            text.push_str(&format!("\ndataflow,ECB:EXR(1.0),{action},M,USD,EUR,SP00,A,{rest}"));
        }
        let mut load = database.begin_load(LoadOptions::at(LOADED + month * MONTH)).expect("begun");
        load.csv(text.as_bytes(), "rates.csv").expect("good");
        load.commit().expect("committed");
    }
    (folder, Server::with(database, options()))
}

/// The data sets of a message in XML: its attributes, and the periods with their values.
fn sets_of_xml(text: &str) -> Vec<String> {
    let attribute = |tag: &str, name: &str| {
        let from = tag.find(&format!("{name}=\""))? + name.len() + 2;
        tag[from..].split('"').next().map(str::to_owned)
    };
    let sets = text.split("<message:DataSet ").skip(1).map(|set| {
        let tag = set.split('>').next().expect("a tag");
        let mut line = attribute(tag, "action").expect("an action");
        for name in ["validFromDate", "validToDate"] {
            if let Some(moment) = attribute(tag, name) {
                line.push_str(&format!(" {name}={moment}"));
            }
        }
        for observation in set.split("<Obs").skip(1) {
            let period = attribute(observation, "TIME_PERIOD");
            let value = attribute(observation, "OBS_VALUE");
            line.extend(period.map(|period| format!(" {period}")));
            line.extend(value.map(|value| format!("={value}")));
        }
        line
    });
    sets.collect()
}

#[test]
fn the_example_of_the_standard_has_four_data_sets() {
    let (_folder, server) = example();
    let [february, march, april] = TIMES;
    let expected = [
        format!("Replace validFromDate={february} 2011-12=1 2012-01=2"),
        format!("Replace validFromDate={march} 2012-02=3"),
        format!("Delete validToDate={march} 2011-12"),
        format!("Replace validFromDate={april} 2012-02=4 2012-03=5"),
    ];
    for (target, kind) in [
        (V1, "structurespecificdata+xml;version=2.1"),
        (V1, "structurespecifictimeseriesdata+xml;version=2.1"),
        (V2, "data+xml;version=3.0.0"),
    ] {
        let kind = format!("application/vnd.sdmx.{kind}");
        let answer = server.get_as(&format!("{target}?includeHistory=true"), &kind);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(sets_of_xml(&answer.text()), expected, "{kind}\n{}", answer.text());
    }
}

#[test]
fn json_and_csv_tell_the_same() {
    let (_folder, server) = example();
    let [february, march, april] = TIMES;
    for (target, version) in [(V1, "1.0.0"), (V2, "2.0.0")] {
        let kind = format!("application/vnd.sdmx.data+json;version={version}");
        let answer = server.get_as(&format!("{target}?includeHistory=true"), &kind);
        let message: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
        let sets = message["data"]["dataSets"].as_array().expect("data sets");
        let about = sets.iter().map(|set| {
            let text = |name: &str| set[name].as_str().unwrap_or("-").to_owned();
            let observations = set["series"]["0:0:0:0:0"]["observations"].as_object();
            let count = observations.expect("observations").len();
            format!("{} {} {} {count}", text("action"), text("validFrom"), text("validTo"))
        });
        let expected = [
            format!("Replace {february} - 2"),
            format!("Replace {march} - 1"),
            format!("Delete - {march} 1"),
            format!("Replace {april} - 2"),
        ];
        assert_eq!(about.collect::<Vec<_>>(), expected, "{}", answer.text());
    }
    let kind = "application/vnd.sdmx.data+csv;version=2.0.0";
    let answer = server.get_as(&format!("{V2}?includeHistory=true&attributes=none"), kind);
    let key = "dataflow,ECB:EXR(1.0)";
    let series = "M,USD,EUR,SP00,A";
    let expected = [
        "STRUCTURE,STRUCTURE_ID,ACTION,FREQ,CURRENCY,CURRENCY_DENOM,EXR_TYPE,EXR_SUFFIX,\
         TIME_PERIOD,OBS_VALUE,VALID_FROM,VALID_TO"
            .to_owned(),
        format!("{key},R,{series},2011-12,1,{february},"),
        format!("{key},R,{series},2012-01,2,{february},"),
        format!("{key},R,{series},2012-02,3,{march},"),
        format!("{key},D,{series},2011-12,,,{march}"),
        format!("{key},R,{series},2012-02,4,{april},"),
        format!("{key},R,{series},2012-03,5,{april},"),
    ];
    assert_eq!(answer.text().lines().collect::<Vec<_>>(), expected);
}

#[test]
fn what_changed_after_a_moment_is_told_with_what_is_gone() {
    let (_folder, server) = example();
    let [february, march, _] = TIMES;
    let check = |target: &str, query: &str, expected: &[&str]| {
        let kind = "application/vnd.sdmx.structurespecificdata+xml;version=2.1";
        let answer = server.get_as(&format!("{target}?{query}"), kind);
        let expected_status = if expected.is_empty() { 404 } else { 200 };
        assert_eq!(answer.status, expected_status, "{query}: {}", answer.text());
        assert_eq!(sets_of_xml(&answer.text()), expected, "{query}");
    };
    let since = |moment: &str| format!("updatedAfter={moment}");
    check(V1, &since(february), &["Replace 2012-02=4 2012-03=5", "Delete 2011-12"]);
    check(V1, &since(march), &["Replace 2012-02=4 2012-03=5"]);
    check(V1, &since("2027-01-01"), &["Replace 2012-01=2 2012-02=4 2012-03=5"]);
    check(V1, &since("2028-01-01"), &[]);
    let of = format!("{}&startPeriod=2012-03", since(february));
    check(V1, &of, &["Replace 2012-03=5"]);
    let of = format!("{}&firstNObservations=1", since(february));
    check(V1, &of, &["Replace 2012-02=4", "Delete 2011-12"]);
    let of = format!("{}&includeHistory=true&endPeriod=2012-02", since(february));
    let third = format!("Replace validFromDate={} 2012-02=4", TIMES[2]);
    let second = [
        format!("Replace validFromDate={march} 2012-02=3"),
        format!("Delete validToDate={march} 2011-12"),
    ];
    check(V1, &of, &[&second[0], &second[1], &third]);
    check(V2, &format!("asOf={march}"), &["Information 2012-01=2 2012-02=3"]);
    check(V2, "asOf=2027-02-14T07:59:59Z", &["Information 2011-12=1 2012-01=2"]);
    let of = format!("asOf={march}&{}", since(february));
    check(V2, &of, &["Replace 2012-02=3", "Delete 2011-12"]);
    let of = format!("asOf={march}&includeHistory=true&limit=3");
    let first = format!("Replace validFromDate={february} 2011-12=1 2012-01=2");
    check(V2, &of, &[&first, &second[0]]);
    let refused = server.get(&format!("{V2}?asOf={february}&updatedAfter={march}"));
    assert_eq!(refused.status, 400, "{}", refused.text());
    let early = server.get(&format!("{V2}?asOf=2020-01-01"));
    assert_eq!(early.status, 404, "{}", early.text());
}

/// Deletions and revisions read by this program make of one database what the other is.
#[test]
fn what_is_told_can_be_loaded() {
    let (_folder, server) = example();
    let target = tempfile::tempdir().expect("a folder");
    let database = Database::open_or_create(target.path()).expect("created");
    let structures = include_str!("../../sql/sample/structures.xml");
    let structures = read_structures(structures.as_bytes(), "structures.xml").expect("read");
    let mut load = database.begin_load(LoadOptions::at(LOADED)).expect("begun");
    load.structures(structures).expect("good");
    load.commit().expect("committed");
    let kinds = ["data+csv;version=2.0.0", "data+xml;version=3.0.0"];
    let moments = [None, Some(TIMES[0]), Some(TIMES[1])];
    let loads = kinds.iter().flat_map(|kind| moments.map(|moment| (moment, *kind)));
    for (at, (moment, kind)) in (1..).zip(loads) {
        let query = moment.map_or("asOf=2027-01-16".to_owned(), |m| format!("updatedAfter={m}"));
        let answer =
            server.get_as(&format!("{V2}?{query}"), &format!("application/vnd.sdmx.{kind}"));
        let mut load = database.begin_load(LoadOptions::at(LOADED + at)).expect("begun");
        if kind.contains("csv") {
            load.csv(answer.body.as_slice(), "delta.csv").expect("good");
        } else {
            load.xml(answer.body.as_slice(), "delta.xml").expect("good");
        }
        load.commit().expect("committed");
        if moment.is_some() {
            let copy = Server::with(database.clone(), options());
            assert_eq!(copy.rows(V2), server.rows(V2), "{kind} {moment:?}");
        }
    }
}
