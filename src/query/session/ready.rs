//! All that the statements of a session need for planning, over one state.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::Result as DataFusionResult;
use datafusion::execution::{FunctionRegistry, SessionState, TaskContext};
use datafusion::logical_expr::ScalarUDF;
use datafusion::prelude::SessionConfig;

use crate::error::Result;
use crate::query::Engine;
use crate::query::cancel::CancelToken;
use crate::query::catalogue::{Catalogue, Databases, SchemaFactory};
use crate::query::error::from_datafusion;
use crate::query::functions;
use crate::query::session::engine::Names;
use crate::query::session::plans::Plans;
use crate::query::session::settings::Settings;
use crate::query::versions;
use crate::query::write::Overlay;
use crate::store::Snapshot;

/// What a front sets in a session's configuration, such as extensions that its functions read.
pub(super) type Configure = Arc<dyn Fn(SessionConfig) -> SessionConfig + Send + Sync>;

/// All that planning needs, over one snapshot and with one session's settings.
pub(super) struct Ready {
    /// The newest state when it was made; what is read may be an earlier one.
    pub(super) newest: Arc<Snapshot>,
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) settings: Settings,
    pub(super) session: SessionState,
    /// What was planned before.
    pub(super) plans: Plans,
    /// What operators need while they run; the same for every statement.
    task: Arc<TaskContext>,
}

/// What a statement sees.
pub(super) enum Visible {
    /// A state that others see too.
    Shared(Arc<Snapshot>),
    /// A state with rows of the session's own transaction: nothing of it is kept for others.
    Own(Arc<Snapshot>),
}

impl Ready {
    /// Opens the state that `settings` name, among those that `newest` knows.
    pub(super) fn open(
        engine: &Arc<Engine>,
        visible: &Visible,
        settings: Settings,
        configure: Option<&Configure>,
    ) -> Result<Self> {
        let (Visible::Shared(newest) | Visible::Own(newest)) = visible;
        let newest = Arc::clone(newest);
        let operators = engine.operators();
        let names = match (settings.as_of()?, visible) {
            (None, Visible::Shared(snapshot)) => engine.names(snapshot),
            (None, Visible::Own(snapshot)) => Names::new(snapshot, operators),
            (Some(as_of), _) => {
                Names::new(&engine.database().snapshot_of(&newest, as_of)?, operators)
            }
        };
        let mut session = engine.base().clone();
        if let Some(configure) = configure {
            let config = configure(session.config().clone());
            *session.config_mut() = config;
            follow_configuration(&mut session).map_err(|error| from_datafusion(&error))?;
        }
        for function in functions::all(&names.labels, &settings.language) {
            let added = register(&mut session, function);
            added.map_err(|error| from_datafusion(&error))?;
        }
        let added = engine.added().to_vec();
        let catalogue = open_catalogue(names, &settings, added.clone(), session.clone());
        let open = {
            let (settings, planner) = (settings.clone(), session.clone());
            move |snapshot: &Arc<Snapshot>| {
                let names = Names::new(snapshot, operators);
                open_catalogue(names, &settings, added.clone(), planner.clone())
            }
        };
        for (name, function) in versions::functions(engine.database(), &catalogue, open) {
            session.register_udtf(name, function);
        }
        session.register_catalog_list(Arc::new(Databases(Arc::clone(&catalogue))));
        let (task, plans) = (task(&session, session.config().clone()), Plans::default());
        Ok(Self { newest, catalogue, settings, session, plans, task })
    }

    /// The names.
    pub(super) fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    /// The same with tables of one statement, which are found before all others.
    ///
    /// # Errors
    ///
    /// None that can happen.
    pub(super) fn with_tables(&self, tables: Vec<(String, RecordBatch)>) -> Result<Arc<Self>> {
        let mut session = self.session.clone();
        let over = Overlay::new(session.catalog_list(), tables);
        let over = over.map_err(|error| from_datafusion(&error))?;
        session.register_catalog_list(Arc::new(over));
        let (task, plans) = (task(&session, session.config().clone()), Plans::default());
        let (newest, catalogue) = (Arc::clone(&self.newest), Arc::clone(&self.catalogue));
        let settings = self.settings.clone();
        Ok(Arc::new(Self { newest, catalogue, settings, session, plans, task }))
    }

    /// The context of one run; operators find its token there.
    pub(super) fn task(&self, token: Option<&CancelToken>) -> Arc<TaskContext> {
        let Some(token) = token else { return Arc::clone(&self.task) };
        let config = self.session.config().clone().with_extension(Arc::new(token.clone()));
        task(&self.session, config)
    }
}

/// What operators need while they run. The names of functions, of which there are hundreds, are
/// needed by plans that come from elsewhere only.
fn task(session: &SessionState, config: SessionConfig) -> Arc<TaskContext> {
    let (id, runtime) = (session.session_id().to_owned(), Arc::clone(session.runtime_env()));
    let task = TaskContext::new(
        None,
        id,
        config,
        HashMap::new(),
        HashMap::new(),
        HashMap::new(),
        HashMap::new(),
        runtime,
    );
    Arc::new(task)
}

/// What a session sees of one state.
fn open_catalogue(
    names: Names,
    settings: &Settings,
    added: Vec<(String, SchemaFactory)>,
    planner: SessionState,
) -> Arc<Catalogue> {
    let Names { directory, labels } = names;
    let (language, schemas) = (&settings.language, settings.schemas());
    Arc::new(Catalogue::new(directory, &labels, language, schemas, added, planner))
}

fn register(session: &mut SessionState, function: Arc<ScalarUDF>) -> DataFusionResult<()> {
    session.register_udf(function).map(|_| ())
}

/// Registers again what depends on the configuration, such as the time zone of `now()`.
fn follow_configuration(session: &mut SessionState) -> DataFusionResult<()> {
    let options = session.config_options();
    let changed = session.scalar_functions().values();
    let changed = changed.filter_map(|function| function.inner().with_updated_config(options));
    let changed: Vec<ScalarUDF> = changed.collect();
    changed.into_iter().try_for_each(|function| register(session, Arc::new(function)))
}
