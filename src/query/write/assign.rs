//! `SET column = value, ...`: how an observation becomes another.

use datafusion::sql::sqlparser::ast::{Assignment, AssignmentTarget, Expr, Ident, ObjectName};

use crate::error::{Error, Result};
use crate::model::{Action, ComponentRole};
use crate::query::write::command::folded;
use crate::query::write::constants::{Constant, constant};
use crate::query::write::layout::Layout;
use crate::query::write::syntax;
use crate::query::write::target::{Place, Target};

/// The name under which `ON CONFLICT` refers to the row that was not inserted.
pub(in crate::query) const EXCLUDED: &str = "excluded";

/// What an update writes of each row that it reads.
#[derive(Clone, Debug)]
pub(in crate::query) struct Change {
    pub(super) layout: Layout,
    pub(super) action: Action,
    /// Attributes of keys that may become NULL: component, and the column of the value.
    pub(super) cleared: Vec<(usize, usize)>,
    /// How many columns are read, with those before the first.
    pub(super) width: usize,
}

/// Values that are set, each with its place.
pub(super) type Assigned = Vec<(Place, Expr)>;

/// The assignments of a statement, checked.
///
/// # Errors
///
/// [`Error::NotFound`] for an unknown column; [`Error::Invalid`] for one that cannot be written or
/// is set twice; [`Error::Unsupported`] for a part of the key.
pub(super) fn assigned(target: &Target, assignments: &[Assignment]) -> Result<Assigned> {
    let mut all: Assigned = Vec::new();
    for Assignment { target: to, value } in assignments {
        match to {
            AssignmentTarget::ColumnName(name) => assign(target, &mut all, name, value)?,
            AssignmentTarget::Tuple(names) => {
                let Expr::Tuple(values) = value else {
                    let what = "setting several columns to anything but a list".to_owned();
                    return Err(Error::Unsupported { what });
                };
                if names.len() != values.len() {
                    let reason = "the number of columns is not that of the values";
                    return Err(Error::invalid("SET", reason));
                }
                for (name, value) in names.iter().zip(values) {
                    assign(target, &mut all, name, value)?;
                }
            }
        }
    }
    Ok(all)
}

fn assign(target: &Target, all: &mut Assigned, name: &ObjectName, value: &Expr) -> Result<()> {
    let column = name.0.last().and_then(|part| part.as_ident());
    let column = column.ok_or_else(|| Error::invalid(name.to_string(), "is no column"))?;
    let (_, place) = target.find(column)?;
    if let Place::Key(_) = place {
        let what = format!(
            "setting column {}, which identifies the row (DELETE it and INSERT another)",
            folded(column)
        );
        return Err(Error::Unsupported { what });
    }
    if all.iter().any(|(known, _)| *known == place) {
        let reason = "is set more than once";
        return Err(Error::invalid(format!("column {}", folded(column)), reason));
    }
    all.push((place, written(target, place, value)));
    Ok(())
}

/// An expression that is written to a place, so that constants and values that are stored keep
/// their digits: a number becomes the text that it was written with, and a measure its text.
pub(super) fn written(target: &Target, place: Place, value: &Expr) -> Expr {
    match constant(value) {
        Some(Constant::Null) => return syntax::null(),
        Some(Constant::Text(text)) => return syntax::text(&text),
        _ => {}
    }
    if let Place::Number(_) = place
        && let Some(exact) = text_of_measure(target, value)
    {
        return exact;
    }
    value.clone()
}

/// The column with the text of a measure, for a reference to its number.
fn text_of_measure(target: &Target, value: &Expr) -> Option<Expr> {
    let (table, name) = match value {
        Expr::Identifier(name) => (target.alias().clone(), name),
        Expr::CompoundIdentifier(parts) => match parts.as_slice() {
            [table, name] => (table.clone(), name),
            _ => return None,
        },
        _ => return None,
    };
    let is_known = [folded(target.alias()).as_str(), EXCLUDED].contains(&folded(&table).as_str());
    let (_, Place::Number(component)) = target.find(name).ok().filter(|_| is_known)? else {
        return None;
    };
    let text = target.places().position(|place| place == Place::Text(component))?;
    Some(syntax::column(&table, target.fields().nth(text)?.name()))
}

/// The columns to be read for an update, from number `first` on, and what to make of them: the
/// key, the whole observation as it shall be, and the attributes of keys that are set.
pub(super) fn change(target: &Target, assigned: &Assigned, first: usize) -> (Vec<Expr>, Change) {
    let mut columns: Vec<(Expr, Place)> = Vec::new();
    for component in 0..target.flow().measures_from() {
        columns.push((target.text_column(component), Place::Key(component)));
    }
    let is_observed = assigned.iter().any(|(place, _)| place.is_observed());
    for place in target.places().filter(|place| is_observed && place.is_observed()) {
        // A measure has two columns; it is read by its text.
        if let Place::Number(_) = place {
            continue;
        }
        let component = place.component();
        let values = assigned.iter().filter(|(to, _)| to.component() == component);
        let before = columns.len();
        columns.extend(values.map(|(to, value)| (value.clone(), *to)));
        if columns.len() == before
            && let Some(component) = component
        {
            columns.push((target.text_column(component), place));
        }
    }
    let mut cleared = Vec::new();
    for (place, value) in assigned {
        if let Place::KeyAttribute(component) = place {
            cleared.push((*component, first + columns.len()));
            columns.push((value.clone(), *place));
        }
    }
    let action = if is_observed { Action::Replace } else { Action::Merge };
    let layout = Layout::new((first..).zip(columns.iter().map(|(_, place)| *place)));
    let width = first + columns.len();
    let columns = columns.into_iter().map(|(expr, _)| expr).collect();
    (columns, Change { layout, action, cleared, width })
}

/// The dimensions that an attribute of a key qualifies.
pub(super) fn dimensions_of(target: &Target, attribute: usize) -> &[usize] {
    match &target.flow().components()[attribute].role {
        ComponentRole::KeyAttribute(dimensions) => dimensions,
        _ => &[],
    }
}

/// The name that a table is called by in a statement.
pub(super) fn excluded() -> Ident {
    syntax::ident(EXCLUDED)
}
