//! The catalogue for DataFusion: for statements about data that name it as well.

use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::common::config::{ConfigEntry, ConfigExtension, ExtensionOptions};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};

use crate::error::Error;
use crate::pg::catalog::describe::Description;
use crate::pg::catalog::front::PgCatalog;
use crate::pg::catalog::functions::{self as known, Called};
use crate::pg::catalog::output;
use crate::pg::catalog::relation::Column;
use crate::pg::catalog::session::SessionInfo;
use crate::pg::catalog::statics::statics;
use crate::pg::catalog::types::{BOOL, INT4, INT8, TEXT, Type};
use crate::pg::catalog::value::Value;
use crate::pg::catalog::world::World;
use crate::query::catalogue::{Catalogue, DATABASE, Listing, SchemaFactory};
use crate::query::error::to_datafusion;

const SCHEMA: &str = "pg_catalog";

/// What a session tells its functions, as a part of DataFusion's configuration.
#[derive(Clone, Debug, Default)]
pub struct SessionExtension(pub Arc<SessionInfo>);

impl ConfigExtension for SessionExtension {
    const PREFIX: &'static str = "pg_session";
}

impl ExtensionOptions for SessionExtension {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(self.clone())
    }

    fn set(&mut self, key: &str, _value: &str) -> Result<()> {
        Err(to_datafusion(Error::not_found("setting", key)))
    }

    fn entries(&self) -> Vec<ConfigEntry> {
        Vec::new()
    }
}

/// The schema `pg_catalog`, for an engine.
pub fn schemas(catalog: &Arc<PgCatalog>) -> Vec<(String, SchemaFactory)> {
    let catalog = Arc::clone(catalog);
    let make: SchemaFactory = Arc::new(move |catalogue: &Arc<Catalogue>| {
        let (catalog, catalogue) = (Arc::clone(&catalog), Arc::clone(catalogue));
        Arc::new(Tables { catalog, catalogue }) as Arc<dyn SchemaProvider>
    });
    vec![(SCHEMA.to_owned(), make)]
}

struct Tables {
    catalog: Arc<PgCatalog>,
    catalogue: Arc<Catalogue>,
}

impl fmt::Debug for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SCHEMA)
    }
}

#[async_trait]
impl SchemaProvider for Tables {
    fn table_names(&self) -> Vec<String> {
        let shapes = statics().shapes.keys().filter(|(schema, _)| *schema == SCHEMA);
        let mut names: Vec<String> = shapes.map(|(_, name)| name.clone()).collect();
        names.sort_unstable();
        names
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let Some(shape) = statics().shape(SCHEMA, name) else { return Ok(None) };
        let (catalog, catalogue) = (Arc::clone(&self.catalog), Arc::clone(&self.catalogue));
        let name = name.to_owned();
        let schema = output::schema(&shape.columns);
        let listing = Listing::new(move |with_rows| {
            if !with_rows {
                return Ok(RecordBatch::new_empty(Arc::clone(&schema)));
            }
            let world = catalog.world(&catalogue, DATABASE).map_err(to_datafusion)?;
            let session = SessionInfo::default();
            let found = world.relation(SCHEMA, &name, &session).map_err(to_datafusion)?;
            let missing = || to_datafusion(Error::bug("a relation that is gone"));
            let found = found.ok_or_else(missing)?;
            let cells = |row| (0..found.columns().len()).map(|at| found.value(row, at)).collect();
            let rows = (0..u32::try_from(found.len()).unwrap_or(u32::MAX)).map(cells);
            let rows: Vec<Vec<Value>> = rows.collect();
            output::batch(&world, found.columns(), &schema, &rows).map_err(to_datafusion)
        })?;
        Ok(Some(Arc::new(listing)))
    }

    fn table_exist(&self, name: &str) -> bool {
        statics().shape(SCHEMA, name).is_some()
    }
}

