//! SDMX REST over a socket: what clients send, and what they get.

#![expect(clippy::format_push_string, reason = "a test reads better so")]
#[path = "rest/client.rs"]
mod client;
#[path = "rest/history.rs"]
mod history;
#[path = "rest/limits.rs"]
mod limits;
#[path = "rest/server.rs"]
mod server;

use std::collections::{BTreeMap, BTreeSet};

use sdmxdb::sdmx::structure::read_structures;
use sdmxdb::store::{Database, LoadOptions};

use crate::client::{Answer, ask};
use crate::server::{LOADED, Server, options};

const DATA_V1: &str = "/sdmx/v1/data/ECB,EXR,1.0/D.USD.EUR.SP00.A";
const DATA_V2: &str = "/sdmx/v2/data/dataflow/ECB/EXR/1.0/D.USD.EUR.SP00.A";

#[test]
fn every_format_has_its_type_to_the_letter() {
    let server = Server::start();
    let data = [
        "genericdata+xml;version=2.1",
        "structurespecificdata+xml;version=2.1",
        "data+json;version=1.0.0",
        "data+json;version=1.0.0-wd",
        "data+csv;version=1.0.0",
        "data+csv;version=1.0.0;labels=both",
        "data+json;version=2.0.0",
        "data+xml;version=3.0.0",
        "data+csv;version=2.0.0",
    ];
    let structures = [
        "structure+xml;version=2.1",
        "structure+json;version=2.0.0",
        "structure+xml;version=3.0.0",
    ];
    let asked = data.iter().map(|kind| ("/data/EXR/D.USD.EUR.SP00.A?lastNObservations=1", kind));
    let asked = asked.chain(structures.iter().map(|kind| ("/dataflow/ECB", kind)));
    for (target, kind) in asked {
        let kind = format!("application/vnd.sdmx.{kind}");
        let answer = server.get_as(&format!("/sdmx/v1{target}"), &kind);
        assert_eq!(answer.status, 200, "{kind}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some(kind.as_str()));
        let is_xml = kind.contains("+xml");
        assert_eq!(answer.body.starts_with(b"<?xml"), is_xml, "{kind}");
        if kind.contains("+json") {
            serde_json::from_slice::<serde_json::Value>(&answer.body).expect("JSON");
        }
    }
}

#[test]
fn both_versions_give_the_same_observations() {
    let server = Server::start();
    // Two weeks of five days, and no rate on New Year's Day.
    let first = server.rows(&format!("{DATA_V1}?startPeriod=2024-01-01&endPeriod=2024-01-14"));
    assert_eq!(first.len(), 9);
    assert!(first[0].starts_with("ECB:EXR(1.0),D,USD,EUR,SP00,A,2024-01-02,1.0956,"));
    let value = |row: &String| row.split(',').nth(7).map(str::to_owned);
    let second = server.rows(&format!("{DATA_V2}?c[TIME_PERIOD]=ge:2024-01-01+le:2024-01-14"));
    let of_second = |row: &String| row.split(',').nth(9).map(str::to_owned);
    let values: Vec<_> = first.iter().map(value).collect();
    assert_eq!(second.iter().map(of_second).collect::<Vec<_>>(), values);
}

/// What a decoder for forms would destroy, and what programs that encode everything send.
#[test]
fn encoded_queries_mean_the_same() {
    let server = Server::start();
    let expected = server.rows(&format!("{DATA_V2}?c[TIME_PERIOD]=ge:2024-01+le:2024-02"));
    assert!(expected.len() > 30);
    for query in [
        "c%5BTIME_PERIOD%5D=ge:2024-01+le:2024-02",
        "c%5bTIME_PERIOD%5d=ge%3A2024-01%2Ble%3A2024-02",
        "c[TIME_PERIOD]=ge:2024-01+le:2024-02&_=123",
        "c[TIME_PERIOD]=ge:2024-01+le:2024-02,ge:2030-01",
        "format=csvdata&c[TIME_PERIOD]=ge:2024-01-01+le:2024-02-29",
    ] {
        assert_eq!(server.rows(&format!("{DATA_V2}?{query}")), expected, "{query}");
    }
    let keys = ["D.USD+GBP.EUR.SP00.A", "D.USD%2BGBP.EUR.SP00.A", "D.USD+GBP..."];
    let first: Vec<usize> = keys
        .iter()
        .map(|key| server.rows(&format!("/sdmx/v1/data/ECB%2CEXR/{key}?lastNObservations=2")).len())
        .collect();
    assert_eq!(first, [4, 4, 4]);
    let second = "/sdmx/v2/data/dataflow/ECB/EXR/+/D.USD,D.GBP?lastNObservations=2";
    assert_eq!(server.rows(second).len(), 4);
    let filter = "/sdmx/v2/data/dataflow/ECB/EXR/*/*?c[CURRENCY]=USD,GBP&lastNObservations=2";
    assert_eq!(server.rows(filter).len(), 4);
    let not = "/sdmx/v2/data/dataflow/ECB/EXR/*/*?c[CURRENCY]=ne:USD+ne:GBP&lastNObservations=1";
    assert_eq!(server.rows(not).len(), 39);
}

#[test]
fn clients_that_have_the_answer_are_told_so() {
    let server = Server::start();
    let answer = server.get(DATA_V1);
    let tag = answer.header("etag").expect("a tag").to_owned();
    let modified = answer.header("last-modified").expect("a date").to_owned();
    assert_eq!(modified, "Fri, 15 Jan 2027 08:00:00 GMT");
    assert!(tag.starts_with('"') && tag.ends_with('"'));
    assert_eq!(server.get(DATA_V1).body, answer.body, "equal tags, equal bytes");
    let known = server.get_with(DATA_V1, &[("If-None-Match", &tag)]);
    assert_eq!((known.status, known.body.len()), (304, 0));
    assert_eq!(known.header("etag"), Some(tag.as_str()));
    let since = server.get_with(DATA_V1, &[("If-Modified-Since", &modified)]);
    assert_eq!(since.status, 304);
    let before =
        server.get_with(DATA_V1, &[("If-Modified-Since", "Fri, 15 Jan 2027 07:59:59 GMT")]);
    assert_eq!(before.status, 200);
    let others = [
        server.get_as(DATA_V1, "text/csv"),
        server.get_with(DATA_V1, &[("Accept-Encoding", "gzip")]),
        server.get_with(DATA_V1, &[("Accept-Language", "fr")]),
        server.get(&format!("{DATA_V1}?lastNObservations=1")),
        server.get_as(DATA_V2, "application/vnd.sdmx.genericdata+xml;version=2.1"),
    ];
    for other in others {
        assert_eq!(other.status, 200);
        assert_ne!(other.header("etag"), Some(tag.as_str()));
    }
    assert_eq!(answer.header("vary"), Some("Accept, Accept-Encoding, Accept-Language, X-Release"));
    assert_eq!(answer.header("cache-control"), Some("max-age=59"));
}

#[test]
fn a_load_changes_the_tag_of_what_it_touches() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = Database::open_or_create(folder.path()).expect("created");
    let structures = include_str!("../sql/sample/structures.xml");
    let load = |at: i64, csv: &str| {
        let mut load = database.begin_load(LoadOptions::at(at)).expect("begun");
        let structures = read_structures(structures.as_bytes(), "structures.xml");
        load.structures(structures.expect("read")).expect("good");
        load.csv(csv.as_bytes(), "rates.csv").expect("good");
        load.commit().expect("committed");
    };
    let rates = "DATAFLOW,FREQ,CURRENCY,CURRENCY_DENOM,EXR_TYPE,EXR_SUFFIX,TIME_PERIOD,OBS_VALUE\n";
    load(LOADED, &format!("{rates}ECB:EXR(1.0),D,USD,EUR,SP00,A,2024-01-02,1.0956\n"));
    let server = Server::with(database.clone(), options());
    let before = server.get(DATA_V1);
    let tag = before.header("etag").expect("a tag").to_owned();
    assert_eq!(server.get(DATA_V1).header("etag"), Some(tag.as_str()));
    load(LOADED + 1, &format!("{rates}ECB:EXR(1.0),D,USD,EUR,SP00,A,2024-01-02,1.0957\n"));
    let after = server.get_with(DATA_V1, &[("If-None-Match", &tag)]);
    assert_eq!(after.status, 200);
    assert!(after.text().contains("1.0957"));
}

