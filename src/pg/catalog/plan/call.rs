//! Calls of functions, with PostgreSQL's own list of them: which one is meant, and what it returns.

use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{
    self, DuplicateTreatment, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArguments, OrderByExpr, WindowType,
};

use crate::error::{Error, Result};
use crate::pg::catalog::functions;
use crate::pg::catalog::plan::expression::{all, unsupported};
use crate::pg::catalog::plan::name::parts;
use crate::pg::catalog::plan::{Aggregate, Call, Expr, Planned, Planner, Typed, Window};
use crate::pg::catalog::statics::{Function, statics};
use crate::pg::catalog::types::{BOOL, DATE, TEXT, TIMESTAMP, Type, is_any};

/// The functions that a name means, with how its arguments must be.
struct Meant<'a> {
    function: &'a Function,
    parameters: Vec<u32>,
}

impl Planner<'_> {
    pub(crate) fn function(&mut self, call: &ast::Function) -> Planned {
        let mut qualified = parts(&call.name);
        let last = qualified.pop().unwrap_or_default();
        let (passed, clauses, is_distinct) = match &call.args {
            FunctionArguments::None => return self.named_call(&last),
            FunctionArguments::Subquery(query) if last == "array" => {
                return self.array_of_query(query);
            }
            FunctionArguments::Subquery(_) => return Err(unsupported("a query as an argument")),
            FunctionArguments::List(given) => (
                given.args.as_slice(),
                given.clauses.as_slice(),
                matches!(given.duplicate_treatment, Some(DuplicateTreatment::Distinct)),
            ),
        };
        if is_aggregate(&last) || call.over.is_some() {
            let order = clauses.iter().find_map(|clause| match clause {
                FunctionArgumentClause::OrderBy(order) => Some(order.as_slice()),
                _ => None,
            });
            let order = order.unwrap_or_default();
            return self.aggregate(&last, passed, is_distinct, order, call);
        }
        let arguments = self.arguments(passed)?;
        self.call(qualified.pop().as_deref(), &last, arguments)
    }

    pub(crate) fn arguments(&mut self, list: &[FunctionArg]) -> Result<Vec<Typed>> {
        let mut arguments = Vec::with_capacity(list.len());
        for argument in list {
            match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => {
                    arguments.push(self.expression(expr)?);
                }
                FunctionArg::Unnamed(FunctionArgExpr::Wildcard) => {}
                other => return Err(unsupported(&format!("the argument {other}"))),
            }
        }
        Ok(arguments)
    }

    /// A name that is a call without brackets.
    pub(crate) fn named_call(&mut self, name: &str) -> Planned {
        let function = match name {
            "user" | "current_role" => "current_user",
            "current_catalog" => "current_database",
            "current_timestamp" => "now",
            other => other,
        };
        match function {
            "current_date" => {
                let now = self.call(None, "now", Vec::new())?;
                self.cast(now, Type::of(DATE))
            }
            "localtimestamp" => {
                let now = self.call(None, "now", Vec::new())?;
                self.cast(now, Type::of(TIMESTAMP))
            }
            _ => self.call(None, function, Vec::new()),
        }
    }

    pub(crate) fn call_of(&mut self, name: &str, arguments: &[&ast::Expr]) -> Planned {
        let arguments = all(arguments.iter().map(|argument| self.expression(argument)))?;
        self.call(None, name, arguments)
    }

    /// A call of a function by its name.
    pub(crate) fn call(
        &mut self,
        schema: Option<&str>,
        name: &str,
        arguments: Vec<Typed>,
    ) -> Planned {
        if let Some(typed) = self.word_call(name, &arguments)? {
            return Ok(typed);
        }
        let Meant { function, parameters } = self.meant(schema, name, &arguments)?;
        let body = functions::find(&function.name)
            .ok_or_else(|| unsupported(&format!("the function {name}")))?;
        let found: Vec<u32> = arguments.iter().map(|argument| argument.ty.oid).collect();
        let result = result(function, &parameters, &found, &arguments);
        let (arguments, types) = self.passed(arguments, &parameters)?;
        let call =
            Call { body, is_strict: function.is_strict, arguments, types, result: result.clone() };
        let expr = Expr::Call(Arc::new(call));
        if !function.returns_set {
            return Ok(Typed { expr, ty: result });
        }
        if self.sets_allowed {
            let sets = &mut self.scopes.inner()?.sets;
            sets.push(expr);
            return Ok(Typed { expr: Expr::Set(sets.len() - 1), ty: result });
        }
        Err(Error::invalid(format!("{name}()"), "returns a set, which is not allowed here"))
    }

    /// The arguments as the function takes them, with their types.
    fn passed(
        &mut self,
        arguments: Vec<Typed>,
        parameters: &[u32],
    ) -> Result<(Vec<Expr>, Vec<Type>)> {
        let mut passed = (Vec::new(), Vec::new());
        for (argument, parameter) in arguments.into_iter().zip(parameters) {
            let argument = if is_any(*parameter) { self.settled(argument)? } else { argument };
            let ty = if is_any(*parameter) { argument.ty.clone() } else { Type::of(*parameter) };
            passed.0.push(self.coerce(argument, &ty)?);
            passed.1.push(ty);
        }
        Ok(passed)
    }

    /// The function that is meant, by its name and the types of its arguments.
    fn meant(
        &self,
        schema: Option<&str>,
        name: &str,
        arguments: &[Typed],
    ) -> Result<Meant<'static>> {
        let types = &statics().types;
        let namespace = schema.and_then(|schema| self.world().namespace(schema));
        let known = statics().functions.get(name).into_iter().flatten();
        let known = known.filter(|function| match (schema, namespace) {
            (Some(_), None) => false,
            (Some(_), Some(namespace)) => function.namespace == namespace,
            (None, _) => function.namespace == 11,
        });
        let mut best: Option<(usize, Meant<'static>)> = None;
        for function in known {
            let Some(parameters) = fitting(function, arguments.len()) else { continue };
            let mut score = 0;
            let mut fits = true;
            for (argument, parameter) in arguments.iter().zip(&parameters) {
                let oid = types.base(&argument.ty).oid;
                fits &= types.coerces(oid, *parameter);
                score += match () {
                    () if oid == *parameter => 4,
                    () if argument.ty.is_unknown() && *parameter == TEXT => 3,
                    () if is_any(*parameter) => 1,
                    () => 2,
                };
            }
            if fits && best.as_ref().is_none_or(|(most, _)| score > *most) {
                best = Some((score, Meant { function, parameters }));
            }
        }
        let missing = || {
            let names = arguments.iter().map(|argument| {
                let is_unknown = argument.ty.is_unknown();
                let named = || self.world().format_type(argument.ty.oid, -1);
                if is_unknown { "unknown".to_owned() } else { named() }
            });
            let names: Vec<String> = names.collect();
            Error::not_found("function", format!("{name}({})", names.join(", ")))
        };
        best.map(|(_, meant)| meant).ok_or_else(missing)
    }

    fn aggregate(
        &mut self,
        name: &str,
        list: &[FunctionArg],
        is_distinct: bool,
        order: &[OrderByExpr],
        call: &ast::Function,
    ) -> Planned {
        let arguments = self.arguments(list)?;
        let Meant { function, parameters } = self.meant(None, name, &arguments)?;
        let found: Vec<u32> = arguments.iter().map(|argument| argument.ty.oid).collect();
        let result = result(function, &parameters, &found, &arguments);
        let result = match (name, arguments.first()) {
            // There is no array of every type; of those it knows, it is one of the argument's.
            ("array_agg", Some(first)) => {
                let of = if first.ty.is_unknown() { TEXT } else { first.ty.oid };
                Type::of(statics().types.array_of(of))
            }
            _ => result,
        };
        let (arguments, types) = self.passed(arguments, &parameters)?;
        let order = self.sort_keys(order)?;
        let filter = match &call.filter {
            Some(filter) => {
                let filter = self.expression(filter)?;
                Some(self.coerce_to_bool(filter)?)
            }
            None => None,
        };
        let name = function.name.clone();
        let aggregate = Aggregate { name, arguments, types, is_distinct, order, filter };
        let Some(over) = &call.over else {
            let aggregates = &mut self.scopes.inner()?.aggregates;
            aggregates.push(aggregate);
            return Ok(Typed { expr: Expr::Aggregate(aggregates.len() - 1), ty: result });
        };
        let WindowType::WindowSpec(over) = over else {
            return Err(unsupported("a named window"));
        };
        if over.window_frame.is_some() {
            return Err(unsupported("the frame of a window"));
        }
        let partition = all(over.partition_by.iter().map(|key| {
            let key = self.expression(key)?;
            Ok(self.settled(key)?.expr)
        }))?;
        let order = self.sort_keys(&over.order_by)?;
        let windows = &mut self.scopes.inner()?.windows;
        windows.push(Window { aggregate, partition, order });
        Ok(Typed { expr: Expr::Window(windows.len() - 1), ty: result })
    }

    /// What rows are sorted by: a value, whether the largest comes first, whether NULLs do.
    pub(crate) fn sort_keys(&mut self, keys: &[OrderByExpr]) -> Result<Vec<(Expr, bool, bool)>> {
        all(keys.iter().map(|key| {
            let typed = self.expression(&key.expr)?;
            let (is_descending, nulls_first) = direction(key);
            Ok((self.settled(typed)?.expr, is_descending, nulls_first))
        }))
    }
}

