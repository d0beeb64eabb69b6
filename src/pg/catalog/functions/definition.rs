//! Definitions: what objects of the catalogue are, as SQL.

#![expect(
    clippy::unnecessary_wraps,
    reason = "a function that cannot fail has the shape of those that can"
)]

use crate::error::Result;
use crate::pg::catalog::archive::{Row, archive};
use crate::pg::catalog::functions::{Body, Called, at, oid_at, text_at};
use crate::pg::catalog::statics::{Function, statics};
use crate::pg::catalog::types::REGCLASS;
use crate::pg::catalog::value::Value;
use crate::pg::catalog::world::{World, quote_name};

pub(super) fn find(name: &str) -> Option<Body> {
    Some(match name {
        // What PostgreSQL keeps as a tree is kept here as its text.
        "pg_get_expr" => |_, arguments| Ok(at(arguments, 0).clone()),
        "pg_get_constraintdef" => {
            |called, arguments| Ok(Value::maybe(constraint(called.world, oid_at(arguments, 0))))
        }
        "pg_get_indexdef" => index,
        "pg_get_viewdef" => view,
        "pg_get_ruledef" => |called, arguments| {
            let rule = oid_at(arguments, 0);
            let action = called.world.look_up("pg_rewrite", rule, "ev_action");
            let Some(action) = action.as_text() else { return Ok(Value::Null) };
            let table = called.world.look_up("pg_rewrite", rule, "ev_class").as_oid().unwrap_or(0);
            let table = called.world.registered(REGCLASS, table);
            Ok(Value::text(format!(
                "CREATE RULE \"_RETURN\" AS\n    ON SELECT TO {table} DO INSTEAD {action};"
            )))
        },
        "pg_get_triggerdef"
        | "pg_get_statisticsobjdef"
        | "pg_get_statisticsobjdef_columns"
        | "pg_get_statisticsobjdef_expressions"
        | "pg_get_partkeydef"
        | "pg_get_partition_constraintdef"
        | "pg_get_serial_sequence"
        | "pg_get_function_arg_default" => |_, _| Ok(Value::Null),
        "pg_get_functiondef" => |called, arguments| {
            let Some(function) = function(oid_at(arguments, 0)) else { return Ok(Value::Null) };
            Ok(Value::text(function_definition(called.world, function)))
        },
        "pg_get_function_result" => |called, arguments| {
            let function = function(oid_at(arguments, 0)).filter(|function| function.kind != 'p');
            Ok(Value::maybe(function.map(|function| result(called.world, function))))
        },
        "pg_get_function_arguments" => |called, arguments| {
            let found = function(oid_at(arguments, 0));
            Ok(Value::maybe(found.map(|found| signature(called.world, found, true))))
        },
        "pg_get_function_identity_arguments" => |called, arguments| {
            let found = function(oid_at(arguments, 0));
            Ok(Value::maybe(found.map(|found| signature(called.world, found, false))))
        },
        "pg_get_function_sqlbody" => |called, arguments| {
            Ok(called.world.look_up("pg_proc", oid_at(arguments, 0), "prosqlbody"))
        },
        "pg_partition_ancestors" => |_, _| Ok(Value::array([])),
        "pg_partition_root" | "pg_partition_tree" => |_, _| Ok(Value::Null),
        "pg_get_keywords" => keywords,
        _ => return None,
    })
}

/// The names of columns of a table, by their numbers.
fn columns(world: &World, table: u32, numbers: &Value) -> Vec<String> {
    let attributes = world.own("pg_attribute");
    let position = |name: &str| attributes.position(name);
    let (Some(of), Some(number), Some(name)) =
        (position("attrelid"), position("attnum"), position("attname"))
    else {
        return Vec::new();
    };
    let rows = attributes.find(of, &table.into());
    let named = |wanted: &Value| {
        let row = rows.iter().find(|row| attributes.value(**row, number) == *wanted)?;
        attributes.value(*row, name).as_text().map(quote_name)
    };
    numbers.as_array().unwrap_or_default().iter().filter_map(named).collect()
}

fn constraint(world: &World, oid: u32) -> Option<String> {
    let cell = |name: &str| world.look_up("pg_constraint", oid, name);
    let table = cell("conrelid").as_oid()?;
    let own = columns(world, table, &cell("conkey")).join(", ");
    match cell("contype").as_text()? {
        "p" => Some(format!("PRIMARY KEY ({own})")),
        "u" => Some(format!("UNIQUE ({own})")),
        "f" => {
            let foreign = cell("confrelid").as_oid()?;
            let other = columns(world, foreign, &cell("confkey")).join(", ");
            let name = world.registered(REGCLASS, foreign);
            Some(format!("FOREIGN KEY ({own}) REFERENCES {name}({other})"))
        }
        _ => Some(String::new()),
    }
}

