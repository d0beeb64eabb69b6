//! What one connection keeps from statement to statement.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arrow::datatypes::Schema;
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::startup::ParameterStatus;

use tokio::task::JoinHandle;

use crate::limits::PG_STATEMENTS_MAX;
use crate::pg::catalog::{SessionExtension, SessionInfo};
use crate::pg::describe::Described;
use crate::pg::errors::Fault;
use crate::pg::frontend::Target;
use crate::pg::functions::{Hooks, Signaller};
use crate::pg::plan::Planner;
use crate::pg::portal::{Portal, Statement};
use crate::pg::registry::Entry;
use crate::pg::repeated::Repeated;
use crate::pg::server::Server;
use crate::pg::settings::{Scope, Settings};
use crate::pg::transaction::Transaction;
use crate::pg::wire::{Running, Stop, Wire};
use crate::query;
use crate::query::cancel::CancelToken;
use crate::query::catalogue::Catalogue;

/// The state of one connection.
pub(super) struct Session {
    pub(super) server: Arc<Server>,
    pub(super) entry: Arc<Entry>,
    pub(super) query: Arc<query::Session>,
    /// What the functions of the catalogue are told.
    told: Arc<SessionInfo>,
    pub(super) user: String,
    pub(super) database: String,
    /// The client's address and port.
    peer: (String, u16),
    settings: Arc<Mutex<Settings>>,
    /// As they were when the functions of this session were told last.
    known: Settings,
    reported: Vec<(&'static str, String)>,
    pub(super) transaction: Transaction,
    statements: HashMap<String, Arc<Statement>>,
    /// Queries that may come again.
    pub(super) repeated: Repeated,
    portals: HashMap<String, Portal>,
    /// What the client is told before the answer of the statement at hand.
    pub(super) notices: Vec<Fault>,
}

impl Session {
    pub(super) fn new(
        server: &Arc<Server>,
        entry: Arc<Entry>,
        user: String,
        database: String,
        peer: (String, u16),
        settings: Settings,
    ) -> Self {
        let known = settings.clone();
        let mut session = Self {
            server: Arc::clone(server),
            entry,
            query: Arc::new(server.engine.session()),
            told: Arc::default(),
            user,
            database,
            peer,
            settings: Arc::new(Mutex::new(settings)),
            known,
            reported: Vec::new(),
            transaction: Transaction::default(),
            statements: HashMap::new(),
            repeated: Repeated::default(),
            portals: HashMap::new(),
            notices: Vec::new(),
        };
        session.tell();
        session
    }

    /// The settings. Nothing else may be done while they are held.
    pub(super) fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets one; what it changes is seen by the next statement.
    pub(super) fn set(&self, name: &str, value: Option<&str>, scope: Scope) -> Result<(), Fault> {
        for checked in ["sdmx.as_of", "sdmx.language"] {
            if name.eq_ignore_ascii_case(checked) && value.is_some() {
                self.query.set(checked, value)?;
            }
        }
        if name.eq_ignore_ascii_case("sdmx.release")
            && let Some(release) = value.filter(|release| !release.is_empty())
        {
            self.check_preview()?;
            // Where there is none, whoever sets it is told at once.
            self.server.engine.database().preview(release)?;
        }
        if name.eq_ignore_ascii_case("session_authorization") {
            return Err(Fault::new("42501", "permission denied to set session authorization"));
        }
        self.settings().set(name, value, scope)
    }

    /// Notes that what declared the open cursors is committed.
    pub(super) fn keep_cursors(&mut self) {
        for portal in self.portals.values_mut() {
            if let Portal::Cursor(cursor) = portal {
                cursor.is_committed = true;
            }
        }
    }

    /// Tells everybody who has a copy of the settings that they have changed: the functions of the
    /// session, and the client.
    pub(super) fn settle(&mut self, wire: &mut Wire) -> Result<(), Stop> {
        let settings = self.settings().clone();
        if settings != self.known {
            self.known = settings;
            self.tell();
        }
        wire.charset = self.known.charset();
        let reported = self.known.reported();
        for (name, value) in &reported {
            if !self.reported.iter().any(|known| known == &(*name, value.clone())) {
                let status = ParameterStatus::new((*name).to_owned(), value.clone());
                wire.put(&PgWireBackendMessage::ParameterStatus(status))?;
            }
        }
        self.reported = reported;
        Ok(())
    }

