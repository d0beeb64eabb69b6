//! From a request of HTTP to its response.

use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Request, Response, StatusCode};
use bytes::Bytes;
use futures::stream;
use tokio::task::spawn_blocking;

use crate::limits::{REQUEST_BODY_BYTES_MAX, REQUEST_HEADERS_BYTES_MAX, REQUEST_URL_BYTES_MAX};
use crate::rest::answer::{Asked, answer, list};
use crate::rest::codings;
use crate::rest::connection::{Turn, Turns};
use crate::rest::dates;
use crate::rest::failure::{Failure, METHODS};
use crate::rest::formats::{Family, family};
use crate::rest::outlet::{Start, channel};
use crate::rest::pages;
use crate::rest::server::Server;
use crate::rest::validators::Head;
use crate::sdmx::request::{Edition, Parameters, Preferences};

/// Headers that scripts of other sites may read.
const EXPOSED: &str = "Content-Disposition, Content-Encoding, Content-Language, ETag, \
                       Last-Modified, Retry-After";

/// Answers any request.
pub(super) async fn handle(
    State(server): State<Arc<Server>>,
    ConnectInfo(turns): ConnectInfo<Turns>,
    request: Request<Body>,
) -> Response<Body> {
    let (request, _) = request.into_parts();
    let turn = turns.begin();
    let began = (server.options.now)();
    let (resource, mut response) = route(&server, turn, &request).await;
    let took = (server.options.now)().saturating_sub(began);
    let took = u64::try_from(took).unwrap_or(0);
    server.metrics.answered(resource, response.status().as_u16(), took);
    share(response.headers_mut());
    response
}

/// Lets scripts of other sites read an answer, errors too.
fn share(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
}

/// The name of the resource, for the counts, and the response.
async fn route(
    server: &Arc<Server>,
    turn: Turn,
    request: &Parts,
) -> (&'static str, Response<Body>) {
    let path = request.uri.path();
    let edition = [("/sdmx/v1", Edition::V1), ("/sdmx/v2", Edition::V2)];
    let inside = edition.iter().find_map(|(entry, edition)| {
        let rest = path.strip_prefix(entry)?;
        (rest.is_empty() || rest.starts_with('/')).then_some((*edition, rest))
    });
    let resource = match inside {
        Some((_, rest)) => name(rest),
        None => "other",
    };
    if request.method == Method::OPTIONS {
        return (resource, options());
    }
    let family = match inside {
        Some((edition, _)) => family_of(edition, request),
        None => Family::Text,
    };
    if let Err(failure) = check(request) {
        return (resource, failure.response(family));
    }
    let Some((edition, rest)) = inside else {
        return pages::answer(server, path).await;
    };
    let asked = Asked::new(edition, rest, request);
    let response = match run(server, turn, asked).await {
        Ok(response) => response,
        Err(failure) => {
            server.report(&failure);
            failure.response(family)
        }
    };
    (resource, response)
}

/// The resource as the metrics call it: not as the client does, who could make endless names.
fn name(path: &str) -> &'static str {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    match first {
        "data" => "data",
        "availability" | "availableconstraint" => "availability",
        "schema" => "schema",
        _ => "structure",
    }
}

fn family_of(edition: Edition, request: &Parts) -> Family {
    let query = request.uri.query().unwrap_or_default();
    let preferences = Parameters::parse(query).and_then(|mut p| Preferences::take(&mut p));
    let accept = list(&request.headers, header::ACCEPT);
    family(edition, &preferences.unwrap_or_default(), accept.as_deref())
}

