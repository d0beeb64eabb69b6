//! The types of `$1`, `$2` and so on, as far as the text says them.

use std::ops::ControlFlow;

use arrow::datatypes::DataType as ArrowType;
use datafusion::sql::sqlparser::ast::{
    self, ArrayElemTypeDef, CastKind, DataType, ExactNumberInfo, Expr, LimitClause, TimezoneInfo,
    Value, Visit, VisitMut, Visitor, VisitorMut,
};

use crate::limits::PG_BIND_PARAMETERS_MAX;
use crate::pg::errors::Fault;

/// One type for each parameter, in order; absent where it is not known.
pub(in crate::pg) type Types = Vec<Option<DataType>>;

/// What the text says of each parameter: the type that it is cast to, and whole numbers for LIMIT
/// and OFFSET.
pub(in crate::pg) fn said(statement: &ast::Statement) -> Result<Types, Fault> {
    let mut found = Said { types: Vec::new() };
    match Visit::visit(statement, &mut found) {
        ControlFlow::Continue(()) => Ok(found.types),
        ControlFlow::Break(fault) => Err(fault),
    }
}

/// Casts each parameter to its type, where that is known.
pub(in crate::pg) fn cast(statement: &mut ast::Statement, types: &Types) {
    let _all: ControlFlow<()> = VisitMut::visit(statement, &mut Cast { types });
}

/// How often each parameter is used.
pub(in crate::pg) fn uses(statement: &ast::Statement) -> Vec<usize> {
    let mut uses = Vec::new();
    let _all: ControlFlow<()> = ast::visit_expressions(statement, |expr| {
        let place = match expr {
            // What is between brackets is seen by itself.
            Expr::Nested(_) => None,
            expr => number(expr).and_then(|number| number.checked_sub(1)),
        };
        if let Some(place) = place.filter(|place| *place < PG_BIND_PARAMETERS_MAX) {
            uses.resize(uses.len().max(place + 1), 0);
            if let Some(count) = uses.get_mut(place) {
                *count += 1;
            }
        }
        ControlFlow::Continue(())
    });
    uses
}

struct Said {
    types: Types,
}

impl Said {
    fn see(&mut self, expr: &Expr, data_type: Option<&DataType>) -> ControlFlow<Fault> {
        let Some(number) = number(expr) else { return ControlFlow::Continue(()) };
        let place = number.checked_sub(1).filter(|place| *place < PG_BIND_PARAMETERS_MAX);
        let Some(place) = place else {
            let text = format!("there is no parameter ${number}");
            return ControlFlow::Break(Fault::new("42P02", text));
        };
        if place >= self.types.len() {
            self.types.resize(place + 1, None);
        }
        if let Some(slot) = self.types.get_mut(place)
            && slot.is_none()
        {
            *slot = data_type.cloned();
        }
        ControlFlow::Continue(())
    }
}

impl Visitor for Said {
    type Break = Fault;

    fn pre_visit_query(&mut self, query: &ast::Query) -> ControlFlow<Self::Break> {
        let whole = DataType::BigInt(None);
        if let Some(LimitClause::LimitOffset { limit, offset, .. }) = &query.limit_clause {
            if let Some(limit) = limit {
                self.see(limit, Some(&whole))?;
            }
            if let Some(offset) = offset {
                self.see(&offset.value, Some(&whole))?;
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Self::Break> {
        match expr {
            Expr::Cast { expr: inner, data_type, .. } => self.see(inner, Some(data_type)),
            _ => self.see(expr, None),
        }
    }
}

struct Cast<'a> {
    types: &'a Types,
}

impl VisitorMut for Cast<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let data_type =
            number(expr).and_then(|number| self.types.get(number.checked_sub(1)?)?.clone());
        if let Some(data_type) = data_type {
            *expr = Expr::Cast {
                kind: CastKind::Cast,
                expr: Box::new(expr.clone()),
                data_type,
                array: false,
                format: None,
            };
        }
        ControlFlow::Continue(())
    }
}

/// The number of a parameter; absent for any other expression.
fn number(expr: &Expr) -> Option<usize> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Placeholder(text) => text.strip_prefix('$')?.parse().ok(),
            _ => None,
        },
        Expr::Nested(inner) => number(inner),
        _ => None,
    }
}

/// The type of this number, as SQL writes it. Absent for one that says nothing (`unknown`).
pub(in crate::pg) fn of_oid(oid: u32) -> Option<DataType> {
    let array = |inner| DataType::Array(ArrayElemTypeDef::SquareBracket(Box::new(inner), None));
    Some(match oid {
        16 => DataType::Boolean,
        17 => DataType::Bytea,
        20 | 26 | 24 | 2205 | 2206 | 4089 => DataType::BigInt(None),
        21 => DataType::SmallInt(None),
        23 => DataType::Integer(None),
        18 | 19 | 25 | 114 | 1042 | 1043 | 2950 | 3802 => DataType::Text,
        700 => DataType::Real,
        701 => DataType::DoublePrecision,
        1082 => DataType::Date,
        1083 => DataType::Time(None, TimezoneInfo::None),
        1114 => DataType::Timestamp(None, TimezoneInfo::None),
        1184 => DataType::Timestamp(None, TimezoneInfo::Tz),
        1186 => DataType::Interval { fields: None, precision: None },
        1700 => DataType::Numeric(ExactNumberInfo::None),
        1000 => array(DataType::Boolean),
        1005 => array(DataType::SmallInt(None)),
        1007 => array(DataType::Integer(None)),
        1016 | 1028 => array(DataType::BigInt(None)),
        1002 | 1003 | 1009 | 1014 | 1015 => array(DataType::Text),
        1021 => array(DataType::Real),
        1022 => array(DataType::DoublePrecision),
        1231 => array(DataType::Numeric(ExactNumberInfo::None)),
        1182 => array(DataType::Date),
        1115 => array(DataType::Timestamp(None, TimezoneInfo::None)),
        1185 => array(DataType::Timestamp(None, TimezoneInfo::Tz)),
        _ => return None,
    })
}

