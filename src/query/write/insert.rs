//! `INSERT`: rows whose keys are not there yet, and `ON CONFLICT` for those that are.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::sql::sqlparser::ast::{
    ConflictTarget, DoUpdate, Ident, Insert, ObjectName, OnConflict, OnConflictAction, OnInsert,
    Query, SetExpr, TableObject,
};

use crate::error::{Error, Result};
use crate::query::catalogue::Catalogue;
use crate::query::write::assign::{self, Change, EXCLUDED};
use crate::query::write::constants::{Constant, Constants};
use crate::query::write::layout::{Layout, missing};
use crate::query::write::outcome::WriteTag;
use crate::query::write::plan::{self, Kind, WritePlan, unsupported};
use crate::query::write::syntax;
use crate::query::write::target::{Place, Target};

/// The rows of an `INSERT`.
#[derive(Clone, Debug)]
pub(in crate::query) struct Insertion {
    pub(super) layout: Layout,
    /// The columns that were named, or all of the table.
    pub(super) width: usize,
    /// Whether columns were named: then the source must have as many.
    pub(super) has_columns: bool,
    /// Rows that stand in the statement; what is read are the cells that must be calculated.
    pub(super) constants: Option<Constants>,
    /// Whether rows that are there already are left out and not refused.
    pub(super) skips: bool,
    /// What happens to rows that are there already: an update from the table `excluded`.
    pub(super) update: Option<(Query, Change)>,
}

impl Insertion {
    /// Which column goes where.
    pub(in crate::query) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Rows that stand in the statement.
    pub(in crate::query) fn constants(&self) -> Option<&Constants> {
        self.constants.as_ref()
    }
}

impl WritePlan {
    pub(super) fn insert(insert: &Insert, catalogue: &Arc<Catalogue>) -> Result<Self> {
        check_plain(insert)?;
        let TableObject::TableName(name) = &insert.table else {
            return Err(unsupported("INSERT into anything but a table"));
        };
        let alias = insert.table_alias.as_ref().map(|alias| &alias.alias);
        let target = Target::resolve(catalogue, name, alias)?;
        let columns = last_idents(&insert.columns)?;
        let places = places(&target, &columns)?;
        let (constants, query) = match &insert.source {
            // DEFAULT VALUES
            None => (Some(Constants::default()), None),
            Some(source) => of_source(source, places.len())?,
        };
        let width = constants.as_ref().map_or(places.len(), Constants::width);
        if !columns.is_empty() && width < places.len() {
            let reason = "has more target columns than expressions";
            return Err(Error::invalid("INSERT", reason));
        }
        let places: Vec<Place> = places.into_iter().take(width).collect();
        let layout = layout(&target, &places)?;
        let (skips, update) = match &insert.on {
            None => (false, None),
            Some(OnInsert::OnConflict(conflict)) => on_conflict(&target, conflict)?,
            Some(_) => return Err(unsupported("ON DUPLICATE KEY (write ON CONFLICT)")),
        };
        let returning = plan::returning(insert.returning.as_deref(), &target)?;
        if !plan::extras(returning.as_ref()).is_empty() {
            let reason = "may name columns of the table only";
            return Err(Error::invalid("RETURNING", reason));
        }
        let parameters = parameters(&target, &places, constants.as_ref());
        let has_columns = !columns.is_empty();
        let insertion = Insertion { layout, width, has_columns, constants, skips, update };
        let (tag, kind) = (WriteTag::Insert, Kind::Insert(Box::new(insertion)));
        Ok(Self { tag, target, kind, query, returning, parameters })
    }
}

fn check_plain(insert: &Insert) -> Result<()> {
    let clauses = [
        (insert.or.is_some() || insert.replace_into, "INSERT OR (write ON CONFLICT)"),
        (insert.ignore || insert.overwrite, "INSERT IGNORE or OVERWRITE"),
        (insert.partitioned.is_some() || !insert.after_columns.is_empty(), "PARTITION"),
        (!insert.assignments.is_empty(), "INSERT ... SET"),
        (insert.insert_alias.is_some() || insert.priority.is_some(), "this form of INSERT"),
        (insert.settings.is_some() || insert.format_clause.is_some(), "SETTINGS or FORMAT"),
        (insert.output.is_some(), "OUTPUT (write RETURNING)"),
        (insert.multi_table_insert_type.is_some(), "INSERT into several tables"),
    ];
    match clauses.iter().find(|(is_there, _)| *is_there) {
        Some((_, clause)) => Err(unsupported(clause)),
        None => Ok(()),
    }
}

/// The columns that names name.
///
/// # Errors
///
/// [`Error::Invalid`] for a name that is none.
pub(super) fn last_idents(names: &[ObjectName]) -> Result<Vec<Ident>> {
    let last = |name: &ObjectName| {
        let ident = name.0.last().and_then(|part| part.as_ident()).cloned();
        ident.ok_or_else(|| Error::invalid(name.to_string(), "is no column"))
    };
    names.iter().map(last).collect()
}

