//! Clients that are slow, gone, too many or hostile.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use crate::client::{ask, read, send};
use crate::server::{Server, options, sample};

/// The whole of the largest dataflow: 34 MB.
const LARGE: &str = "/sdmx/v1/data/EXR/all?format=csvdata";

fn begin(server: &Server, target: &str) -> TcpStream {
    let request = format!("GET {target} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n");
    let mut socket = send(server.address, request.as_bytes());
    let mut first = [0; 64];
    socket.read_exact(&mut first).expect("it begins");
    assert!(first.starts_with(b"HTTP/1.1 200"));
    socket
}

fn running(server: &Server) -> u64 {
    server.count("sdmxdb_http_running_answers")
}

#[test]
fn large_answers_stream_to_their_end() {
    let server = Server::start();
    let answer = server.get(LARGE);
    assert!(answer.is_whole);
    assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
    assert_eq!(answer.text().lines().count(), 221_703);
}

#[test]
fn a_slow_reader_holds_back_who_writes() {
    let server = Server::start();
    let mut socket = begin(&server, LARGE);
    // The sockets take a few megabytes; the rest is not made before it is read.
    for _ in 0..200 {
        assert!(server.count("sdmxdb_http_sent_bytes_total") < 20 << 20);
    }
    assert_eq!(running(&server), 1);
    let mut rest = Vec::new();
    socket.read_to_end(&mut rest).expect("the rest");
    assert!(rest.ends_with(b"0\r\n\r\n"), "to its end");
    assert!(server.count("sdmxdb_http_sent_bytes_total") > 30 << 20);
    server.wait_until("the answer ends", |server| running(server) == 0);
}

#[test]
fn an_answer_ends_when_its_reader_is_gone() {
    let server = Server::start();
    drop(begin(&server, LARGE));
    server.wait_until("the answer ends", |server| running(server) == 0);
    assert!(server.count("sdmxdb_http_sent_bytes_total") < 20 << 20);
}

#[test]
fn a_reader_who_takes_nothing_is_cut() {
    let mut options = options();
    options.stall = Duration::from_millis(50);
    let server = Server::with(sample(), options);
    let mut socket = begin(&server, LARGE);
    server.wait_until("the answer ends", |server| running(server) == 0);
    let mut rest = Vec::new();
    drop(socket.read_to_end(&mut rest));
    assert!(!rest.ends_with(b"0\r\n\r\n"), "it shows that something is missing");
}

#[test]
fn too_many_answers_at_once_are_refused_with_the_limit() {
    let mut options = options();
    options.answers_max = 1;
    options.answer_wait = Duration::ZERO;
    let server = Server::with(sample(), options);
    let socket = begin(&server, LARGE);
    let refused = server.get("/sdmx/v1/dataflow");
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("2")));
    assert!(refused.text().contains("all 1 answers"), "{}", refused.text());
    assert_eq!(server.get("/healthz").status, 200);
    drop(socket);
    server.wait_until("the answer ends", |server| running(server) == 0);
    assert_eq!(server.get("/sdmx/v1/dataflow").status, 200);
}

#[test]
fn a_request_that_does_not_come_is_not_awaited() {
    let mut options = options();
    options.idle = Duration::from_millis(50);
    let server = Server::with(sample(), options);
    for begin in ["", "GET /sdmx/v1/dataflow HTTP/1.1\r\nHost: he"] {
        let mut socket = send(server.address, begin.as_bytes());
        let mut bytes = Vec::new();
        socket.read_to_end(&mut bytes).expect("closed");
        assert!(bytes.is_empty());
    }
}

#[test]
fn a_stop_lets_answers_finish() {
    let mut server = Server::start();
    let mut socket = begin(&server, LARGE);
    server.tell_to_stop();
    let mut rest = Vec::new();
    socket.read_to_end(&mut rest).expect("the rest");
    assert!(rest.ends_with(b"0\r\n\r\n"));
    server.join();
    assert!(TcpStream::connect(server.address).is_err());
}

#[test]
fn a_stop_does_not_wait_for_who_takes_nothing() {
    let mut options = options();
    options.grace = Duration::from_millis(50);
    let mut server = Server::with(sample(), options);
    let mut socket = begin(&server, LARGE);
    server.tell_to_stop();
    server.join();
    let mut rest = Vec::new();
    drop(socket.read_to_end(&mut rest));
    assert!(!rest.ends_with(b"0\r\n\r\n"));
}

#[test]
fn what_is_too_large_is_refused() {
    let server = Server::start();
    let long = format!("/sdmx/v1/data/EXR/D.{}", "USD+".repeat(9_000));
    let answer = server.get_as(&long, "application/json");
    assert_eq!(answer.status, 414);
    assert!(answer.text().contains("over the limit of 32768"), "{}", answer.text());
    let fits = format!("/sdmx/v1/data/EXR/D.{}USD.EUR.SP00.A?format=csvdata", "USD+".repeat(7_000));
    assert_eq!(server.get(&fits).status, 200);
    let header = "x".repeat(40_000);
    assert_eq!(server.get_with("/sdmx/v1/dataflow", &[("X-Long", &header)]).status, 431);
    let body = [("Content-Length", "1000000")];
    assert_eq!(server.get_with("/sdmx/v1/dataflow", &body).status, 413);
}