#[test]
fn head_and_options_say_what_get_would() {
    let server = Server::start();
    let target = "/sdmx/v1/dataflow/ECB/EXR";
    let get = server.get(target);
    let head = ask(server.address, "HEAD", target, &[]);
    assert_eq!((head.status, head.body.len()), (200, 0));
    for name in ["content-type", "etag", "last-modified", "vary"] {
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
    assert_eq!(head.header("content-length"), None, "it is not known");
    let page = ask(server.address, "HEAD", "/healthz", &[]);
    assert_eq!((page.header("content-length"), page.body.len()), (Some("3"), 0));
    assert_eq!(ask(server.address, "HEAD", "/sdmx/v1/nonsense", &[]).status, 404);
    let origin = ("Origin", "https://portal.example");
    let preflight = [origin, ("Access-Control-Request-Method", "GET")];
    let options = ask(server.address, "OPTIONS", target, &preflight);
    assert_eq!((options.status, options.header("allow")), (204, Some("GET, HEAD, OPTIONS")));
    assert_eq!(options.header("access-control-allow-methods"), Some("GET, HEAD, OPTIONS"));
    for answer in [get, options, server.get_with("/sdmx/v1/data/NONE", &[origin])] {
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        let exposed = answer.header("access-control-expose-headers").unwrap_or_default();
        assert!(exposed.contains("ETag"));
    }
    let post = ask(server.address, "POST", target, &[("Content-Length", "0")]);
    assert_eq!((post.status, post.header("allow")), (405, Some("GET, HEAD, OPTIONS")));
}

#[test]
fn compressed_answers_are_the_plain_ones() {
    let server = Server::start();
    let plain = server.get_as(DATA_V1, "text/csv");
    assert_eq!(plain.header("content-encoding"), None);
    for (accept, expected) in [("gzip", "gzip"), ("gzip, deflate, br, zstd", "zstd")] {
        let headers = [("Accept", "text/csv"), ("Accept-Encoding", accept)];
        let answer = server.get_with(DATA_V1, &headers);
        assert_eq!(answer.header("content-encoding"), Some(expected));
        assert!(answer.body.len() < plain.body.len() / 4);
        assert_eq!(answer.plain(), plain.text());
    }
    let query = server.get_as(&format!("{DATA_V1}?compression=gzip"), "text/csv");
    assert_eq!(query.header("content-encoding"), Some("gzip"));
    assert_eq!(server.get(&format!("{DATA_V1}?compression=br")).status, 406);
}

#[test]
fn errors_have_their_status_and_come_in_the_form_asked_for() {
    let server = Server::start();
    let check = |target: &str, status: u16, says: &str| {
        let answer = server.get(target);
        assert_eq!(answer.status, status, "{target}: {}", answer.text());
        assert!(answer.text().contains(says), "{target}: {}", answer.text());
    };
    check("/sdmx/v1/data/EXR/D.USD", 400, "FREQ.CURRENCY.CURRENCY_DENOM.EXR_TYPE.EXR_SUFFIX");
    check("/sdmx/v1/data/EXR?startPeriod=2024-13", 400, "a month is 01 to 12");
    check("/sdmx/v1/data/EXR?nonsense=1", 400, "there are: startPeriod");
    check("/sdmx/v1/data/EXR?dimensionAtObservation=CURR", 403, "code=\"150\"");
    check("/sdmx/v1/data/EXX", 404, "did you mean ECB:EXR(1.0)?");
    check("/sdmx/v1/nonsense/all", 404, "code=\"100\"");
    check("/sdmx/v1/codelist/ECB/CL_CURENCY", 404, "did you mean ECB:CL_CURRENCY(1.0)?");
    check("/sdmx/v1/data/EXR?includeHistory=maybe", 400, "it can be true, false");
    check("/sdmx/v1/data/EXR?format=pdf", 406, "there are application/vnd.sdmx.genericdata+xml");
    check("/sdmx/v1/data/EXR?lang=xx", 406, "there are: en, fr");
    check("/sdmx/v1/data/EXR/all/ECB", 404, "not recorded");
    check("/sdmx/v2/data/dataflow/ECB/EXR/*/*?c[CURENCY]=USD", 422, "did you mean CURRENCY?");
    check("/sdmx/v2/data/dataflow/ECB/EXR/*/*?c[FREQ]=D&c[FREQ]=A", 400, "stands twice");
    check(
        "/sdmx/v2/data/dataflow/*/*/*/*",
        501,
        "DEMO:EXR_AVG(1.0), DEMO:POP_BE(1.0), ECB:EXR(1.0)",
    );
    check("/nowhere", 404, "/sdmx/v1");
    let accepts = [
        ("application/xml", "<?xml"),
        ("application/json", "{\"errors\":[{\"code\":404"),
        ("text/csv", "no results"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "no results"),
    ];
    for (accept, begin) in accepts {
        let answer = server.get_as("/sdmx/v1/data/EXR/D.USX.EUR.SP00.A", accept);
        assert_eq!(answer.status, 404);
        assert!(answer.text().starts_with(begin), "{accept}: {}", answer.text());
        assert!(answer.text().contains("CURRENCY has no code USX; did you mean USD?"));
    }
}

#[test]
fn wildcards_find_the_one_dataflow_that_answers() {
    let server = Server::start();
    let rows = server.rows("/sdmx/v2/data/*/*/*/*/*?c[CITIZENSHIP]=BE&c[TIME_PERIOD]=2000&limit=3");
    assert_eq!(rows.len(), 3);
    assert!(rows[0].contains("DEMO:POP_BE(1.0)"));
    let rows = server.rows("/sdmx/v2/data/datastructure/DEMO/POP_BE/~/*?limit=5&offset=2");
    assert_eq!(rows.len(), 5);
    let nothing = server.get("/sdmx/v2/data?c[NO_SUCH]=A");
    assert_eq!(nothing.status, 404);
}

/// Who gets nothing learns what to change.
#[test]
fn empty_answers_explain_themselves() {
    let server = Server::start();
    let check = |target: &str, says: &str| {
        let answer = server.get_as(target, "text/csv");
        assert_eq!(answer.status, 404, "{target}: {}", answer.text());
        assert!(answer.text().contains(says), "{target}: {}", answer.text());
    };
    check("/sdmx/v1/data/EXR_AVG/X....", "FREQ has no code X; there are A, M");
    check("/sdmx/v1/data/EXR_AVG/D....", "no data have the code D of FREQ; there are A, M");
    check("/sdmx/v1/data/EXR_AVG/A.GPB...", "CURRENCY has no code GPB; did you mean GBP?");
    check(
        "/sdmx/v2/data/dataflow/DEMO/POP_BE/*/*?c[REF_AREA]=BE1&c[TIME_PERIOD]=ge:2030",
        "the periods of DEMO:POP_BE(1.0) are 1991 to 2016",
    );
    check(
        "/sdmx/v2/data/dataflow/ECB/EXR/*/*?c[CURRENCY]=eq:USD%2CGBP",
        "write , and + as they are",
    );
}

#[test]
fn structures_come_with_what_they_refer_to() {
    let server = Server::start();
    let alone = server.get("/sdmx/v1/dataflow/ECB/EXR/1.0").text();
    assert!(alone.contains("Dataflow") && !alone.contains("Codelist "));
    let all = server.get("/sdmx/v1/dataflow/ECB/EXR/1.0?references=all").text();
    assert!(all.contains("CL_CURRENCY") && all.contains("DataStructure"));
    let french = server.get("/sdmx/v1/codelist/ECB/CL_FREQ?lang=fr");
    assert_eq!(french.header("content-language"), Some("fr"));
    assert!(!french.text().contains("xml:lang=\"en\""));
    let list = server.get("/sdmx/v2/structure/dataflow/*/*/+").text();
    for id in ["EXR", "EXR_AVG", "POP_BE"] {
        assert!(list.contains(&format!("\"{id}\"")), "{id}");
    }
    let schema = server.get("/sdmx/v2/schema/dataflow/ECB/EXR/~").text();
    assert!(schema.contains("dataStructures"));
}

/// The codes of each dimension in an availability.
fn listed(answer: &Answer) -> BTreeMap<String, BTreeSet<String>> {
    let message: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
    let region = &message["data"]["dataConstraints"][0]["cubeRegions"][0];
    let mut found = BTreeMap::new();
    for listed in region["keyValues"].as_array().expect("key values") {
        let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
        let values = listed["values"].as_array().into_iter().flatten();
        let values: BTreeSet<String> = values.filter_map(|value| text(&value["value"])).collect();
        if !values.is_empty() {
            found.insert(text(&listed["id"]).expect("an id"), values);
        }
    }
    found
}

/// The codes in a column of rows.
fn column(rows: &[String], position: usize) -> BTreeSet<String> {
    rows.iter().filter_map(|row| row.split(',').nth(position)).map(str::to_owned).collect()
}

/// The witness: data of the same selection, or of the selection without one dimension.
#[test]
fn availability_lists_what_the_data_have() {
    let server = Server::start();
    let flow = "dataflow/DEMO/POP_BE/1.0";
    let dimensions = ["FREQ", "REF_AREA", "SEX", "AGE", "CITIZENSHIP"];
    let rows = server.rows(&format!("/sdmx/v2/data/{flow}/A.*.F.Y0?lastNObservations=1"));
    let exact = listed(&server.get(&format!("/sdmx/v2/availability/{flow}/A.*.F.Y0")));
    for (position, dimension) in (3..).zip(dimensions) {
        assert_eq!(exact.get(dimension), Some(&column(&rows, position)), "{dimension}");
    }
    let available = format!("/sdmx/v2/availability/{flow}/A.BE1.F?mode=available");
    let available = listed(&server.get(&available));
    for (key, position, dimension) in
        [("A.*.F", 4, "REF_AREA"), ("A.BE1.*", 5, "SEX"), ("A.BE1.F", 6, "AGE")]
    {
        let rows = server.rows(&format!("/sdmx/v2/data/{flow}/{key}?lastNObservations=1"));
        assert_eq!(available.get(dimension), Some(&column(&rows, position)), "{dimension}");
    }
    let one = listed(&server.get(&format!("/sdmx/v2/availability/{flow}/*/SEX")));
    assert_eq!(one.keys().collect::<Vec<_>>(), ["SEX"]);
    // What may be selected is listed though nothing is selected.
    let none = format!("/sdmx/v2/availability/{flow}/A.NONE.F/REF_AREA");
    assert_eq!(server.get(&none).status, 404);
    let other = listed(&server.get(&format!("{none}?mode=available")));
    assert_eq!(other.get("REF_AREA"), available.get("REF_AREA"));
    let first = server.get("/sdmx/v1/availableconstraint/POP_BE/A..F.Y0.?references=codelist");
    assert!(first.text().contains("CubeRegion") && first.text().contains("CL_SEX"));
}

#[test]
fn pages_beside_the_interface_answer() {
    let server = Server::start();
    assert!(server.get("/").text().contains("/sdmx/v2/data/dataflow"));
    assert_eq!(server.get("/healthz").text(), "ok\n");
    assert_eq!(server.get("/readyz").text(), "ready\n");
    assert_eq!(server.get(DATA_V1).status, 200);
    let requests = "sdmxdb_http_requests_total{resource=\"data\",status=\"200\"}";
    assert_eq!(server.count(requests), 1);
    assert_eq!(server.count("sdmxdb_snapshot_number"), 1);
    assert!(server.count("sdmxdb_http_sent_bytes_total") > 1_000_000);
}
