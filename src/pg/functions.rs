//! Functions that change something outside of the row: a setting, another session, the time.

use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow::array::{Array, ArrayRef, AsArray, BooleanBuilder, StringArray, StringViewArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int32Type};
use async_trait::async_trait;
use datafusion::common::Result;
use datafusion::common::config::{ConfigEntry, ConfigExtension, ExtensionOptions};
use datafusion::logical_expr::async_udf::{AsyncScalarUDF, AsyncScalarUDFImpl};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};

use datafusion::sql::sqlparser::ast::{self, Expr};
use tokio::time::sleep;

use crate::error::{self, Error};
use crate::pg::errors::Fault;
use crate::pg::registry::Registry;
use crate::pg::settings::{Scope, Settings};
use crate::query::error::to_datafusion;
use crate::store::{Database, Right};

/// The names of all functions of this module.
const NAMES: [&str; 4] = ["set_config", "pg_cancel_backend", "pg_terminate_backend", "pg_sleep"];
/// The longest time that a statement may sleep: a day.
const SLEEP_SECONDS_MAX: f64 = 86_400.0;

/// What these functions need of their session.
#[derive(Clone, Default)]
pub(super) struct Hooks {
    settings: Option<Arc<Mutex<Settings>>>,
    registry: Option<Arc<Registry>>,
    signaller: Option<Signaller>,
}

/// Who stops statements and sessions, and where it stands whether they may.
#[derive(Clone)]
pub(super) struct Signaller {
    pub(super) user: String,
    pub(super) database: Database,
}

impl Signaller {
    /// Whether they may stop what this user does: their own, or anybody's as an admin. Where there
    /// are no users, nobody can be told from anybody else.
    fn may_stop(&self, owner: &str) -> error::Result<bool> {
        let users = self.database.users()?;
        if users.is_empty() || owner == self.user {
            return Ok(true);
        }
        Ok(users.get(&self.user)?.is_some_and(|user| user.may(Right::Admin)))
    }
}

impl Hooks {
    pub(super) fn new(
        settings: &Arc<Mutex<Settings>>,
        registry: &Arc<Registry>,
        signaller: Signaller,
    ) -> Self {
        let (settings, registry) = (Some(Arc::clone(settings)), Some(Arc::clone(registry)));
        Self { settings, registry, signaller: Some(signaller) }
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hooks")
    }
}

impl ConfigExtension for Hooks {
    const PREFIX: &'static str = "sdmxdb_hooks";
}

impl ExtensionOptions for Hooks {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(self.clone())
    }

    fn set(&mut self, key: &str, _: &str) -> Result<()> {
        Err(to_datafusion(Error::not_found("setting", key)))
    }

    fn entries(&self) -> Vec<ConfigEntry> {
        Vec::new()
    }
}

/// All functions of this module.
pub(super) fn all() -> Vec<Arc<ScalarUDF>> {
    let exact = |types: &[DataType]| Signature::exact(types.to_vec(), Volatility::Volatile);
    let function = |name, signature, returns, call: Call| {
        Arc::new(ScalarUDF::from(Function { name, signature, returns, call }))
    };
    // A parameter is a 32-bit number; one that is written out has 64 bits here.
    let widths = [DataType::Int32, DataType::Int64].map(|width| TypeSignature::Exact(vec![width]));
    let pid = || Signature::one_of(widths.to_vec(), Volatility::Volatile);
    let set = exact(&[DataType::Utf8, DataType::Utf8, DataType::Boolean]);
    let sleep = AsyncScalarUDF::new(Arc::new(Sleep { signature: exact(&[DataType::Float64]) }));
    vec![
        function("set_config", set, DataType::Utf8, set_config),
        function("pg_cancel_backend", pid(), DataType::Boolean, cancel_backend),
        function("pg_terminate_backend", pid(), DataType::Boolean, terminate_backend),
        Arc::new(sleep.into_scalar_udf()),
    ]
}