/// What writing to these columns means; without any, to all of the table in their order, of which
/// those that follow from others take whatever comes.
///
/// # Errors
///
/// [`Error::NotFound`] for an unknown column; [`Error::Invalid`] for one that cannot be written or
/// is named twice.
pub(super) fn places(target: &Target, columns: &[Ident]) -> Result<Vec<Place>> {
    if columns.is_empty() {
        return Ok(target.places().collect());
    }
    let mut places = Vec::with_capacity(columns.len());
    for column in columns {
        let (_, place) = target.find(column)?;
        if places.contains(&place) {
            let reason = "is named more than once";
            return Err(Error::invalid(format!("column {}", column.value), reason));
        }
        places.push(place);
    }
    Ok(places)
}

/// The layout of rows that are inserted.
///
/// # Errors
///
/// [`Error::Invalid`] without a column for each part of the key.
pub(super) fn layout(target: &Target, places: &[Place]) -> Result<Layout> {
    for component in 0..target.flow().measures_from() {
        if !places.contains(&Place::Key(component)) {
            return Err(missing(target, component, None));
        }
    }
    Ok(Layout::new(places.iter().copied().enumerate()))
}

/// The rows that stand in a statement, or what must be read for them.
fn of_source(source: &Query, width: usize) -> Result<(Option<Constants>, Option<Query>)> {
    let is_plain = source.order_by.is_none() && source.limit_clause.is_none();
    let SetExpr::Values(values) = source.body.as_ref() else {
        return Ok((None, Some(source.clone())));
    };
    if !is_plain || source.fetch.is_some() {
        return Ok((None, Some(source.clone())));
    }
    let constants = Constants::new(values, width)?;
    if constants.calculated.is_empty() {
        return Ok((Some(constants), None));
    }
    let mut query = syntax::select(constants.calculated.clone(), Vec::new(), None)?;
    query.with.clone_from(&source.with);
    Ok((Some(constants), Some(query)))
}

/// Whether rows that are there are left out, and how they are updated.
fn on_conflict(target: &Target, conflict: &OnConflict) -> Result<(bool, Option<(Query, Change)>)> {
    check_conflict_target(target, conflict.conflict_target.as_ref())?;
    let DoUpdate { assignments, selection } = match &conflict.action {
        OnConflictAction::DoNothing => return Ok((true, None)),
        OnConflictAction::DoUpdate(update) => update,
    };
    if conflict.conflict_target.is_none() {
        let reason = "DO UPDATE needs the columns of the key";
        return Err(Error::invalid("ON CONFLICT", reason));
    }
    let assigned = assign::assigned(target, assignments)?;
    let (columns, change) = assign::change(target, &assigned, 0);
    let excluded = assign::excluded();
    let keys = target.key().into_iter().map(|column| {
        let name = target.fields().nth(column).map_or("", |field| field.name());
        syntax::equal(target.column(column), syntax::column(&excluded, name))
    });
    let condition = syntax::all(keys.chain(selection.clone()));
    let from = vec![target.from(), syntax::table(&[EXCLUDED], None)];
    Ok((false, Some((syntax::select(columns, from, condition)?, change))))
}

fn check_conflict_target(target: &Target, named: Option<&ConflictTarget>) -> Result<()> {
    let is_key = match named {
        None => true,
        Some(ConflictTarget::OnConstraint(name)) => {
            let table = &target.source().cube().entry().names.table;
            name.0.last().is_some_and(|part| part.to_string() == format!("{table}_pkey"))
        }
        Some(ConflictTarget::Columns(columns)) => {
            let mut found = columns.iter().map(|column| target.find(column).map(|(at, _)| at));
            let mut found = found.by_ref().collect::<Result<Vec<usize>>>()?;
            found.sort_unstable();
            found == target.key()
        }
    };
    if is_key {
        return Ok(());
    }
    let key = target.key().into_iter().filter_map(|at| target.fields().nth(at));
    let key: Vec<&str> = key.map(|field| field.name().as_str()).collect();
    let reason = format!("names no unique columns; those of the table are {}", key.join(", "));
    Err(Error::invalid("ON CONFLICT", reason))
}

/// The types of parameters that stand alone in a cell.
fn parameters(
    target: &Target,
    places: &[Place],
    constants: Option<&Constants>,
) -> Vec<(usize, DataType)> {
    let rows = constants.iter().flat_map(|constants| &constants.rows);
    let cells = rows.flat_map(|row| row.iter().zip(places));
    let found = cells.filter_map(|(cell, place)| match cell {
        Constant::Parameter(number) => Some((*number, target.type_of(*place))),
        _ => None,
    });
    found.collect()
}
