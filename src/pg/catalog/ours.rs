//! Which statements are about the catalogue alone.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    self, Expr, ObjectName, Query, Statement, TableFactor, Visit, Visitor,
};

use crate::pg::catalog::functions;
use crate::pg::catalog::plan::parts;
use crate::pg::catalog::statics::statics;

/// The query of a statement that names relations of the catalogue and no others, or no relation but
/// functions of the catalogue. All other statements are about data, and never looked at here.
pub(super) fn query_of(statement: &Statement) -> Option<&Query> {
    let Statement::Query(query) = statement else { return None };
    let mut look = Look::default();
    if query.visit(&mut look).is_break() {
        return None;
    }
    let unknown = |name: &String| !look.common.contains(name) && !is_system("pg_catalog", name);
    if look.bare.iter().any(unknown) {
        return None;
    }
    let has_relation =
        look.is_qualified || look.bare.iter().any(|name| !look.common.contains(name));
    (has_relation || look.calls_catalogue).then_some(query.as_ref())
}

/// Whether a statement names any relation of the catalogue: among tables of data, it is answered
/// with them.
pub(super) fn is_system(schema: &str, name: &str) -> bool {
    // What PostgreSQL is born with is unpacked for those who ask for some of it.
    let may_be = match schema {
        "pg_catalog" => name.starts_with("pg_"),
        "information_schema" => true,
        _ => false,
    };
    may_be && statics().shape(schema, name).is_some()
}

#[derive(Default)]
struct Look {
    /// The names of common table expressions.
    common: HashSet<String>,
    /// Relations without a schema.
    bare: HashSet<String>,
    is_qualified: bool,
    calls_catalogue: bool,
}

impl Look {
    fn call(&mut self, name: &ObjectName) {
        let name = parts(name).pop().unwrap_or_default();
        self.calls_catalogue |= functions::is_of_catalogue(&name);
    }
}

impl Visitor for Look {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.common.insert(parts(&ObjectName::from(vec![cte.alias.name.clone()])).join("."));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. } => {
                self.call(name);
                ControlFlow::Continue(())
            }
            TableFactor::Table { name, .. } => match parts(name).as_slice() {
                [name] => {
                    self.bare.insert(name.clone());
                    ControlFlow::Continue(())
                }
                [schema, name] | [_, schema, name] if is_system(schema, name) => {
                    self.is_qualified = true;
                    ControlFlow::Continue(())
                }
                _ => ControlFlow::Break(()),
            },
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Function(call) => self.call(&call.name),
            Expr::Cast { data_type, .. } => {
                self.calls_catalogue |= is_registered(data_type);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Whether a type is one of those that show objects by name.
fn is_registered(data_type: &ast::DataType) -> bool {
    let name = data_type.to_string().to_lowercase();
    let name = name.strip_prefix("pg_catalog.").unwrap_or(&name);
    name.starts_with("reg")
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    #[test]
    fn relations_of_pg_catalog_begin_alike() {
        let names = statics().shapes.keys().filter(|(schema, _)| *schema == "pg_catalog");
        let other: Vec<&String> =
            names.map(|(_, name)| name).filter(|name| !is_system("pg_catalog", name)).collect();
        assert_eq!(other, [] as [&String; 0]);
    }

    #[test]
    fn takes_the_catalogue_and_never_data() {
        let check = |sql: &str, expected: bool| {
            let parsed = Parser::parse_sql(&PostgreSqlDialect {}, sql).expect("SQL");
            assert_eq!(query_of(&parsed[0]).is_some(), expected, "{sql}");
        };
        check("SELECT * FROM pg_class", true);
        check("SELECT * FROM pg_catalog.pg_class c, information_schema.tables t", true);
        check("WITH c AS (SELECT 1 FROM pg_type) SELECT * FROM c", true);
        check("SELECT version()", true);
        check("SELECT current_schema(), current_user", true);
        check("SELECT 'public.obs'::regclass::oid", true);
        check("SELECT * FROM unnest(current_schemas(true))", true);
        check("SELECT 1", false);
        check("SELECT now(), upper('a')", false);
        check("SELECT * FROM generate_series(1, 3)", false);
        check("SELECT * FROM public.obs", false);
        check("SELECT * FROM obs", false);
        check("SELECT version() FROM obs", false);
        check("SELECT (SELECT count(*) FROM pg_class) FROM ecb.exr", false);
        check("SELECT * FROM pg_class JOIN ecb.exr ON true", false);
        check("SELECT * FROM pg_catalog.obs", false);
        check("SELECT * FROM obs WHERE x IN (SELECT relname FROM pg_class)", false);
        check("WITH pg_class AS (SELECT 1) SELECT * FROM pg_class", false);
    }
}