/// Whether a statement calls one of these functions.
pub(super) fn is_called(statement: &ast::Statement) -> bool {
    let found = ast::visit_expressions(statement, |expr| {
        let is_ours = match expr {
            Expr::Function(function) => {
                let name = function.name.0.last().and_then(|part| part.as_ident());
                name.is_some_and(|name| {
                    NAMES.iter().any(|known| name.value.eq_ignore_ascii_case(known))
                })
            }
            _ => false,
        };
        if is_ours { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    found.is_break()
}

type Call = fn(&Hooks, &[ArrayRef]) -> Result<ArrayRef>;

struct Function {
    name: &'static str,
    signature: Signature,
    returns: DataType,
    call: Call,
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
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

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.returns.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let hooks = args.config_options.extensions.get::<Hooks>().cloned().unwrap_or_default();
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        Ok(ColumnarValue::Array((self.call)(&hooks, &arrays)?))
    }
}

fn set_config(hooks: &Hooks, arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let [names, values, locals] = arguments else {
        return Err(to_datafusion(Error::bug("set_config has three arguments")));
    };
    let (names, values) = (names.as_string::<i32>(), values.as_string::<i32>());
    let locals = locals.as_boolean();
    let mut set = Vec::new();
    for row in 0..names.len() {
        if names.is_null(row) {
            return Err(to_datafusion(Error::invalid("22004", "SET requires parameter name")));
        }
        let name = names.value(row);
        let value = if values.is_null(row) { None } else { Some(values.value(row)) };
        let is_local = !locals.is_null(row) && locals.value(row);
        let scope = if is_local { Scope::Local } else { Scope::Session };
        let found = match &hooks.settings {
            Some(settings) => {
                let mut settings = settings.lock().unwrap_or_else(PoisonError::into_inner);
                settings.set(name, value, scope).and_then(|()| settings.get(name))
            }
            None => Ok(value.unwrap_or_default().to_owned()),
        };
        set.push(
            found.map_err(|fault: Fault| {
                to_datafusion(Error::invalid(fault.code, &fault.message))
            })?,
        );
    }
    Ok(Arc::new(StringArray::from_iter_values(set)))
}

fn cancel_backend(hooks: &Hooks, arguments: &[ArrayRef]) -> Result<ArrayRef> {
    signal(hooks, arguments, Registry::cancel_backend)
}

fn terminate_backend(hooks: &Hooks, arguments: &[ArrayRef]) -> Result<ArrayRef> {
    signal(hooks, arguments, Registry::terminate)
}

fn signal(
    hooks: &Hooks,
    arguments: &[ArrayRef],
    deliver: fn(&Registry, i32) -> bool,
) -> Result<ArrayRef> {
    let Some(pids) = arguments.first() else {
        return Err(to_datafusion(Error::bug("a signal goes to a session")));
    };
    let narrow = cast(pids, &DataType::Int32)?;
    let mut sent = BooleanBuilder::new();
    for pid in narrow.as_primitive::<Int32Type>() {
        let Some((pid, registry)) = pid.zip(hooks.registry.as_ref()) else {
            sent.append_null();
            continue;
        };
        check_stop(hooks, registry, pid).map_err(to_datafusion)?;
        sent.append_value(deliver(registry, pid));
    }
    Ok(Arc::new(sent.finish()))
}

/// Refuses to stop what others do.
fn check_stop(hooks: &Hooks, registry: &Registry, pid: i32) -> error::Result<()> {
    let (Some(owner), Some(signaller)) = (registry.owner(pid), &hooks.signaller) else {
        return Ok(());
    };
    if signaller.may_stop(&owner)? {
        return Ok(());
    }
    let reason = "must have the right admin to stop what another user does";
    Err(Error::invalid("42501", reason))
}

/// `pg_sleep(seconds)`
#[derive(Debug, PartialEq, Eq, Hash)]
struct Sleep {
    signature: Signature,
}

impl ScalarUDFImpl for Sleep {
    fn name(&self) -> &'static str {
        "pg_sleep"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Err(to_datafusion(Error::bug("pg_sleep waits")))
    }
}

#[async_trait]
impl AsyncScalarUDFImpl for Sleep {
    async fn invoke_async_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let Some(seconds) = arrays.first() else {
            return Err(to_datafusion(Error::bug("pg_sleep has one argument")));
        };
        let seconds = seconds.as_primitive::<Float64Type>();
        for second in seconds.iter().flatten() {
            let second = second.clamp(0.0, SLEEP_SECONDS_MAX);
            sleep(Duration::from_secs_f64(second)).await;
        }
        let blank = StringViewArray::from_iter_values((0..seconds.len()).map(|_| ""));
        Ok(ColumnarValue::Array(Arc::new(blank)))
    }
}