/// Refuses what is too large, and methods that there are not.
fn check(request: &Parts) -> Result<(), Failure> {
    let url = request.uri.path_and_query().map_or(0, |target| target.as_str().len());
    if url > REQUEST_URL_BYTES_MAX {
        let detail = format!(
            "the URL has {url} bytes, over the limit of {REQUEST_URL_BYTES_MAX}; ask for fewer \
             values at once, or leave a dimension open"
        );
        return Err(Failure::new(StatusCode::URI_TOO_LONG, detail));
    }
    let headers = request.headers.iter();
    let headers: usize = headers.map(|(name, value)| name.as_str().len() + value.len()).sum();
    if headers > REQUEST_HEADERS_BYTES_MAX {
        let detail = format!(
            "the headers have {headers} bytes, over the limit of {REQUEST_HEADERS_BYTES_MAX}"
        );
        return Err(Failure::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, detail));
    }
    if !matches!(request.method, Method::GET | Method::HEAD) {
        let method = &request.method;
        let detail = format!("{method} is not possible here; there are {METHODS}");
        return Err(Failure::new(StatusCode::METHOD_NOT_ALLOWED, detail));
    }
    let length = request.headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
    if length.is_some_and(|length: u64| length > REQUEST_BODY_BYTES_MAX) {
        let detail = "a request has no body here";
        return Err(Failure::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
    }
    Ok(())
}

/// What browsers ask before a script of another site may ask.
fn options() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(header::ALLOW, HeaderValue::from_static(METHODS));
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(ASKED));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    response
}

/// Headers that scripts of other sites may send.
const ASKED: &str = "Accept, Accept-Encoding, Accept-Language, Authorization, Content-Type, \
                     If-Modified-Since, If-None-Match, Range, X-Release, X-Requested-With";

/// Makes an answer on a thread that may block, and hands on what it makes.
async fn run(
    server: &Arc<Server>,
    turn: Turn,
    asked: Result<Asked, Failure>,
) -> Result<Response<Body>, Failure> {
    let asked = asked?;
    let place = server.place().await?;
    let (mut outlet, mut inlet) = channel(Arc::clone(&server.metrics), turn);
    let producer = Arc::clone(server);
    // Its end is seen at the inlet; one that is not waited for runs until its client is gone.
    drop(spawn_blocking(move || {
        let result = answer(&producer, &asked, &mut outlet);
        if let (Err(failure), false) = (&result, outlet.is_abandoned()) {
            // One that could still be answered is reported by who answers it.
            if outlet.has_started() {
                producer.report(failure);
            }
        }
        outlet.end(result);
        drop(place);
    }));
    let start = (&mut inlet.start).await;
    match start.map_err(|_| Failure::internal("a producer of an answer panicked"))? {
        Start::Failed(failure) => Err(failure),
        Start::NotModified(head) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            describe(response.headers_mut(), &head);
            response.headers_mut().remove(header::CONTENT_TYPE);
            Ok(response)
        }
        Start::HeadOnly(head) => {
            // Not an empty one, whose length would be told: that of the answer is not known.
            let mut response =
                Response::new(Body::from_stream(stream::empty::<io::Result<Bytes>>()));
            describe(response.headers_mut(), &head);
            Ok(response)
        }
        Start::Whole(head, bytes) => {
            let length = bytes.len();
            let mut response = Response::new(Body::from(bytes));
            response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
            describe(response.headers_mut(), &head);
            Ok(response)
        }
        Start::Stream(head) => {
            let mut response = Response::new(inlet.body());
            describe(response.headers_mut(), &head);
            Ok(response)
        }
    }
}

/// The headers of an answer.
fn describe(headers: &mut HeaderMap, head: &Head) {
    let mut insert = |name: HeaderName, value: String| {
        // What is not a header, such as a name with line breaks, is left out.
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    };
    insert(header::CONTENT_TYPE, head.content_type.clone());
    insert(header::ETAG, format!("\"{}\"", head.tag));
    let cache = if head.is_private {
        "private, no-store".to_owned()
    } else {
        format!("max-age={}", head.fresh_seconds)
    };
    insert(header::CACHE_CONTROL, cache);
    insert(header::VARY, "Accept, Accept-Encoding, Accept-Language, X-Release".to_owned());
    if let Some(modified) = head.modified {
        insert(header::LAST_MODIFIED, dates::http(modified));
    }
    if let Some(coding) = codings::name(head.coding) {
        insert(header::CONTENT_ENCODING, coding.to_owned());
    }
    if let Some(language) = &head.language {
        insert(header::CONTENT_LANGUAGE, language.clone());
    }
    if let Some(name) = &head.file_name {
        insert(header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""));
    }
}
