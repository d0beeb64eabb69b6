//! Whole requests: what they become, and what is refused.

use std::fs;
use std::path::Path;

use crate::error::{Error, Result};
use crate::model::{AtObservation, Operator, Wanted};
use crate::sdmx::request::{Edition, Parameters, Preferences, Request, path_parts};

fn parse(edition: Edition, target: &str) -> Result<Request> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut parameters = Parameters::parse(query)?;
    Preferences::take(&mut parameters)?;
    Request::parse(edition, &path_parts(path)?, parameters)
}

fn v1(target: &str) -> Result<Request> {
    parse(Edition::V1, target)
}

fn v2(target: &str) -> Result<Request> {
    parse(Edition::V2, target)
}

/// What is asked for, without dots of the code: the derived form of the value.
fn same(left: Result<Request>, right: Result<Request>) {
    assert_eq!(left.expect("parses"), right.expect("parses"));
}

/// The requests that a family of clients makes, each of which is well-formed; and some that are not.
#[test]
fn requests_of_clients_parse() {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/clients/sdmx/url_fixtures.tsv");
    let Ok(text) = fs::read_to_string(&file) else {
        println!("skipped: the requests of clients are not here");
        return;
    };
    let mut count = 0;
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [_, api, _, target] = fields[..] else { panic!("{line}") };
        let path = target.split('?').next().unwrap_or_default();
        let is_v2 = target.starts_with("/availability") || target.starts_with("/structure/");
        let is_v2 = is_v2 || path == "/data" || target.starts_with("/data/dataflow");
        let is_v2 = is_v2 || target.starts_with("/data/*") || api.starts_with("v2");
        let is_v2 = is_v2 || (target.contains('~') && api == "LATEST");
        let parsed = parse(if is_v2 { Edition::V2 } else { Edition::V1 }, target);
        count += 1;
        match parsed {
            Ok(_) => {}
            // Paths with a folder in front, and what the store does not do.
            Err(Error::NotFound { .. }) if target.starts_with("/service/") => {}
            Err(error) => panic!("{target}: {error}"),
        }
    }
    assert!(count > 100);
}

#[test]
fn malformed_requests_are_refused() {
    let first = [
        "/nosuchresource/all/all/all",
        "/data/EXR/all?startPeriod=notadate",
        "/data/EXR/all?firstNObservations=-1",
        "/data/EXR/all?firstNObservations=0",
        "/data/EXR/all?detail=nonsense",
        "/data/EXR/all?includeHistory=maybe",
        "/data/EXR/all?updatedAfter=2020",
        "/data/EXR/all?c[FREQ]=A",
        "/data/EXR/all/ECB/x",
        "/data/EXR/all/E,C,B",
        "/data",
        "/data/E,C,B,1.0",
        "/data/EXR/%zz",
        "/data/EXR?startPeriod=2010&startPeriod=2011",
        "/dataflow/all/all/all?references=nonsense",
        "/dataflow/all/all/all?detail=nonsense",
        "/dataflow/all/all/~",
        "/codelist/all/all/1.0/A/B",
        "/availableconstraint/EXR?mode=nonsense",
        "/availableconstraint/EXR?references=parents",
        "/availableconstraint",
        "/schema/codelist/ECB/CL_FREQ",
        "/schema/dataflow/ECB",
        "/",
    ];
    for target in first {
        assert!(v1(target).is_err(), "{target}");
    }
    let second = [
        "/nosuchresource",
        "/structure/nosuchtype/*/*/*",
        "/structure/dataflow/*/*/*?references=nonsense",
        "/structure/dataflow/*/*/1.+.3",
        "/data/dataflow/ECB/EXR/*/*?firstNObservations=-1",
        "/data/dataflow/ECB/EXR/*/*?startPeriod=2010",
        "/data/dataflow/ECB/EXR/*/*?detail=dataonly",
        "/data/dataflow/ECB/EXR/*/D.USD+GBP",
        "/data/dataflow/ECB/EXR/*/*?c[FREQ]=A&c[FREQ]=M",
        "/data/dataflow/ECB/EXR/*/*?c[FREQ]=",
        "/data/dataflow/ECB/EXR/*/*?limit=0",
        "/data/dataflow/ECB/EXR/*/*?offset=-1",
        "/data/dataflow/ECB/EXR/*/*?attributes=none,obs",
        "/data/dataflow/ECB/EXR/*/*?measures=all,X",
        "/data/dataflow/ECB/EXR/*/*?reportingYearStartDay=07-01",
        "/data/nosuchcontext",
        "/data/dataflow/ECB/EXR/*/*/x",
        "/data/dataflow/ECB/EXR/*/*?asOf=yesterday",
    ];
    for target in second {
        let error = v2(target).expect_err(target);
        assert!(!matches!(error, Error::Unsupported { .. }), "{target}: {error}");
    }
}

#[test]
fn what_the_standard_has_and_we_have_not_is_unsupported() {
    let check = |parsed: Result<Request>| {
        assert!(matches!(parsed, Err(Error::Unsupported { .. })), "{parsed:?}");
    };
    check(v1("/metadata/EXR"));
    check(v2("/data/*/*/*?sort=TIME_PERIOD:desc"));
    check(v2("/registration/id/x"));
}