    fn tell(&mut self) {
        let settings = self.settings().clone();
        let path = settings.search_path(&self.user).join(", ");
        // These settings take any text that was let into ours.
        drop(self.query.set("search_path", Some(&path)));
        for name in ["sdmx.as_of", "sdmx.language"] {
            drop(self.query.set(name, settings.get(name).ok().as_deref()));
        }
        let clock = self.server.options.clock;
        let told = Arc::new(SessionInfo {
            user: self.user.clone(),
            session_user: self.user.clone(),
            database: self.database.clone(),
            backend_pid: self.entry.pid,
            is_superuser: false,
            search_path: settings.search_path(&self.user),
            language: settings.get("sdmx.language").unwrap_or_default(),
            settings: settings.all().into_iter().map(|(n, v)| (n.to_lowercase(), v)).collect(),
            statement_start: clock(),
            server_start: self.server.started,
            client_address: Some(self.peer.0.clone()),
            client_port: Some(self.peer.1),
            server_address: Some(self.server.address.ip().to_string()),
            server_port: self.server.address.port(),
        });
        self.told = Arc::clone(&told);
        let zone = settings.get("timezone").unwrap_or_default();
        let database = self.server.engine.database().clone();
        let signaller = Signaller { user: self.user.clone(), database };
        let hooks = Hooks::new(&self.settings, &self.server.registry, signaller);
        self.query.configure(move |mut config| {
            let options = config.options_mut();
            options.sql_parser.parse_float_as_decimal = true;
            options.execution.time_zone = Some(zone.clone());
            options.extensions.insert(SessionExtension(Arc::clone(&told)));
            options.extensions.insert(hooks.clone());
            config
        });
    }

    /// Who plans and answers queries, as the session is now.
    pub(super) fn planner(&self) -> Planner {
        let (session, catalog) = (Arc::clone(&self.query), Arc::clone(&self.server.catalog));
        Planner { session, catalog, told: Arc::clone(&self.told) }
    }

    /// Begins a statement: it can be cancelled from now on, and its time runs.
    pub(super) fn start(&self) -> Running {
        let token = CancelToken::default();
        self.entry.start(token.clone());
        let own = self.settings().milliseconds("statement_timeout").map(Duration::from_millis);
        let all = Some(self.server.options.statement_timeout).filter(|limit| !limit.is_zero());
        Running::new(token, own.or(all))
    }

    /// Does work on the threads of queries, for as long as anybody waits for it.
    pub(super) async fn away<T: Send + 'static>(
        &self,
        wire: &mut Wire,
        running: &mut Running,
        work: impl Future<Output = Result<T, Fault>> + Send + 'static,
    ) -> Result<T, Stop> {
        let mut task = AbortOnDrop(self.server.queries.spawn(work));
        match wire.wait(running, &mut task.0).await? {
            Ok(done) => Ok(done?),
            Err(error) => Err(Fault::new("XX000", format!("internal error: {error}")).into()),
        }
    }

