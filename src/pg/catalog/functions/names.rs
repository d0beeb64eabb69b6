//! Names and descriptions behind numbers.

use crate::pg::catalog::functions::{Body, Called, at, oid_at, text_at};
use crate::pg::catalog::statics::statics;
use crate::pg::catalog::types::{REGCLASS, REGNAMESPACE, REGPROC, REGROLE, REGTYPE};
use crate::pg::catalog::value::Value;

/// The number of the encoding that all texts are in.
const UTF8: i64 = 6;

pub(super) fn find(name: &str) -> Option<Body> {
    Some(match name {
        "format_type" => |called, arguments| {
            let Some(oid) = at(arguments, 0).as_oid() else { return Ok(Value::Null) };
            let modifier = at(arguments, 1).as_int().and_then(|n| i32::try_from(n).ok());
            Ok(Value::text(called.world.format_type(oid, modifier.unwrap_or(-1))))
        },
        "obj_description" => |called, arguments| {
            let class = class_named(called, text_at(arguments, 1));
            Ok(description(called, "pg_description", oid_at(arguments, 0), class, 0))
        },
        "col_description" => |called, arguments| {
            let part = at(arguments, 1).as_int().unwrap_or(0);
            let class = class_named(called, "pg_class");
            Ok(description(called, "pg_description", oid_at(arguments, 0), class, part))
        },
        "shobj_description" => |called, arguments| {
            let class = class_named(called, text_at(arguments, 1));
            Ok(description(called, "pg_shdescription", oid_at(arguments, 0), class, 0))
        },
        "pg_get_userbyid" => |called, arguments| {
            let oid = oid_at(arguments, 0);
            let name = called.world.look_up("pg_authid", oid, "rolname");
            Ok(if name.is_null() { Value::text(format!("unknown (OID={oid})")) } else { name })
        },
        "pg_encoding_to_char" => |_, arguments| {
            Ok(Value::text(if at(arguments, 0).as_int() == Some(UTF8) { "UTF8" } else { "" }))
        },
        "pg_char_to_encoding" => |_, arguments| {
            let name = text_at(arguments, 0).to_ascii_lowercase();
            let is_ours = matches!(name.as_str(), "utf8" | "utf-8" | "unicode");
            Ok(Value::Int(if is_ours { UTF8 } else { -1 }))
        },
        "getdatabaseencoding" | "pg_client_encoding" => |_, _| Ok(Value::text("UTF8")),
        "to_regclass" => |called, arguments| Ok(named(called, REGCLASS, arguments)),
        "to_regtype" => |called, arguments| Ok(named(called, REGTYPE, arguments)),
        "to_regproc" | "to_regprocedure" => {
            |called, arguments| Ok(named(called, REGPROC, arguments))
        }
        "to_regnamespace" => |called, arguments| Ok(named(called, REGNAMESPACE, arguments)),
        "to_regrole" => |called, arguments| Ok(named(called, REGROLE, arguments)),
        "pg_typeof" => |called, _| Ok(called.types.first().map_or(Value::Null, |ty| ty.oid.into())),
        "_pg_truetypid" | "_pg_truetypmod" => |_, arguments| Ok(at(arguments, 0).clone()),
        _ => return find_visible(name),
    })
}

/// The functions that tell whether an object is found by its name alone.
fn find_visible(name: &str) -> Option<Body> {
    Some(match name {
        "pg_table_is_visible" => {
            |called, arguments| Ok(visible(called, "pg_class", "relnamespace", arguments))
        }
        "pg_type_is_visible" => {
            |called, arguments| Ok(visible(called, "pg_type", "typnamespace", arguments))
        }
        "pg_function_is_visible" => {
            |called, arguments| Ok(visible(called, "pg_proc", "pronamespace", arguments))
        }
        "pg_operator_is_visible" => {
            |called, arguments| Ok(visible(called, "pg_operator", "oprnamespace", arguments))
        }
        "pg_collation_is_visible" => {
            |called, arguments| Ok(visible(called, "pg_collation", "collnamespace", arguments))
        }
        "pg_opclass_is_visible" => {
            |called, arguments| Ok(visible(called, "pg_opclass", "opcnamespace", arguments))
        }
        "pg_opfamily_is_visible" => {
            |called, arguments| Ok(visible(called, "pg_opfamily", "opfnamespace", arguments))
        }
        "pg_conversion_is_visible" => {
            |called, arguments| Ok(visible(called, "pg_conversion", "connamespace", arguments))
        }
        "pg_ts_config_is_visible" => {
            |called, arguments| Ok(visible(called, "pg_ts_config", "cfgnamespace", arguments))
        }
        "pg_ts_dict_is_visible" => {
            |called, arguments| Ok(visible(called, "pg_ts_dict", "dictnamespace", arguments))
        }
        "pg_ts_parser_is_visible" => {
            |called, arguments| Ok(visible(called, "pg_ts_parser", "prsnamespace", arguments))
        }
        "pg_ts_template_is_visible" => {
            |called, arguments| Ok(visible(called, "pg_ts_template", "tmplnamespace", arguments))
        }
        "pg_statistics_obj_is_visible" => {
            |called, arguments| Ok(visible(called, "pg_statistic_ext", "stxnamespace", arguments))
        }
        _ => return None,
    })
}

/// The number of a relation of the catalogue itself.
fn class_named(called: &Called<'_>, name: &str) -> u32 {
    let shape = statics().shape("pg_catalog", name);
    shape.map_or_else(|| called.world.class(None, name).unwrap_or(0), |shape| shape.oid)
}

fn description(called: &Called<'_>, of: &str, object: u32, class: u32, part: i64) -> Value {
    let relation = called.world.own(of);
    let column = |name: &str| relation.position(name);
    let (Some(key), Some(classes), Some(text)) =
        (column("objoid"), column("classoid"), column("description"))
    else {
        return Value::Null;
    };
    let part_column = column("objsubid");
    let rows = relation.find(key, &object.into()).iter().copied();
    let mut rows = rows.filter(|row| {
        let is_part = part_column.is_none_or(|at| relation.value(*row, at).as_int() == Some(part));
        is_part && (class == 0 || relation.value(*row, classes).as_oid() == Some(class))
    });
    rows.next().map_or(Value::Null, |row| relation.value(row, text))
}

/// The number of what a text names; nothing if there is no such object.
fn named(called: &Called<'_>, ty: u32, arguments: &[Value]) -> Value {
    called.world.resolve(ty, text_at(arguments, 0)).unwrap_or(Value::Null)
}

fn visible(called: &Called<'_>, relation: &str, namespace: &str, arguments: &[Value]) -> Value {
    let oid = oid_at(arguments, 0);
    if called.world.look_up(relation, oid, namespace).is_null() {
        return Value::Null;
    }
    Value::Bool(called.world.is_visible(relation, oid, namespace))
}
