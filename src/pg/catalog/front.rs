//! What the server asks: plans of statements about the catalogue, and their answers.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::SchemaRef;
use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::Statement;

use crate::error::{Error, Result};
use crate::pg::catalog::output;
use crate::pg::catalog::plan::{self, Planner};
use crate::pg::catalog::run::Run;
use crate::pg::catalog::session::SessionInfo;
use crate::pg::catalog::statics::statics;
use crate::pg::catalog::types::TEXT;
use crate::pg::catalog::value::Value;
use crate::pg::catalog::world::World;
use crate::pg::catalog::{gather, ours};
use crate::query::catalogue::{Catalogue, DATABASE};
use crate::store::Snapshot;

/// Catalogues that are kept: as many as languages and names of the database are used at once.
const KEPT_MAX: usize = 4;

/// The catalogue of one engine. Each snapshot's is made when it is first asked for, and kept while
/// it is the newest.
#[derive(Default)]
pub struct PgCatalog {
    kept: Mutex<Vec<Kept>>,
}

struct Kept {
    snapshot: Arc<Snapshot>,
    language: String,
    world: Arc<World>,
}

impl fmt::Debug for PgCatalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PgCatalog")
    }
}

/// A statement about the catalogue, planned.
pub struct CatalogPlan {
    world: Arc<World>,
    statement: plan::Statement,
    schema: SchemaRef,
}

impl fmt::Debug for CatalogPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CatalogPlan of {} columns", self.schema.fields().len())
    }
}

impl PgCatalog {
    /// Plans a statement, if it is about the catalogue alone; any other is DataFusion's.
    /// `declared` has the types that the client gives to parameters, 0 where it leaves one open.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for a relation, column, function or type that is not there;
    /// [`Error::Invalid`] for types that do not fit.
    pub fn plan(
        &self,
        statement: &Statement,
        declared: &[u32],
        session: &SessionInfo,
        catalogue: &Arc<Catalogue>,
    ) -> Result<Option<CatalogPlan>> {
        let Some(query) = ours::query_of(statement) else { return Ok(None) };
        let world = self.world(catalogue, &session.database)?;
        let statement = match Planner::plan(&world, session, query, declared) {
            // What is not known here, DataFusion may know.
            Err(Error::Unsupported { .. }) => return Ok(None),
            planned => planned?,
        };
        let schema = output::schema(&statement.query.columns);
        Ok(Some(CatalogPlan { world, statement, schema }))
    }

    /// The numbers of a table and of one of its columns, for `RowDescription`.
    ///
    /// # Errors
    ///
    /// Those of opening a cube, if the catalogue was not asked for before.
    pub fn numbers(
        &self,
        catalogue: &Arc<Catalogue>,
        schema: &str,
        table: &str,
        column: &str,
    ) -> Result<Option<(u32, i16)>> {
        let world = self.world(catalogue, DATABASE)?;
        let Some(oid) = world.class(Some(schema), table) else { return Ok(None) };
        Ok(world.attribute(oid, column).map(|number| (oid, number)))
    }

    /// Whether the catalogue over what a session sees was made already, which takes opening every
    /// cube.
    pub fn is_made(&self, catalogue: &Arc<Catalogue>) -> bool {
        self.find(catalogue, DATABASE).is_some()
    }

    /// Makes the catalogue over what a session sees.
    ///
    /// # Errors
    ///
    /// Those of opening a cube.
    pub fn make(&self, catalogue: &Arc<Catalogue>) -> Result<()> {
        if self.is_made(catalogue) {
            return Ok(());
        }
        let world = Arc::new(World::new(&gather::describe(catalogue)?, DATABASE));
        // Whoever asks for numbers next need not wait for what they are found in.
        world.index_names();
        self.keep(catalogue, &world);
        Ok(())
    }

    /// The catalogue over what a session sees.
    pub(super) fn world(&self, catalogue: &Arc<Catalogue>, database: &str) -> Result<Arc<World>> {
        if let Some(found) = self.find(catalogue, database) {
            return Ok(found);
        }
        let world = Arc::new(World::new(&gather::describe(catalogue)?, database));
        self.keep(catalogue, &world);
        Ok(world)
    }

    fn find(&self, catalogue: &Catalogue, database: &str) -> Option<Arc<World>> {
        let snapshot = catalogue.directory().snapshot();
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.iter().find(|kept| {
            Arc::ptr_eq(&kept.snapshot, snapshot)
                && kept.language == catalogue.language()
                && kept.world.database() == database
        });
        found.map(|kept| Arc::clone(&kept.world))
    }

    fn keep(&self, catalogue: &Catalogue, world: &Arc<World>) {
        let snapshot = Arc::clone(catalogue.directory().snapshot());
        let (language, world) = (catalogue.language().to_owned(), Arc::clone(world));
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.truncate(KEPT_MAX - 1);
        kept.insert(0, Kept { snapshot, language, world });
    }
}

impl CatalogPlan {
    /// The columns, each with its type in PostgreSQL in its metadata.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The types of the parameters.
    pub fn parameters(&self) -> &[u32] {
        &self.statement.parameters
    }

    /// The answer, as one batch. Cost: that of the rows looked at; nothing waits.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for values that make no sense; [`Error::Limit`] for too much work.
    pub fn answer(&self, values: &[ScalarValue], session: &SessionInfo) -> Result<RecordBatch> {
        let types = &self.statement.parameters;
        let values: Result<Vec<Value>> =
            values.iter().zip(types).map(|(value, oid)| self.value(value, *oid)).collect();
        let rows = Run::answer(&self.world, session, &self.statement, &values?)?;
        output::batch(&self.world, &self.statement.query.columns, &self.schema, &rows)
    }

    /// The value of a parameter, whatever it was decoded to.
    fn value(&self, value: &ScalarValue, oid: u32) -> Result<Value> {
        Ok(match value {
            value if value.is_null() => Value::Null,
            ScalarValue::Boolean(Some(flag)) => Value::Bool(*flag),
            ScalarValue::Int16(Some(number)) => Value::Int((*number).into()),
            ScalarValue::Int32(Some(number)) => Value::Int((*number).into()),
            ScalarValue::Int64(Some(number)) => Value::Int(*number),
            ScalarValue::UInt32(Some(number)) => Value::Int((*number).into()),
            ScalarValue::Float32(Some(number)) => Value::Float((*number).into()),
            ScalarValue::Float64(Some(number)) => Value::Float(*number),
            ScalarValue::Utf8(Some(text))
            | ScalarValue::LargeUtf8(Some(text))
            | ScalarValue::Utf8View(Some(text)) => output::parameter(&self.world, oid, text)?,
            ScalarValue::List(list) => {
                let values = list.value(0);
                let element = statics().types.element(oid).unwrap_or(TEXT);
                let all: Result<Vec<Value>> = (0..values.len())
                    .map(|row| {
                        let value = ScalarValue::try_from_array(&values, row);
                        let wrong = |_| Error::invalid("array", "is no parameter");
                        self.value(&value.map_err(wrong)?, element)
                    })
                    .collect();
                Value::array(all?)
            }
            other => output::parameter(&self.world, oid, &other.to_string())?,
        })
    }
}