/// The type of a column, as SQL writes it. Absent where SQL has none.
pub(in crate::pg) fn of_arrow(data_type: &ArrowType) -> Option<DataType> {
    Some(match data_type {
        ArrowType::Boolean => DataType::Boolean,
        ArrowType::Int8 | ArrowType::Int16 | ArrowType::UInt8 => DataType::SmallInt(None),
        ArrowType::Int32 | ArrowType::UInt16 => DataType::Integer(None),
        ArrowType::Int64 | ArrowType::UInt32 | ArrowType::UInt64 => DataType::BigInt(None),
        ArrowType::Float16 | ArrowType::Float32 => DataType::Real,
        ArrowType::Float64 => DataType::DoublePrecision,
        ArrowType::Utf8 | ArrowType::LargeUtf8 | ArrowType::Utf8View => DataType::Text,
        ArrowType::Binary | ArrowType::LargeBinary | ArrowType::BinaryView => DataType::Bytea,
        ArrowType::Date32 | ArrowType::Date64 => DataType::Date,
        ArrowType::Time32(_) | ArrowType::Time64(_) => DataType::Time(None, TimezoneInfo::None),
        ArrowType::Timestamp(_, None) => DataType::Timestamp(None, TimezoneInfo::None),
        ArrowType::Timestamp(_, Some(_)) => DataType::Timestamp(None, TimezoneInfo::Tz),
        ArrowType::Interval(_) => DataType::Interval { fields: None, precision: None },
        ArrowType::Decimal128(precision, scale) => DataType::Numeric(
            ExactNumberInfo::PrecisionAndScale(u64::from(*precision), i64::from(*scale)),
        ),
        ArrowType::List(inner) | ArrowType::LargeList(inner) => {
            let inner = Box::new(of_arrow(inner.data_type())?);
            DataType::Array(ArrayElemTypeDef::SquareBracket(inner, None))
        }
        ArrowType::Dictionary(_, inner) => of_arrow(inner)?,
        _ => return None,
    })
}

/// The number of a type as SQL writes it. Absent for one that parameters cannot have.
pub(in crate::pg) fn to_oid(data_type: &DataType) -> Option<u32> {
    Some(match data_type {
        DataType::Boolean | DataType::Bool => 16,
        DataType::Bytea => 17,
        DataType::BigInt(_) | DataType::Int8(_) => 20,
        DataType::SmallInt(_) | DataType::Int2(_) => 21,
        DataType::Int(_) | DataType::Integer(_) | DataType::Int4(_) => 23,
        DataType::Real | DataType::Float4 => 700,
        DataType::Double(_) | DataType::DoublePrecision | DataType::Float8 | DataType::Float(_) => {
            701
        }
        DataType::Numeric(_) | DataType::Decimal(_) | DataType::Dec(_) => 1700,
        DataType::Text => 25,
        DataType::Varchar(_) | DataType::CharacterVarying(_) | DataType::CharVarying(_) => 1043,
        DataType::Char(_) | DataType::Character(_) => 1042,
        DataType::Date => 1082,
        DataType::Time(..) => 1083,
        DataType::Timestamp(_, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz) => 1184,
        DataType::Timestamp(..) => 1114,
        DataType::Interval { .. } => 1186,
        DataType::Uuid => 2950,
        DataType::JSON => 114,
        DataType::JSONB => 3802,
        DataType::Array(ArrayElemTypeDef::SquareBracket(inner, _)) => match to_oid(inner)? {
            16 => 1000,
            20 => 1016,
            21 => 1005,
            23 => 1007,
            25 => 1009,
            700 => 1021,
            701 => 1022,
            1043 => 1015,
            1082 => 1182,
            1114 => 1115,
            1184 => 1185,
            1700 => 1231,
            _ => return None,
        },
        DataType::Custom(name, _) => match name.to_string().to_lowercase().as_str() {
            "name" | "pg_catalog.name" => 19,
            "oid" | "pg_catalog.oid" => 26,
            "regclass" | "pg_catalog.regclass" => 2205,
            "regtype" | "pg_catalog.regtype" => 2206,
            "unknown" => 705,
            _ => return None,
        },
        _ => return None,
    })
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
    fn the_text_says_some_types() {
        let types = said(&parse("SELECT $2::int, $1 FROM t WHERE a = $4 LIMIT $3")).expect("types");
        let shown: Vec<String> = types
            .iter()
            .map(|t| t.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string))
            .collect();
        assert_eq!(shown, ["-", "INT", "BIGINT", "-"]);
        assert!(said(&parse("SELECT $0")).is_err());
        assert!(said(&parse("SELECT $70000")).is_err());
    }

    #[test]
    fn casts_what_is_known() {
        let mut statement = parse("SELECT $1, $2 LIMIT $1");
        cast(&mut statement, &vec![of_oid(20), None]);
        assert_eq!(statement.to_string(), "SELECT CAST($1 AS BIGINT), $2 LIMIT CAST($1 AS BIGINT)");
    }
}
