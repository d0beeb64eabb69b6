//! What all sessions on one database share.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::catalog::TableFunctionImpl;
use datafusion::execution::FunctionRegistry;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::ScalarUDF;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::prelude::SessionConfig;
use tokio::runtime::Handle;

use crate::error::Result;
use crate::limits::{Budget, QUERY_MEMORY_BYTES, QUERY_SPILL_BYTES};
use crate::query::Session;
use crate::query::catalogue::{DATABASE, Directory, SEARCH_SCHEMA, SchemaFactory};
use crate::query::error::{QUERY_MEMORY, from_datafusion};
use crate::query::functions::Labels;
use crate::query::semantics;
use crate::query::session::pool::BudgetPool;
use crate::query::session::rules;
use crate::query::table::Operators;
use crate::store::{Database, Snapshot};

/// How an engine uses the machine.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// The account that all running queries take their memory from.
    pub memory: Budget,
    /// How many threads one query may use.
    pub threads: NonZeroUsize,
    /// Rows of one batch.
    pub batch_rows: usize,
    /// The folder for what does not fit into memory; without one, the operating system's.
    pub spill: Option<PathBuf>,
    /// The threads that long statements run on; without them, all run where they are asked.
    pub long: Option<Handle>,
}

impl EngineOptions {
    /// The usual limits, for so many threads.
    pub fn new(threads: NonZeroUsize) -> Self {
        let memory = Budget::new(QUERY_MEMORY, QUERY_MEMORY_BYTES);
        Self { memory, threads, batch_rows: 8_192, spill: None, long: None }
    }
}

/// What a front adds to an engine.
#[derive(Default)]
pub struct Front {
    /// Functions of one value; they go before those of the same name.
    pub functions: Vec<Arc<ScalarUDF>>,
    /// Functions that stand in FROM, by name.
    pub table_functions: Vec<(String, Arc<dyn TableFunctionImpl>)>,
    /// Schemas such as `pg_catalog`.
    pub schemas: Vec<(String, SchemaFactory)>,
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Front")
    }
}

/// One for each open database.
pub struct Engine {
    database: Database,
    base: SessionState,
    added: Vec<(String, SchemaFactory)>,
    operators: Operators,
    long: Option<Handle>,
    /// The names of the snapshot that was asked for last.
    newest: Mutex<Option<Names>>,
}

/// The names of one snapshot: of its tables and of its codes.
#[derive(Clone)]
pub(super) struct Names {
    pub(super) directory: Arc<Directory>,
    pub(super) labels: Arc<Labels>,
}

impl Names {
    /// The names of a snapshot, whose tables are for these operators.
    pub(super) fn new(snapshot: &Arc<Snapshot>, operators: Operators) -> Self {
        let directory = Arc::new(Directory::new(Arc::clone(snapshot), operators));
        let labels = Arc::new(Labels::new(Arc::clone(snapshot)));
        Self { directory, labels }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Engine")
    }
}

impl Engine {
    /// An engine on an open database.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::Io`] if the folder for spilling cannot be used.
    pub fn new(database: Database, options: EngineOptions) -> Result<Arc<Self>> {
        Self::with_additions(database, options, Vec::new(), Vec::new())
    }

    /// An engine with the functions and schemas that a front adds, such as those of `pg_catalog`.
    ///
    /// # Errors
    ///
    /// As for [`Engine::new`].
    pub fn with_additions(
        database: Database,
        options: EngineOptions,
        functions: Vec<Arc<ScalarUDF>>,
        schemas: Vec<(String, SchemaFactory)>,
    ) -> Result<Arc<Self>> {
        let front = Front { functions, schemas, ..Front::default() };
        let rules = rules::physical(options.memory.limit());
        Self::with_rules(database, options, front, Operators::Series, rules)
    }

    /// An engine that answers by DataFusion's operators alone, over rows, and decides nothing on
    /// series: what every answer of another engine is compared with.
    ///
    /// # Errors
    ///
    /// As for [`Engine::new`].
    pub fn plain(database: Database, options: EngineOptions) -> Result<Arc<Self>> {
        Self::with_rules(database, options, Front::default(), Operators::Rows, rules::plain())
    }

