//! What PostgreSQL calls the columns of an answer, taken from the statement as it was written.
//!
//! DataFusion calls a column by its whole expression and refuses two of one name. So expressions
//! without a name get PostgreSQL's as an alias, made unique where it is there already, and the
//! answer shows the name without what was added.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    self, DataType, Expr, Ident, SelectItem, SetExpr, VisitMut, VisitorMut,
};

/// What a column without a name is called.
const NONE: &str = "?column?";

/// The columns of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::pg) struct Names {
    before: Vec<Column>,
    /// Absent if there is no `*`.
    after: Option<Vec<Column>>,
}

/// The name of a column, and its type where PostgreSQL's is none of DataFusion's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Column {
    name: String,
    data_type: Option<String>,
}

impl Names {
    /// The columns of a query. Absent where they do not follow from its text.
    pub(in crate::pg) fn of(query: &ast::Query) -> Option<Self> {
        let mut names = Self::default();
        for item in &select(&query.body)?.projection {
            let column = match item {
                SelectItem::UnnamedExpr(expr) => Column {
                    name: figure(expr).unwrap_or_else(|| NONE.to_owned()),
                    data_type: declared(expr),
                },
                SelectItem::ExprWithAlias { expr, alias } => {
                    Column { name: plain(alias), data_type: declared(expr) }
                }
                SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => {
                    if names.after.is_some() {
                        return None;
                    }
                    names.after = Some(Vec::new());
                    continue;
                }
                SelectItem::ExprWithAliases { .. } => return None,
            };
            names.after.as_mut().unwrap_or(&mut names.before).push(column);
        }
        Some(names)
    }

    /// The name of each column; what `*` stands for is called as in `found`.
    pub(in crate::pg) fn fill(&self, found: Vec<String>) -> Vec<String> {
        let Some(columns) = self.spread(found.len()) else { return found };
        let named = found.into_iter().zip(columns);
        named.map(|(found, column)| column.map_or(found, |column| column.name.clone())).collect()
    }

    /// The types that the text gives to so many columns, as [`crate::pg::types::parse_type`] reads
    /// them; absent for those that have their own.
    pub(in crate::pg) fn types(&self, count: usize) -> Vec<Option<String>> {
        let columns = self.spread(count).unwrap_or_default();
        columns.into_iter().map(|column| column?.data_type.clone()).collect()
    }

    /// The columns, with nothing in the places of what `*` stands for. Absent if they do not fit.
    fn spread(&self, count: usize) -> Option<Vec<Option<&Column>>> {
        let after = self.after.as_deref().unwrap_or_default();
        let stars = count.checked_sub(self.before.len() + after.len())?;
        if self.after.is_none() && stars > 0 {
            return None;
        }
        let middle = (0..stars).map(|_| None);
        Some(self.before.iter().map(Some).chain(middle).chain(after.iter().map(Some)).collect())
    }
}

/// The type of an expression where the text says more of it than its values: a cast to one of the
/// types of text, and a number that is calculated, which is of any precision.
fn declared(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Nested(inner) => declared(inner),
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => None,
        Expr::Cast { data_type, .. } => match data_type {
            DataType::Varchar(_)
            | DataType::CharacterVarying(_)
            | DataType::CharVarying(_)
            | DataType::Char(_)
            | DataType::Character(_) => Some(data_type.to_string().to_lowercase()),
            DataType::Custom(name, arguments) if arguments.is_empty() => {
                Some(name.to_string().to_lowercase())
            }
            DataType::Numeric(info) | DataType::Decimal(info)
                if *info != ast::ExactNumberInfo::None =>
            {
                None
            }
            _ => Some("numeric".to_owned()),
        },
        _ => Some("numeric".to_owned()),
    }
}

/// The SELECT that names the columns of a body.
fn select(body: &SetExpr) -> Option<&ast::Select> {
    match body {
        SetExpr::Select(select) => Some(select),
        SetExpr::Query(query) => select_of(query),
        SetExpr::SetOperation { left, .. } => select(left),
        _ => None,
    }
}

fn select_of(query: &ast::Query) -> Option<&ast::Select> {
    select(&query.body)
}

/// Gives every expression without a name the one that it has in PostgreSQL.
pub(in crate::pg) fn alias(statement: &mut ast::Statement) {
    let _all: ControlFlow<()> = VisitMut::visit(statement, &mut Aliases);
}