/// `pg_get_indexdef(index)`, or the definition of one of its columns.
fn index(called: &Called<'_>, arguments: &[Value]) -> Result<Value> {
    let world = called.world;
    let oid = oid_at(arguments, 0);
    let indexes = world.own("pg_index");
    let position = |name: &str| indexes.position(name);
    let (Some(key), Some(of), Some(keys), Some(unique)) =
        (position("indexrelid"), position("indrelid"), position("indkey"), position("indisunique"))
    else {
        return Ok(Value::Null);
    };
    let Some(row) = indexes.find(key, &oid.into()).first().copied() else {
        return Ok(Value::Null);
    };
    let table = indexes.value(row, of).as_oid().unwrap_or(0);
    let columns = columns(world, table, &indexes.value(row, keys));
    if let Some(number) = at(arguments, 1).as_int().filter(|number| *number > 0) {
        let place = usize::try_from(number - 1).unwrap_or(usize::MAX);
        return Ok(Value::text(columns.get(place).map_or("", String::as_str)));
    }
    let unique = if indexes.value(row, unique).as_bool() == Some(true) { "UNIQUE " } else { "" };
    let name = world.look_up("pg_class", oid, "relname");
    let name = quote_name(name.as_text().unwrap_or_default());
    let schema = world.look_up("pg_class", table, "relnamespace").as_oid();
    let schema = schema.and_then(|schema| world.namespace_name(schema)).unwrap_or_default();
    let table_name = world.look_up("pg_class", table, "relname");
    let table_name = quote_name(table_name.as_text().unwrap_or_default());
    Ok(Value::text(format!(
        "CREATE {unique}INDEX {name} ON {}.{table_name} USING btree ({})",
        quote_name(&schema),
        columns.join(", ")
    )))
}

fn view(called: &Called<'_>, arguments: &[Value]) -> Result<Value> {
    let oid = match at(arguments, 0) {
        Value::Text(name) => called.world.resolve(REGCLASS, name)?.as_oid().unwrap_or(0),
        _ => oid_at(arguments, 0),
    };
    let rule = called.world.find("pg_rewrite", "ev_class", &oid.into());
    let text = rule.first().map(|rule| called.world.look_up("pg_rewrite", *rule, "ev_action"));
    Ok(text.unwrap_or(Value::Null))
}

fn function(oid: u32) -> Option<&'static Function> {
    statics().function(oid)
}

/// What a function returns, as SQL.
fn result(world: &World, function: &Function) -> String {
    if function.arguments.iter().any(|(mode, ..)| *mode == 't') {
        let columns = function.arguments.iter().filter(|(mode, ..)| *mode == 't');
        let columns = columns
            .map(|(_, name, ty)| format!("{} {}", quote_name(name), world.format_type(*ty, -1)));
        return format!("TABLE({})", columns.collect::<Vec<_>>().join(", "));
    }
    let set = if function.returns_set { "SETOF " } else { "" };
    format!("{set}{}", world.format_type(function.result, -1))
}

/// The arguments of a function, as SQL.
fn signature(world: &World, function: &Function, with_defaults: bool) -> String {
    let defaults = world.look_up("pg_proc", function.oid, "proargdefaults");
    let defaults: Vec<&str> =
        defaults.as_text().map(|all| all.split(", ").collect()).unwrap_or_default();
    let inputs = function.parameters.len();
    let mut input = 0;
    let mut parts = Vec::new();
    for (mode, name, ty) in &function.arguments {
        let is_input = matches!(mode, 'i' | 'b' | 'v');
        if *mode == 't' {
            continue;
        }
        let mut part = match mode {
            'o' => "OUT ".to_owned(),
            'b' => "INOUT ".to_owned(),
            'v' => "VARIADIC ".to_owned(),
            _ => String::new(),
        };
        if !name.is_empty() {
            part.push_str(&quote_name(name));
            part.push(' ');
        }
        part.push_str(&world.format_type(*ty, -1));
        if is_input {
            let place = (input + defaults.len()).checked_sub(inputs);
            if let Some(default) = place.and_then(|at| defaults.get(at)).filter(|_| with_defaults) {
                part.push_str(" DEFAULT ");
                part.push_str(default);
            }
            input += 1;
        }
        parts.push(part);
    }
    parts.join(", ")
}

fn function_definition(world: &World, function: &Function) -> String {
    let cell = |name: &str| world.look_up("pg_proc", function.oid, name);
    let schema = world.namespace_name(function.namespace).unwrap_or_default();
    let language = cell("prolang").as_oid().map(|oid| world.look_up("pg_language", oid, "lanname"));
    let language = language.as_ref().and_then(Value::as_text).unwrap_or("internal").to_owned();
    let volatility = match cell("provolatile").as_text() {
        Some("i") => " IMMUTABLE",
        Some("s") => " STABLE",
        _ => "",
    };
    let parallel = if cell("proparallel").as_text() == Some("s") { " PARALLEL SAFE" } else { "" };
    let strict = if function.is_strict { " STRICT" } else { "" };
    let source = cell("prosrc");
    format!(
        "CREATE OR REPLACE FUNCTION {}.{}({})\n RETURNS {}\n LANGUAGE {language}\n{volatility}{parallel}{strict}\nAS $function${}$function$\n",
        quote_name(&schema),
        quote_name(&function.name),
        signature(world, function, true),
        result(world, function),
        source.as_text().unwrap_or_default(),
    )
}

/// The words of SQL with what they are reserved for.
fn keywords(_: &Called<'_>, arguments: &[Value]) -> Result<Value> {
    debug_assert!(text_at(arguments, 0).is_empty(), "it has no arguments");
    let row = |row: Row<'_>| {
        let cells = row.iter().enumerate().map(|(place, cell)| match (place, cell) {
            (2, Some(flag)) => Value::Bool(flag == "t"),
            (_, cell) => Value::maybe(cell.as_deref()),
        });
        Value::Row(cells.collect())
    };
    Ok(Value::array(archive().rows("pg_get_keywords").map(row)))
}