    /// The same for work that writes: what was begun has ended before this does, so that nothing of
    /// it comes into a later transaction.
    pub(super) async fn away_to_end<T: Send + 'static>(
        &self,
        wire: &mut Wire,
        running: &mut Running,
        work: impl Future<Output = Result<T, Fault>> + Send + 'static,
    ) -> Result<T, Stop> {
        let mut task = self.server.queries.spawn(work);
        match wire.wait(running, &mut task).await {
            Ok(Ok(done)) => Ok(done?),
            Ok(Err(error)) => Err(Fault::new("XX000", format!("internal error: {error}")).into()),
            Err(stop) => {
                task.abort();
                match (task.await, stop) {
                    // It was told too late, and what is written is written.
                    (Ok(Ok(done)), Stop::Fault(_)) => Ok(done),
                    (_, stop) => Err(stop),
                }
            }
        }
    }

    /// Keeps a prepared statement; the one without a name is replaced.
    pub(super) fn prepare(&mut self, name: &str, statement: Arc<Statement>) -> Result<(), Fault> {
        if !name.is_empty() && self.statements.contains_key(name) {
            let text = format!("prepared statement \"{name}\" already exists");
            return Err(Fault::new("42P05", text));
        }
        if self.statements.len() >= PG_STATEMENTS_MAX {
            let fault = Fault::new("54000", format!("{PG_STATEMENTS_MAX} statements are prepared"));
            return Err(fault.hint("DEALLOCATE those that are not needed."));
        }
        self.statements.insert(name.to_owned(), statement);
        Ok(())
    }

    pub(super) fn statement(&self, name: &str) -> Result<Arc<Statement>, Fault> {
        self.statements.get(name).map(Arc::clone).ok_or_else(|| match name {
            "" => Fault::new("26000", "unnamed prepared statement does not exist"),
            name => Fault::new("26000", format!("prepared statement \"{name}\" does not exist")),
        })
    }

    /// Forgets one prepared statement; says whether there was one.
    pub(super) fn deallocate(&mut self, name: &str) -> bool {
        self.statements.remove(name).is_some()
    }

    pub(super) fn deallocate_all(&mut self) {
        self.statements.clear();
    }

    /// Keeps a portal; the one without a name is replaced.
    pub(super) fn open(&mut self, name: &str, portal: Portal) -> Result<(), Fault> {
        if !name.is_empty() && self.portals.contains_key(name) {
            return Err(match portal {
                Portal::Bound(_) => {
                    Fault::new("42P03", format!("portal \"{name}\" already exists"))
                }
                Portal::Cursor(_) => {
                    Fault::new("42P03", format!("cursor \"{name}\" already exists"))
                }
            });
        }
        if self.portals.len() >= PG_STATEMENTS_MAX {
            return Err(Fault::new("54000", format!("{PG_STATEMENTS_MAX} portals are open")));
        }
        self.portals.insert(name.to_owned(), portal);
        Ok(())
    }

    pub(super) fn portal(&mut self, name: &str) -> Result<&mut Portal, Fault> {
        let missing = || Fault::new("34000", format!("portal \"{name}\" does not exist"));
        self.portals.get_mut(name).ok_or_else(missing)
    }

    /// Takes a portal out, to be put back with [`Session::put_back`].
    pub(super) fn take_portal(&mut self, name: &str) -> Result<Portal, Fault> {
        let missing = || Fault::new("34000", format!("portal \"{name}\" does not exist"));
        self.portals.remove(name).ok_or_else(missing)
    }

    pub(super) fn put_back(&mut self, name: String, portal: Portal) {
        self.portals.insert(name, portal);
    }

    /// Closes what a message names; it is no error if there is nothing.
    pub(super) fn close(&mut self, target: Target, name: &str) {
        match target {
            Target::Statement => drop(self.statements.remove(name)),
            Target::Portal => drop(self.portals.remove(name)),
        }
    }

    pub(super) fn close_cursor(&mut self, name: &str) -> Result<(), Fault> {
        match self.portals.remove(name) {
            Some(_) => Ok(()),
            None => Err(Fault::new("34000", format!("cursor \"{name}\" does not exist"))),
        }
    }

    /// Closes the portals for which `keep` says no.
    pub(super) fn retain_portals(&mut self, keep: impl Fn(&Portal) -> bool) {
        self.portals.retain(|_, portal| keep(portal));
    }

    /// What the client is told of the columns of an answer; `origins` are the tables they are of.
    pub(super) fn describe(
        &self,
        schema: &Schema,
        origins: &[Option<(String, String)>],
    ) -> Vec<Described> {
        let is_of_table = origins.iter().any(Option::is_some);
        let catalogue = if is_of_table { self.made_catalogue() } else { None };
        Described::all(schema, |place| {
            let origin = origins.get(place).and_then(Option::as_ref);
            self.numbers(catalogue.as_ref()?, origin?)
        })
    }

    /// What the session sees, if the catalogue over it was made; else it will be for those who ask
    /// later.
    fn made_catalogue(&self) -> Option<Arc<Catalogue>> {
        let catalogue = self.query.catalogue().ok()?;
        if self.server.catalog.is_made(&catalogue) {
            return Some(catalogue);
        }
        self.server.make_catalog(catalogue);
        None
    }

    /// The numbers of a table and of one of its columns, as the catalogue has them.
    fn numbers(
        &self,
        catalogue: &Arc<Catalogue>,
        (table, column): &(String, String),
    ) -> Option<(i32, i16)> {
        let mut parts = table.rsplit('.');
        let (table, schema) = (parts.next()?, parts.next()?);
        let found = self.server.catalog.numbers(catalogue, schema, table, column);
        let (oid, column) = found.ok()??;
        Some((oid.cast_signed(), column))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.server.registry.leave(self.entry.pid);
    }
}

/// A task that ends with the one who waits for it.
struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
