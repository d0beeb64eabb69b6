//! What is not SDMX: where things are, whether the server lives, and what it counts.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use axum::http::{Response, StatusCode};
use tokio::task::spawn_blocking;

use crate::rest::failure::Failure;
use crate::rest::formats::Family;
use crate::rest::server::Server;

/// Answers what is outside of the entry points: the name of the page, and the response.
pub(super) async fn answer(server: &Arc<Server>, path: &str) -> (&'static str, Response<Body>) {
    match path {
        "/" | "/sdmx" | "/sdmx/" => ("page", text("text/plain; charset=utf-8", PAGE.to_owned())),
        "/healthz" => ("health", text("text/plain; charset=utf-8", "ok\n".to_owned())),
        "/readyz" => ("health", ready(server).await),
        "/metrics" => {
            let server = Arc::clone(server);
            // It looks for the last commit.
            let counts = spawn_blocking(move || server.metrics_text()).await;
            let counts = counts.unwrap_or_default();
            ("metrics", text("text/plain; version=0.0.4; charset=utf-8", counts))
        }
        _ => {
            let detail =
                "there is nothing at this path; the entry points are /sdmx/v1 and /sdmx/v2";
            let failure = Failure::new(StatusCode::NOT_FOUND, detail);
            ("other", failure.response(Family::Text))
        }
    }
}

/// Whether the database can be read at this moment.
async fn ready(server: &Arc<Server>) -> Response<Body> {
    let reader = Arc::clone(server);
    let read = spawn_blocking(move || {
        reader
            .database
            .snapshot()
            .map_err(|error| reader.report(&Failure::internal(&error.to_string())))
    });
    if let Ok(Ok(_)) = read.await {
        return text("text/plain; charset=utf-8", "ready\n".to_owned());
    }
    let detail = "the database cannot be read; the log of the server says why";
    Failure::new(StatusCode::SERVICE_UNAVAILABLE, detail).response(Family::Text)
}

fn text(content_type: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Where things are.
const PAGE: &str = "\
sdmxdb: statistics by SDMX REST

/sdmx/v1    version 1.5 (SDMX 2.1)
  /sdmx/v1/dataflow                                      what there is
  /sdmx/v1/data/AGENCY,FLOW,VERSION/KEY                  data, as SDMX-ML
  /sdmx/v1/data/FLOW/all?format=csvdata                  data, as SDMX-CSV
  /sdmx/v1/availableconstraint/FLOW                      which values occur

/sdmx/v2    version 2.2 (SDMX 3.0)
  /sdmx/v2/structure/dataflow                            what there is
  /sdmx/v2/data/dataflow/AGENCY/FLOW/VERSION/KEY         data, as SDMX-JSON
  /sdmx/v2/data/dataflow/*/FLOW?c[TIME_PERIOD]=ge:2020   data since 2020
  /sdmx/v2/availability/dataflow/*/FLOW                  which values occur

/healthz    the server lives
/readyz     the database can be read
/metrics    counts, for Prometheus
";