fn is_aggregate(name: &str) -> bool {
    let known = statics().functions.get(name);
    known.is_some_and(|all| all.iter().any(|function| function.kind == 'a'))
}

/// Whether the largest comes first, and whether NULLs do.
pub(crate) fn direction(key: &OrderByExpr) -> (bool, bool) {
    let is_descending = key.options.asc == Some(false);
    (is_descending, key.options.nulls_first.unwrap_or(is_descending))
}

/// The type of what a function returns.
fn result(function: &Function, parameters: &[u32], found: &[u32], arguments: &[Typed]) -> Type {
    let types = &statics().types;
    if function.outputs.len() > 1 {
        let of = |oid: u32| Type::of(types.result(oid, parameters, found));
        // What `_pg_expandarray` calls anyelement is the element of its array.
        return Type::row(function.outputs.iter().map(|(name, oid)| (name.clone(), of(*oid))));
    }
    if function.name == "unnest"
        && let [only] = arguments
        && let Some(element) = types.element(only.ty.oid)
    {
        return Type::of(element);
    }
    Type::of(types.result(function.result, parameters, found))
}

/// A call of a function that every type of array has.
pub(crate) fn array_call(name: &str, arguments: Vec<Expr>) -> Planned {
    let types = vec![Type::of(TEXT); arguments.len()];
    let body = functions::find(name).ok_or_else(|| unsupported(name))?;
    let result = Type::of(BOOL);
    let call = Call { body, is_strict: true, arguments, types, result: result.clone() };
    Ok(Typed { expr: Expr::Call(Arc::new(call)), ty: result })
}

/// The types of the parameters for so many arguments, if the function can be called with them.
fn fitting(function: &Function, count: usize) -> Option<Vec<u32>> {
    let all = &function.parameters;
    if function.variadic != 0 && count >= all.len() {
        let (last, first) = all.split_last()?;
        let types = &statics().types;
        let repeated = types.element(*last).filter(|_| !is_any(*last)).unwrap_or(function.variadic);
        let mut parameters = first.to_vec();
        parameters.resize(count, repeated);
        return Some(parameters);
    }
    let fits = count <= all.len() && count + function.defaults >= all.len();
    fits.then(|| all.iter().take(count).copied().collect())
}
