//! One request of SDMX, from its text to its last byte. Everything here may block.

use std::hash::Hash;
use std::io::{self, ErrorKind, Write};
use std::sync::Arc;

use axum::http::header::{ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, HeaderName};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};

use crate::error::{Error, Result};
use crate::model::{ArtefactClass, StructureQuery};
use crate::rest::codings;
use crate::rest::dates;
use crate::rest::failure::Failure;
use crate::rest::formats::{Chosen, Format, Kind, choose};
use crate::rest::languages;
use crate::rest::outlet::{Outcome, Outlet};
use crate::rest::preview::Preview;
use crate::rest::server::{Described, Server};
use crate::rest::validators::{Conditions, Head, fresh_seconds, modified, tag};
use crate::rest::{availability, data, structures};
use crate::sdmx::MessageHeader;
use crate::sdmx::output::{Coding, Compressor};
use crate::sdmx::request::{Edition, Parameters, Preferences, Request, path_parts};
use crate::sdmx::structure::StructureFormat;
use crate::store::{AsOf, CommitKind, CommitRecord, Snapshot};

/// What is asked for, and in which form.
#[derive(Debug)]
pub(super) struct Asked {
    /// The version of the interface.
    pub(super) edition: Edition,
    /// What is asked for.
    pub(super) request: Request,
    /// Whether only the headers are wanted.
    pub(super) is_head: bool,
    chosen: Chosen,
    coding: Coding,
    language: Option<String>,
    accept_language: Option<String>,
    conditions: Conditions,
    preview: Option<Preview>,
}

impl Asked {
    /// Parses path, query and headers.
    pub(super) fn new(edition: Edition, path: &str, http: &Parts) -> Result<Self, Failure> {
        let header = |name: HeaderName| list(&http.headers, name);
        let parse = || {
            let query = http.uri.query().unwrap_or_default();
            let mut parameters = Parameters::parse(query)?;
            let preferences = Preferences::take(&mut parameters)?;
            let request = Request::parse(edition, &path_parts(path)?, parameters)?;
            Ok((preferences, request))
        };
        let (preferences, request) =
            parse().map_err(|error: Error| Failure::of(&error, edition))?;
        let kind = match &request {
            Request::Data(_) => Kind::Data,
            Request::Availability(_) | Request::Structure(_) | Request::Schema(_) => {
                Kind::Structure
            }
        };
        let not_acceptable = |detail: String| Failure::new(StatusCode::NOT_ACCEPTABLE, detail);
        let chosen = choose(kind, edition, &preferences, header(ACCEPT).as_deref())
            .map_err(not_acceptable)?;
        let coding = {
            let accept = header(ACCEPT_ENCODING);
            codings::choose(preferences.compression.as_deref(), accept.as_deref())
        };
        Ok(Self {
            edition,
            request,
            is_head: http.method == Method::HEAD,
            chosen,
            coding: coding.map_err(not_acceptable)?,
            language: preferences.language,
            accept_language: header(ACCEPT_LANGUAGE),
            conditions: Conditions::of(&http.headers),
            preview: Preview::of(&http.headers),
        })
    }

    /// The form of data.
    pub(super) fn format(&self) -> &Format {
        &self.chosen.format
    }

    /// The form of structures; absent where data are asked for.
    pub(super) fn structure_format(&self) -> Result<StructureFormat> {
        match &self.chosen.format {
            Format::Structure(format) => Ok(*format),
            Format::Data(_) => Err(Error::bug("a format of data for structures")),
        }
    }

    /// Whether the client says which language it wants.
    pub(super) fn has_language(&self) -> bool {
        self.language.is_some() || self.accept_language.is_some()
    }
}

/// A header that is a list, which may come in several lines.
pub(super) fn list(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
    lines.map(str::to_owned).reduce(|all, line| format!("{all}, {line}"))
}

/// What an answer is made from.
pub(super) struct Context<'a> {
    /// The server.
    pub(super) server: &'a Server,
    /// What is asked for.
    pub(super) asked: &'a Asked,
    /// The state that is answered.
    pub(super) snapshot: Arc<Snapshot>,
    /// What is to know of its artefacts.
    pub(super) described: Described,
    /// The language of names.
    pub(super) language: String,
}