/// Takes `pg_catalog` away from the names of functions: it is where all of them are.
pub(in crate::pg) fn unqualify(statement: &mut ast::Statement) {
    let _all: ControlFlow<()> = ast::visit_expressions_mut(statement, |expr| {
        if let Expr::Function(function) = expr
            && let [schema, _] = function.name.0.as_slice()
            && schema.as_ident().is_some_and(|name| plain(name) == "pg_catalog")
        {
            function.name.0.remove(0);
        }
        ControlFlow::Continue(())
    });
}

struct Aliases;

impl VisitorMut for Aliases {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut ast::Select) -> ControlFlow<()> {
        let is_star = |item: &SelectItem| {
            matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..))
        };
        let has_star = select.projection.iter().any(is_star);
        let mut taken: HashSet<String> = HashSet::new();
        for item in &mut select.projection {
            match item {
                SelectItem::ExprWithAlias { alias, .. } => {
                    let name = plain(alias);
                    if !taken.insert(name.clone()) {
                        *alias = quoted(unique(&name, &mut taken));
                    }
                }
                SelectItem::UnnamedExpr(expr) => {
                    let is_column = is_column(expr);
                    let name = figure(expr).unwrap_or_else(|| NONE.to_owned());
                    let is_new = taken.insert(name.clone());
                    if is_column && is_new && !has_star {
                        continue;
                    }
                    let name = if is_new && !(is_column && has_star) {
                        name
                    } else {
                        unique(&name, &mut taken)
                    };
                    *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias: quoted(name) };
                }
                _ => {}
            }
        }
        ControlFlow::Continue(())
    }
}

/// A name that is not taken: what is added cannot be typed by mistake.
fn unique(name: &str, taken: &mut HashSet<String>) -> String {
    let names = (2_usize..).map(|number| format!("{name}\u{1}{number}"));
    let found = names.into_iter().find(|name| taken.insert(name.clone()));
    found.unwrap_or_else(|| name.to_owned())
}

/// The name without what [`alias`] added to it.
pub(in crate::pg) fn shown(name: &str) -> &str {
    name.split('\u{1}').next().unwrap_or(name)
}

fn quoted(name: String) -> Ident {
    Ident::with_quote('"', name)
}

fn plain(name: &Ident) -> String {
    match name.quote_style {
        Some(_) => name.value.clone(),
        None => name.value.to_lowercase(),
    }
}

/// Whether DataFusion has PostgreSQL's name for it already: a column, or one behind a cast.
fn is_column(expr: &Expr) -> bool {
    match expr {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => true,
        Expr::Nested(inner) => is_column(inner),
        _ => false,
    }
}

/// The name of an expression; absent if it has none.
fn figure(expr: &Expr) -> Option<String> {
    named(expr).map(|(name, _)| name)
}

/// A name, and whether it is better than a type's.
fn named(expr: &Expr) -> Option<(String, bool)> {
    let strong = |name: &str| Some((name.to_owned(), true));
    match expr {
        Expr::Identifier(name) => Some((plain(name), true)),
        Expr::CompoundIdentifier(names) => names.last().map(|name| (plain(name), true)),
        Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => named(inner),
        Expr::CompoundFieldAccess { root, access_chain } => {
            let field = access_chain.iter().rev().find_map(|access| match access {
                ast::AccessExpr::Dot(Expr::Identifier(name)) => Some((plain(name), true)),
                _ => None,
            });
            field.or_else(|| named(root))
        }
        Expr::Cast { expr, data_type, .. } => match named(expr) {
            Some((name, true)) => Some((name, true)),
            _ => Some((type_name(data_type), false)),
        },
        Expr::TypedString(typed) => Some((type_name(&typed.data_type), false)),
        Expr::Interval(_) => strong("interval"),
        Expr::Function(function) => {
            let last = function.name.0.last().and_then(|part| part.as_ident());
            last.map(|name| (plain(name), true))
        }
        Expr::Case { else_result, .. } => {
            let default = else_result.as_deref().and_then(named);
            Some(default.filter(|(_, strong)| *strong).unwrap_or(("case".to_owned(), false)))
        }
        Expr::Exists { negated: false, .. } => strong("exists"),
        Expr::Subquery(query) => {
            let first = select_of(query)?.projection.first()?;
            match first {
                SelectItem::ExprWithAlias { alias, .. } => Some((plain(alias), true)),
                SelectItem::UnnamedExpr(expr) => named(expr),
                _ => None,
            }
        }
        Expr::Array(_) => strong("array"),
        Expr::Tuple(_) => strong("row"),
        Expr::AtTimeZone { .. } => strong("timezone"),
        Expr::Extract { .. } => strong("extract"),
        Expr::Position { .. } => strong("position"),
        Expr::Substring { .. } => strong("substring"),
        Expr::Overlay { .. } => strong("overlay"),
        Expr::Ceil { .. } => strong("ceil"),
        Expr::Floor { .. } => strong("floor"),
        Expr::Trim { trim_where, .. } => strong(match trim_where {
            Some(ast::TrimWhereField::Leading) => "ltrim",
            Some(ast::TrimWhereField::Trailing) => "rtrim",
            _ => "btrim",
        }),
        _ => None,
    }
}