/// The functions of the session and of the server that a statement about data may call: their
/// results and arguments are texts and whole numbers.
const FUNCTIONS: &[(&str, u32, &[usize])] = &[
    ("version", TEXT, &[0]),
    ("current_database", TEXT, &[0]),
    ("current_catalog", TEXT, &[0]),
    ("current_schema", TEXT, &[0]),
    ("current_user", TEXT, &[0]),
    ("session_user", TEXT, &[0]),
    ("user", TEXT, &[0]),
    ("current_setting", TEXT, &[1, 2]),
    ("pg_backend_pid", INT4, &[0]),
    ("pg_is_in_recovery", BOOL, &[0]),
    ("txid_current", INT8, &[0]),
    ("quote_ident", TEXT, &[1]),
    ("quote_literal", TEXT, &[1]),
    ("format_type", TEXT, &[2]),
    ("pg_size_pretty", TEXT, &[1]),
];

/// The functions of PostgreSQL's catalogue, for an engine.
pub fn functions() -> Vec<Arc<ScalarUDF>> {
    let all = FUNCTIONS.iter().filter_map(|(name, result, counts)| {
        let body = known::find(name)?;
        let signatures = counts.iter().map(|count| match count {
            0 => TypeSignature::Nullary,
            count => TypeSignature::Any(*count),
        });
        let signature = Signature::one_of(signatures.collect(), Volatility::Stable);
        let function = Function { name, result: *result, body: Body(body), signature };
        Some(Arc::new(ScalarUDF::new_from_impl(function)))
    });
    all.collect()
}

#[derive(Clone, Copy)]
struct Body(known::Body);

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Body")
    }
}

/// A function of the catalogue. One is known by its name.
#[derive(Debug)]
struct Function {
    name: &'static str,
    result: u32,
    body: Body,
    signature: Signature,
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(output::field("value", &Type::of(self.result)).data_type().clone())
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let extension = arguments.config_options.extensions.get::<SessionExtension>();
        let session = extension.map(|extension| Arc::clone(&extension.0)).unwrap_or_default();
        let world = empty();
        let result = Type::of(self.result);
        let rows = arguments.number_rows;
        let types = vec![Type::of(TEXT); arguments.args.len()];
        let called = Called { world, session: &session, types: &types, result: &result };
        let arrays = ColumnarValue::values_to_arrays(&arguments.args)?;
        let len = arrays.first().map_or(1, |array| array.len());
        let mut values = Vec::with_capacity(len);
        for row in 0..len {
            let found: Result<Vec<Value>> = arrays
                .iter()
                .map(|array| Ok(value(&ScalarValue::try_from_array(array, row)?)))
                .collect();
            values.push(vec![(self.body.0)(&called, &found?).map_err(to_datafusion)?]);
        }
        let column = Column { name: self.name.to_owned(), ty: result };
        let columns = [column];
        let schema = output::schema(&columns);
        let batch = output::batch(world, &columns, &schema, &values).map_err(to_datafusion)?;
        let array = Arc::clone(batch.column(0));
        if arguments.args.is_empty() || (len == 1 && rows != 1) {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?));
        }
        Ok(ColumnarValue::Array(array))
    }
}

/// What a value of DataFusion is here.
fn value(value: &ScalarValue) -> Value {
    match value {
        value if value.is_null() => Value::Null,
        ScalarValue::Boolean(Some(flag)) => Value::Bool(*flag),
        ScalarValue::Float64(Some(number)) => Value::Float(*number),
        ScalarValue::Utf8(Some(text))
        | ScalarValue::Utf8View(Some(text))
        | ScalarValue::LargeUtf8(Some(text)) => Value::text(text),
        other => {
            // What is no number is no argument of these functions.
            match other.cast_to(&DataType::Int64) {
                Ok(ScalarValue::Int64(Some(number))) => Value::Int(number),
                Ok(_) | Err(_) => Value::Null,
            }
        }
    }
}

/// A catalogue with nothing of a database in it: functions of the session look nothing up.
fn empty() -> &'static Arc<World> {
    static EMPTY: OnceLock<Arc<World>> = OnceLock::new();
    EMPTY.get_or_init(|| Arc::new(World::new(&Description::default(), DATABASE)))
}