/// Makes an answer, and writes it.
///
/// # Errors
///
/// Why there is none; or, if it has begun, why it ends here.
pub(super) fn answer(
    server: &Server,
    asked: &Asked,
    outlet: &mut Outlet,
) -> Result<Outcome, Failure> {
    let failed = |error: Error| Failure::of(&error, asked.edition);
    let newest = match &asked.preview {
        Some(preview) => preview.snapshot(&server.database, asked.edition)?,
        None => server.database.snapshot().map_err(failed)?,
    };
    let snapshot = as_of(server, newest, &asked.request).map_err(failed)?;
    let described = server.describe(snapshot.artefacts());
    let accept = asked.accept_language.as_deref();
    let language = languages::choose(asked.language.as_deref(), accept, &described.languages);
    let language = language.map_err(|detail| Failure::new(StatusCode::NOT_ACCEPTABLE, detail))?;
    let context = Context { server, asked, snapshot, described, language };
    match &asked.request {
        Request::Data(request) => data::answer(&context, request, outlet),
        Request::Availability(request) => availability::answer(&context, request, outlet),
        Request::Structure(query) => structures::answer(&context, query, outlet),
        Request::Schema(query) => structures::schema(&context, query, outlet),
    }
}

impl Context<'_> {
    /// An error as this version of the interface answers it.
    pub(super) fn failed(&self, error: &Error) -> Failure {
        Failure::of(error, self.asked.edition)
    }

    /// What is said of the answer before its first byte, and the header of its message. `state`
    /// is what it depends on besides the request, and `changed` when that last changed.
    pub(super) fn head(&self, state: impl Hash, changed: Option<i64>) -> (Head, MessageHeader) {
        let asked = self.asked;
        let request = format!("{:?}", asked.request);
        let form = (&asked.chosen.content_type, asked.coding as u8, &self.language);
        let shown = (asked.has_language(), asked.chosen.file);
        let sender = &self.server.options.sender;
        let tag = tag((state, asked.edition, request, form, shown, sender, self.described.tag));
        let now = (self.server.options.now)();
        let mut head = Head::new(asked.chosen.content_type.clone(), tag);
        head.fresh_seconds = fresh_seconds(now);
        head.coding = asked.coding;
        head.is_private = asked.preview.is_some();
        head.modified = changed.and_then(|changed| modified(changed, now));
        let prepared = dates::rfc3339(dates::seconds(changed.unwrap_or(0)));
        let header = MessageHeader { id: head.tag.clone(), prepared, sender: sender.clone() };
        (head, header)
    }

    /// The name of the file that a client asked for.
    pub(super) fn file_name(&self, stem: &str) -> Option<String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let stem: String = stem.chars().map(|c| if plain(c) { c } else { '_' }).collect();
        self.asked.chosen.file.map(|end| format!("{stem}.{end}"))
    }

    /// Whether the client has the answer with this head already; then that is all it is told.
    pub(super) fn is_known(&self, head: &Head) -> bool {
        // What is yet to come may change without another tag.
        !head.is_private && head.is_known(&self.asked.conditions)
    }

    /// Sends the head and, unless only that is wanted, the body that `write` writes.
    pub(super) fn send(
        &self,
        outlet: &mut Outlet,
        head: Head,
        write: impl FnOnce(&mut dyn Write) -> Result<()>,
    ) -> Result<Outcome, Failure> {
        outlet.begin(head);
        if self.asked.is_head {
            return Ok(Outcome::HeadOnly);
        }
        let refused = |error: io::Error| {
            let gone = error.kind() == ErrorKind::BrokenPipe;
            let failure = Failure::internal(&error.to_string());
            if gone { Failure { report: None, ..failure } } else { failure }
        };
        let mut compressor = Compressor::new(self.asked.coding, outlet).map_err(refused)?;
        write(&mut compressor).map_err(|error| self.failed(&error))?;
        compressor.finish().map_err(refused)?;
        Ok(Outcome::Written)
    }
}

/// The state that a request asks about.
fn as_of(server: &Server, newest: Arc<Snapshot>, request: &Request) -> Result<Arc<Snapshot>> {
    let moment = match request {
        Request::Data(request) => request.query.as_of,
        Request::Structure(query) | Request::Schema(query) => query.as_of,
        Request::Availability(_) => None,
    };
    match moment {
        None => Ok(newest),
        Some(moment) => server.database.snapshot_of(&newest, AsOf::Time(moment)),
    }
}

/// When any of the data or artefacts last changed for readers.
pub(super) fn last_change(snapshot: &Snapshot) -> Option<i64> {
    let is_visible = |commit: &&CommitRecord| commit.kind == CommitKind::Change;
    snapshot.commits().rev().find(is_visible).map(|commit| commit.effective)
}

/// What a structure query asks for, in words.
pub(super) fn in_words(query: &StructureQuery) -> String {
    let list = |words: &[String]| if words.is_empty() { "*".to_owned() } else { words.join(",") };
    let classes: Vec<&str> = query.classes.iter().map(ArtefactClass::name).collect();
    let classes = if classes.is_empty() { "artefact".to_owned() } else { classes.join(" or ") };
    format!("{classes} {}:{}", list(&query.agencies), list(&query.ids))
}