/// What PostgreSQL calls a type inside.
fn type_name(data_type: &DataType) -> String {
    let name = match data_type {
        DataType::SmallInt(_) | DataType::Int2(_) => "int2",
        DataType::Int(_) | DataType::Integer(_) | DataType::Int4(_) => "int4",
        DataType::BigInt(_) | DataType::Int8(_) => "int8",
        DataType::Real | DataType::Float4 => "float4",
        DataType::Double(_) | DataType::DoublePrecision | DataType::Float8 | DataType::Float(_) => {
            "float8"
        }
        DataType::Numeric(_) | DataType::Decimal(_) | DataType::Dec(_) => "numeric",
        DataType::Varchar(_) | DataType::CharacterVarying(_) | DataType::CharVarying(_) => {
            "varchar"
        }
        DataType::Char(_) | DataType::Character(_) => "bpchar",
        DataType::Text => "text",
        DataType::Boolean | DataType::Bool => "bool",
        DataType::Date => "date",
        DataType::Time(_, ast::TimezoneInfo::WithTimeZone | ast::TimezoneInfo::Tz) => "timetz",
        DataType::Time(..) => "time",
        DataType::Timestamp(_, ast::TimezoneInfo::WithTimeZone | ast::TimezoneInfo::Tz) => {
            "timestamptz"
        }
        DataType::Timestamp(..) => "timestamp",
        DataType::Interval { .. } => "interval",
        DataType::Bytea => "bytea",
        DataType::Uuid => "uuid",
        DataType::JSON => "json",
        DataType::JSONB => "jsonb",
        DataType::Array(
            ast::ArrayElemTypeDef::SquareBracket(inner, _)
            | ast::ArrayElemTypeDef::AngleBracket(inner)
            | ast::ArrayElemTypeDef::Parenthesis(inner),
        ) => return type_name(inner),
        DataType::Custom(name, _) => {
            let last = name.0.last().and_then(|part| part.as_ident());
            return last.map_or_else(|| NONE.to_owned(), plain);
        }
        other => return other.to_string().to_lowercase(),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pg::sql::text;

    fn parse(sql: &str) -> ast::Statement {
        let part = text::split(sql).expect("tokens").remove(0);
        text::statement(sql, part.tokens).expect("a statement")
    }

    #[test]
    fn names_are_those_of_postgresql() {
        let check = |list: &str, expected: &str| {
            let ast::Statement::Query(query) = parse(&format!("SELECT {list} FROM t")) else {
                panic!("no query");
            };
            let names = Names::of(&query).expect("names");
            let names: Vec<String> = names.before.into_iter().map(|column| column.name).collect();
            assert_eq!(names.join(","), expected, "{list}");
        };
        check("1, 'a', a + 1, NOT a, -a", "?column?,?column?,?column?,?column?,?column?");
        check("a, t.b, \"C\", D", "a,b,C,d");
        check("count(*), max(a), Coalesce(a, 0)", "count,max,coalesce");
        check("CAST(1 AS smallint), a::text, '1'::float8, (1)::bigint", "int2,a,float8,int8");
        check("CASE WHEN a THEN 1 END, CASE WHEN a THEN 1 ELSE b END", "case,b");
        check("EXISTS (SELECT 1), (SELECT max(x) FROM u), ARRAY[1]", "exists,max,array");
        check("DATE '2020-01-01', INTERVAL '1 day', TRIM(a), a AS x", "date,interval,btrim,x");
        check("extract(year FROM a), now() AT TIME ZONE 'UTC'", "extract,timezone");
    }

    #[test]
    fn duplicates_are_told_apart_inside_only() {
        let mut statement = parse("SELECT 1, 2, a, a, count(*) AS n FROM t");
        alias(&mut statement);
        let text = statement.to_string().replace('\u{1}', "#");
        assert_eq!(
            text,
            "SELECT 1 AS \"?column?\", 2 AS \"?column?#2\", a, a AS \"a#2\", count(*) AS n FROM t"
        );
        assert_eq!(shown("a\u{1}2"), "a");
        let mut statement = parse("SELECT a, * FROM t");
        alias(&mut statement);
        let text = statement.to_string().replace('\u{1}', "#");
        assert_eq!(text, "SELECT a AS \"a#2\", * FROM t");
    }
}