    /// An engine for a front: with what it adds, and with statements that can be cancelled while
    /// they run.
    ///
    /// # Errors
    ///
    /// As for [`Engine::new`].
    pub fn with_front(
        database: Database,
        options: EngineOptions,
        front: Front,
    ) -> Result<Arc<Self>> {
        let rules = rules::cancellable(options.memory.limit());
        Self::with_rules(database, options, front, Operators::Series, rules)
    }

    fn with_rules(
        database: Database,
        options: EngineOptions,
        front: Front,
        operators: Operators,
        rules: Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>>,
    ) -> Result<Arc<Self>> {
        let EngineOptions { memory, threads, batch_rows, spill, long } = options;
        let runtime = runtime(&memory, spill)?;
        // Our own `information_schema` answers: DataFusion's opens every table to list one.
        let mut config = SessionConfig::new()
            .with_create_default_catalog_and_schema(false)
            .with_default_catalog_and_schema(DATABASE, SEARCH_SCHEMA)
            .with_information_schema(false)
            .with_target_partitions(threads.get())
            .with_batch_size(batch_rows)
            .with_collect_statistics(true);
        // How many rows come at most is known of every operator over series. A few of them are
        // nothing to be spread over threads, which takes longer than what is left to do with them.
        config.options_mut().execution.use_row_number_estimates_to_optimize_partitioning = true;
        let mut base = base_state(config, runtime, rules);
        for function in front.functions {
            base.register_udf(function).map_err(|error| from_datafusion(&error))?;
        }
        for (name, function) in front.table_functions {
            base.register_udtf(&name, function);
        }
        let (added, newest) = (front.schemas, Mutex::default());
        Ok(Arc::new(Self { database, base, added, operators, long, newest }))
    }

    /// A session with the default settings.
    pub fn session(self: &Arc<Self>) -> Session {
        Session::new(Arc::clone(self))
    }

    /// The database.
    pub fn database(&self) -> &Database {
        &self.database
    }

    pub(super) fn base(&self) -> &SessionState {
        &self.base
    }

    pub(super) fn operators(&self) -> Operators {
        self.operators
    }

    /// The threads of long statements.
    pub(super) fn long(&self) -> Option<&Handle> {
        self.long.as_ref()
    }

    pub(super) fn added(&self) -> &[(String, SchemaFactory)] {
        &self.added
    }

    /// The names of a snapshot; those of the newest are kept for the next session.
    pub(super) fn names(&self, snapshot: &Arc<Snapshot>) -> Names {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(names) = newest.as_ref()
            && Arc::ptr_eq(names.directory.snapshot(), snapshot)
        {
            return names.clone();
        }
        let names = Names::new(snapshot, self.operators);
        *newest = Some(names.clone());
        names
    }
}

/// Memory within the budget, spilling within a bound, and no store of objects at all: whatever a
/// plan might ask for by its address, there is nothing to find.
fn runtime(memory: &Budget, spill: Option<PathBuf>) -> Result<Arc<RuntimeEnv>> {
    let mode = match spill {
        Some(folder) => DiskManagerMode::Directories(vec![folder]),
        None => DiskManagerMode::OsTmpDirectory,
    };
    let disk = DiskManagerBuilder::default().with_mode(mode);
    let disk = disk.with_max_temp_directory_size(QUERY_SPILL_BYTES);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(BudgetPool::new(memory)?))
        .with_disk_manager_builder(disk)
        .build_arc()
        .map_err(|error| from_datafusion(&error))?;
    let files = ObjectStoreUrl::local_filesystem();
    let files: &ObjectStoreUrl = &files;
    runtime.deregister_object_store(files.as_ref()).map_err(|error| from_datafusion(&error))?;
    Ok(runtime)
}

fn base_state(
    config: SessionConfig,
    runtime: Arc<RuntimeEnv>,
    rules: Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>>,
) -> SessionState {
    let mut builder = SessionStateBuilder::new_with_default_features()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_analyzer_rules(semantics::rules())
        .with_physical_optimizer_rules(rules);
    // Formats and factories are for tables over files.
    *builder.file_formats() = None;
    *builder.table_factories() = None;
    builder.build()
}