#[test]
fn tails_left_out_and_slashes_change_nothing() {
    same(v1("/data/EXR"), v1("/data/all,EXR,latest/all/all"));
    same(v1("/data/EXR/"), v1("/data/EXR?detail=full&includeHistory=false"));
    same(v1("/data/ECB%2CEXR/"), v1("/data/ECB,EXR"));
    same(v1("/codelist"), v1("/codelist/all/all/latest/all?detail=full&references=none"));
    same(v1("/codelist/ALL/"), v1("/codelist/all"));
    same(v1("/dataflow/ECB/latest"), v1("/dataflow/ECB/all/latest"));
    same(v1("/dataflow//EXR"), v1("/dataflow/all/EXR"));
    same(v2("/data"), v2("/data/*/*/*/*/*/"));
    same(v2("/structure"), v2("/structure/*/*/*/~/*"));
    same(v2("/structure/dataflow/all/EXR/latest"), v2("/structure/dataflow/*/EXR/~"));
    same(v2("/availability/dataflow/*/EXR"), v2("/availability/dataflow/*/EXR/*/*/*?mode=exact"));
    same(v2("/data/dataflow?_=1&x-y=2"), v2("/data/dataflow"));
}

/// The traps of clients that encode, and of decoders for forms.
#[test]
fn plus_is_no_space_and_comma_no_value() {
    let Ok(Request::Data(data)) =
        v2("/data/dataflow/ECB/EXR/*/*?c%5BTIME_PERIOD%5D=ge:2020-01+le:2020-12")
    else {
        panic!("a request for data");
    };
    let [filter] = &data.query.selection.filters[..] else { panic!("one filter") };
    let terms: Vec<_> = filter.any_of[0].iter().map(|t| (t.operator, t.value.as_str())).collect();
    let expected = [(Operator::GreaterOrEqual, "2020-01"), (Operator::LessOrEqual, "2020-12")];
    assert_eq!(terms, expected);
    same(
        v2("/data/*/*/*/*/*?updatedAfter=2020-01-01T00:00:00+01:00"),
        v2("/data/*/*/*/*/*?updatedAfter=2020-01-01T00:00:00%2B01:00"),
    );
    same(
        v2("/data/*/*/*/*/*?updatedAfter=2020-01-01T00:00:00%2001:00"),
        v2("/data/*/*/*/*/*?updatedAfter=2019-12-31T23:00:00Z"),
    );
    same(v2("/data/*/*/*/*/*?attributes=A%2CB"), v2("/data/*/*/*/*/*?attributes=A,B"));
}

#[test]
fn details_become_attributes_and_measures() {
    let wanted = |request: Result<Request>| match request {
        Ok(Request::Data(data)) => (data.query.attributes, data.query.measures),
        other => panic!("{other:?}"),
    };
    assert_eq!(wanted(v1("/data/EXR?detail=dataonly")), (Wanted::None, Wanted::All));
    assert_eq!(wanted(v1("/data/EXR?detail=serieskeysonly")), (Wanted::None, Wanted::None));
    let same = [
        (v1("/data/EXR?detail=nodata"), v2("/data?attributes=dataset,series&measures=none")),
        (v1("/data/EXR?detail=full"), v2("/data?attributes=dsd&measures=all")),
        (v1("/data/EXR?detail=dataonly"), v2("/data?attributes=msd")),
    ];
    for (left, right) in same {
        assert_eq!(wanted(left), wanted(right));
    }
}

#[test]
fn observations_are_counted_and_laid_out_as_asked() {
    let target = "/data/EXR?dimensionAtObservation=AllDimensions&firstNObservations=2\
                  &lastNObservations=3";
    let Ok(Request::Data(data)) = v1(target) else { panic!("a request for data") };
    assert_eq!((data.query.first, data.query.last), (Some(2), Some(3)));
    assert_eq!(data.query.at_observation, AtObservation::All);
    let Ok(Request::Data(data)) = v2("/data?offset=5&limit=10") else { panic!("data") };
    assert_eq!((data.query.offset, data.query.limit), (5, Some(10)));
}

/// An error is read by somebody who wrote a URL.
#[test]
fn errors_name_the_parameter_and_what_is_allowed() {
    let check = |parsed: Result<Request>, expected: &str| {
        assert_eq!(parsed.expect_err("refused").to_string(), expected);
    };
    check(
        v1("/data/EXR?firstNObservations=-1"),
        "query parameter firstNObservations: is \"-1\"; it must be a whole number from 1 on",
    );
    check(
        v2("/availability?mode=some"),
        "query parameter mode: is \"some\"; it can be exact, available",
    );
    check(
        v2("/data?startPeriod=2010"),
        "query parameter startPeriod: is not known here; write c[TIME_PERIOD]=ge:2020+le:2022; \
         there are: c[...], updatedAfter, firstNObservations, lastNObservations, \
         dimensionAtObservation, attributes, measures, includeHistory, offset, limit, sort, asOf, \
         reportingYearStartDay, format, formatVersion, compression, lang",
    );
}
