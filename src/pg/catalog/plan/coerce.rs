//! How a value of one type becomes one of another, and what a comparison makes of two.

use crate::error::{Error, Result};
use crate::pg::catalog::literal;
use crate::pg::catalog::plan::{Comparison, Expr, Planned, Planner, Typed};
use crate::pg::catalog::run::cast;
use crate::pg::catalog::statics::statics;
use crate::pg::catalog::types::{
    BOOL, INT4, INT8, NUMERIC, OID, REGPROC, TEXT, Type, UNKNOWN, VARCHAR, is_registered,
};
use crate::pg::catalog::value::Value;

impl Planner<'_> {
    /// The expression as a value of a type. A text between quotes is read as the type would be; a
    /// parameter that nothing was known of becomes one of that type.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a text that is no value of the type.
    pub(crate) fn coerce(&mut self, typed: Typed, to: &Type) -> Result<Expr> {
        let from = &typed.ty;
        if from.is_unknown() {
            return match typed.expr {
                Expr::Constant(Value::Text(text)) => {
                    Ok(Expr::Constant(literal::parse(self.world(), to, &text)?))
                }
                Expr::Parameter(place) => {
                    self.set_parameter(place, to.oid);
                    Ok(Expr::Parameter(place))
                }
                other => Ok(other),
            };
        }
        if is_same(from, to) {
            return Ok(typed.expr);
        }
        if let Expr::Constant(value) = &typed.expr {
            if value.is_null() {
                return Ok(typed.expr);
            }
            let value = cast(self.world(), value, from, to)?;
            return Ok(Expr::Constant(value));
        }
        let from = from.clone();
        Ok(Expr::Cast { expr: Box::new(typed.expr), from, to: to.clone() })
    }

    /// A value that may be passed without a cast being asked for.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if it may not.
    pub(crate) fn coerce_to_bool(&mut self, typed: Typed) -> Result<Expr> {
        if typed.ty.oid == BOOL || typed.ty.is_unknown() {
            return self.coerce(typed, &Type::of(BOOL));
        }
        let name = self.world().format_type(typed.ty.oid, -1);
        Err(Error::invalid("argument", format!("must be type boolean, not type {name}")))
    }

    /// Both sides as values that can be compared, and the type that they then have.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if no comparison of the two exists.
    pub(crate) fn pair(&mut self, left: Typed, right: Typed) -> Result<(Expr, Expr, Type)> {
        let common = self.comparable(&left.ty, &right.ty)?;
        Ok((self.coerce(left, &common)?, self.coerce(right, &common)?, common))
    }

    /// The type that two are compared as.
    pub(crate) fn comparable(&self, left: &Type, right: &Type) -> Result<Type> {
        let types = &statics().types;
        let (left, right) = (types.base(left), types.base(right));
        if left.is_unknown() && right.is_unknown() {
            return Ok(Type::of(TEXT));
        }
        if right.is_unknown() {
            return Ok(compared_as(&left));
        }
        if left.is_unknown() {
            return Ok(compared_as(&right));
        }
        let is_whole = |oid: u32| matches!(oid, OID | 28) || is_registered(oid);
        let both = |test: &dyn Fn(u32) -> bool| test(left.oid) && test(right.oid);
        if left.oid == right.oid {
            return Ok(left);
        }
        if both(&|oid| is_whole(oid) || types.is_number(oid)) {
            let common =
                if both(&|oid| types.kind(oid) == types.kind(INT8)) { INT8 } else { NUMERIC };
            return Ok(Type::of(common));
        }
        if both(&|oid| types.is_text(oid)) {
            return Ok(Type::of(TEXT));
        }
        if types.coerces(left.oid, right.oid) {
            return Ok(right);
        }
        if types.coerces(right.oid, left.oid) {
            return Ok(left);
        }
        let name = |ty: &Type| self.world().format_type(ty.oid, -1);
        let call = format!("{} = {}", name(&left), name(&right));
        Err(Error::not_found("operator", call))
    }

    /// A comparison of two.
    pub(crate) fn compare(&mut self, by: Comparison, left: Typed, right: Typed) -> Planned {
        let (left, right, _) = self.pair(left, right)?;
        let expr = Expr::Compare(by, Box::new(left), Box::new(right));
        Ok(Typed { expr, ty: Type::of(BOOL) })
    }

    /// All as values of their common type, as the branches of a CASE.
    ///
    /// # Errors
    ///
    /// As of [`Planner::coerce`].
    pub(crate) fn unify(&mut self, all: Vec<Typed>) -> Result<(Vec<Expr>, Type)> {
        let types = &statics().types;
        let common = types.common(all.iter().map(|typed| types.base(&typed.ty).oid));
        let first = all.iter().find(|typed| typed.ty.oid == common);
        let keeps =
            |first: &&Typed| all.iter().all(|typed| typed.ty.is_unknown() || typed.ty == first.ty);
        let ty = first.filter(keeps).map_or_else(|| Type::of(common), |typed| typed.ty.clone());
        let exprs: Result<Vec<Expr>> =
            all.into_iter().map(|typed| self.coerce(typed, &ty)).collect();
        Ok((exprs?, ty))
    }

    /// Gives what is of unknown type the type text, as a column of an answer has one.
    ///
    /// # Errors
    ///
    /// As of [`Planner::coerce`].
    pub(crate) fn settled(&mut self, typed: Typed) -> Planned {
        if !typed.ty.is_unknown() {
            return Ok(typed);
        }
        let ty = Type::of(TEXT);
        Ok(Typed { expr: self.coerce(typed, &ty)?, ty })
    }
}

/// A value compared with a text between quotes makes that one of its own type.
fn compared_as(ty: &Type) -> Type {
    match ty.oid {
        UNKNOWN | VARCHAR => Type::of(TEXT),
        // A length of the other side must not cut this one.
        _ => Type { modifier: -1, ..ty.clone() },
    }
}

/// Whether values are kept alike, so that nothing is to be done.
fn is_same(from: &Type, to: &Type) -> bool {
    let types = &statics().types;
    let (from, to) = (types.base(from), types.base(to));
    if from.oid == to.oid {
        return to.modifier == -1 || from.modifier == to.modifier;
    }
    let is_number_of_object = |oid: u32| matches!(oid, OID | REGPROC) || is_registered(oid);
    let is_whole = |oid: u32| matches!(oid, INT4 | INT8) || is_number_of_object(oid);
    (is_whole(from.oid) && (to.oid == INT8 || is_number_of_object(to.oid)))
        || (from.oid == 21 && matches!(to.oid, INT4 | INT8))
        || (types.is_text(from.oid) && matches!(to.oid, TEXT | VARCHAR) && to.modifier == -1)
        || (types.kind(from.oid) == types.kind(to.oid) && types.kind(to.oid) == types.kind(NUMERIC))
}