/// Nothing that can be sent makes the server fail, hang or tell of its inside.
#[test]
fn hostile_requests_do_no_harm() {
    let server = Server::start();
    let dots = ".".repeat(20_000);
    let commas = ",".repeat(20_000);
    let brackets = "c[".repeat(5_000);
    let targets = [
        "/sdmx/v1/data/../../../../etc/passwd",
        "/sdmx/v1/data/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/sdmx/v1/data/EXR/%00",
        "/sdmx/v1/data/EXR/%ff%fe",
        "/sdmx/v1/data/EXR/%",
        "/sdmx/v1/data/EXR/';DROP%20TABLE%20x;--",
        "/sdmx/v1/data/EXR?startPeriod=9999999999999999999999",
        "/sdmx/v1/data/EXR?startPeriod=-292277-01-01",
        "/sdmx/v1/data/EXR?startPeriod=2020-01-01/P99999999999Y",
        "/sdmx/v1/data/EXR?updatedAfter=0000-00-00T00:00:00Z",
        "/sdmx/v1/data/EXR?firstNObservations=99999999999999999999999",
        "/sdmx/v1/data/EXR?lastNObservations=18446744073709551615&format=csvdata&startPeriod=2026-10",
        "/sdmx/v1/data/EXR?format=%3Cscript%3E",
        "/sdmx/v1/codelist/all/all/99999999999999999999.1",
        "/sdmx/v1/codelist/ECB/CL_FREQ/latest/A.B.C.D.E.F",
        "/sdmx/v2/data/dataflow/ECB/EXR/1.0/*?offset=18446744073709551615&limit=1",
        "/sdmx/v2/data/dataflow/ECB/EXR/1.0/*?limit=18446744073709551615&offset=1&c[CURRENCY]=USD",
        "/sdmx/v2/data/dataflow/ECB/EXR/1.0/*?c[TIME_PERIOD]=ge:0000+le:9999&lastNObservations=1",
        "/sdmx/v2/data/dataflow/ECB/EXR/1.0/*?c[OBS_VALUE]=gt:1e999999999&limit=1",
        "/sdmx/v2/data/dataflow/ECB/EXR/1.0/*?c[OBS_VALUE]=gt:-&limit=1",
        "/sdmx/v2/data/dataflow/ECB/EXR/1.0/*?c%5b%5d%5b%5d=x",
        "/sdmx/v2/structure/*/*/*/*?references=all&detail=referencepartial",
        "//////////////////////////////////////",
        "/sdmx/v1",
        "/sdmx/v2/",
        "/sdmx/v3/data/EXR",
    ];
    let long = [
        format!("/sdmx/v1/data/EXR/{dots}"),
        format!("/sdmx/v1/data/EXR/{commas}"),
        format!("/sdmx/v2/data/dataflow/ECB/EXR/1.0/{commas}"),
        format!("/sdmx/v2/data/dataflow/ECB/EXR/1.0/*?c[FREQ]={commas}"),
        format!("/sdmx/v2/data/dataflow/ECB/EXR/1.0/*?{brackets}=1"),
        format!("/sdmx/v2/data/dataflow/{commas}"),
        format!("/sdmx/v1/codelist/{}", "a+".repeat(10_000)),
        format!("/sdmx/v1/data/EXR?{}", "&".repeat(20_000)),
        format!("/sdmx/v2/structure/codelist/ECB/CL_FREQ/{}", "1.".repeat(10_000)),
    ];
    for target in targets.into_iter().map(str::to_owned).chain(long) {
        let answer = server.get_with(&target, &[("Accept-Encoding", "gzip")]);
        let shown = target.get(..100).unwrap_or(&target);
        let good = matches!(answer.status, 200 | 400 | 403 | 404 | 406 | 413 | 414 | 422 | 501);
        assert!(good, "{shown}: {}", answer.status);
        let text = answer.plain();
        assert!(!text.contains("panicked") && !text.contains("/src/"), "{shown}");
    }
    let raw: [&[u8]; 8] = [
        b"\0\0\0\0\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /sdmx/v1/dataflow HTTP/9.9\r\n\r\n",
        b"GET http://other.example/sdmx/v1/dataflow HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /sdmx/v1/data/EXR/a b HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /sdmx/v1/dataflow HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET /sdmx/v1/dataflow HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nzz",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ];
    for bytes in raw {
        let mut socket = send(server.address, bytes);
        drop(socket.shutdown(Shutdown::Write));
        drop(read(&mut socket, false));
    }
    for accept in [";;;,,,", "*/*;q=2", "a/b;c=\"", "\u{e9}/x", &"a/b,".repeat(5_000)] {
        let answer = server.get_as("/sdmx/v1/dataflow", accept);
        assert!(matches!(answer.status, 200 | 400 | 406), "{accept}: {}", answer.status);
    }
    assert_eq!(server.get("/healthz").status, 200);
    assert_eq!(server.get("/sdmx/v1/dataflow").status, 200);
}

/// Several requests on one connection, as all clients of today send them.
#[test]
fn connections_are_kept() {
    let server = Server::start();
    let mut socket = send(server.address, b"");
    for _ in 0..3 {
        let request = b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n";
        socket.write_all(request).expect("sent");
        let mut bytes = Vec::new();
        let mut byte = [0];
        while !bytes.ends_with(b"\r\n\r\nok\n") {
            socket.read_exact(&mut byte).expect("answered");
            bytes.push(byte[0]);
        }
    }
    assert_eq!(ask(server.address, "GET", "/healthz", &[]).status, 200);
}
