//! A statement that writes, understood: what is read for it, and what is written of that.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::sql::sqlparser::ast::{
    Delete, Expr, FromTable, Query, SelectItem, Statement, TableFactor, Truncate, Update,
    UpdateTableFromKind,
};

use crate::error::{Error, Result};
use crate::query::catalogue::Catalogue;
use crate::query::write::assign::{self, Change};
use crate::query::write::command::WriteStatement;
use crate::query::write::constants::{Constant, constant};
use crate::query::write::insert::Insertion;
use crate::query::write::merge::Clause;
use crate::query::write::outcome::WriteTag;
use crate::query::write::returning::Returning;
use crate::query::write::syntax;
use crate::query::write::target::Target;

/// A statement that writes.
#[derive(Clone, Debug)]
pub(in crate::query) struct WritePlan {
    pub(super) tag: WriteTag,
    pub(super) target: Target,
    pub(super) kind: Kind,
    /// What is read. Absent where nothing is.
    pub(super) query: Option<Query>,
    pub(super) returning: Option<Returning>,
    /// Parameters whose type follows from the column that they are written to.
    pub(super) parameters: Vec<(usize, DataType)>,
}

/// What becomes of the rows that are read.
#[derive(Clone, Debug)]
pub(in crate::query) enum Kind {
    Insert(Box<Insertion>),
    /// Rows of the key and new values; `may_repeat` where a row may be read more than once.
    Update {
        change: Change,
        may_repeat: bool,
    },
    /// Rows of the key.
    Delete {
        may_repeat: bool,
    },
    /// Rows of the number of a clause, the key, and the columns of the clauses.
    Merge(Vec<Clause>),
    /// All rows of these dataflows.
    Clear(Vec<Target>),
}

impl WritePlan {
    /// Understands a statement; tables are those of `catalogue`.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for a table or column; [`Error::Invalid`] and [`Error::Unsupported`]
    /// for what cannot be written.
    pub(in crate::query) fn new(
        write: &WriteStatement,
        catalogue: &Arc<Catalogue>,
    ) -> Result<Self> {
        let mut plan = match &write.statement {
            Statement::Insert(insert) => Self::insert(insert, catalogue)?,
            Statement::Update(update) => Self::of_update(update, catalogue)?,
            Statement::Delete(delete) => Self::delete(delete, catalogue)?,
            Statement::Merge(merge) => Self::merge(merge, catalogue)?,
            Statement::Truncate(truncate) => Self::truncate(truncate, catalogue)?,
            other => return Err(Error::bug(format!("{other} does not write"))),
        };
        if let Some(query) = &mut plan.query {
            syntax::with(query, write.with.as_ref());
        }
        Ok(plan)
    }

    /// What kind of statement it is.
    pub(in crate::query) fn tag(&self) -> WriteTag {
        self.tag
    }

    /// The table that it writes to.
    pub(in crate::query) fn target(&self) -> &Target {
        &self.target
    }

    /// What becomes of what is read.
    pub(in crate::query) fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The query that it reads with.
    pub(in crate::query) fn query(&self) -> Option<&Query> {
        self.query.as_ref()
    }

    /// The query that reads what rows of an insert become that are there already.
    pub(in crate::query) fn update(&self) -> Option<&(Query, Change)> {
        match &self.kind {
            Kind::Insert(insertion) => insertion.update.as_ref(),
            _ => None,
        }
    }

    /// Parameters, counted from 0, whose type follows from the column that they are written to.
    pub(in crate::query) fn parameters(&self) -> &[(usize, DataType)] {
        &self.parameters
    }

    /// Whether rows are returned.
    pub(in crate::query) fn returns(&self) -> bool {
        self.returning.is_some()
    }

    /// The query of what is returned, of rows that also pass `filter`.
    ///
    /// # Errors
    ///
    /// None that can happen.
    pub(in crate::query) fn returning(&self, filter: Option<Expr>) -> Result<Option<Query>> {
        let query = |returning: &Returning| returning.query(&self.target, filter);
        self.returning.as_ref().map(query).transpose()
    }

    /// Refuses a source of an insert that has another number of columns.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`].
    pub(in crate::query) fn check_width(&self, width: usize) -> Result<()> {
        let Kind::Insert(insertion) = &self.kind else { return Ok(()) };
        if insertion.constants.is_some() {
            return Ok(());
        }
        if width > insertion.width {
            return Err(Error::invalid("INSERT", "has more expressions than target columns"));
        }
        if width < insertion.width && insertion.has_columns {
            return Err(Error::invalid("INSERT", "has more target columns than expressions"));
        }
        Ok(())
    }

    /// Whether what the transaction wrote before makes no difference to what is read.
    pub(in crate::query) fn reads_nothing(&self) -> bool {
        let is_insert = match &self.kind {
            Kind::Insert(insertion) => insertion.update.is_none(),
            _ => false,
        };
        is_insert && self.query.is_none() && self.returning.is_none()
    }

    fn of_update(update: &Update, catalogue: &Arc<Catalogue>) -> Result<Self> {
        let is_plain = update.or.is_none()
            && update.output.is_none()
            && update.order_by.is_empty()
            && update.limit.is_none()
            && update.table.joins.is_empty();
        if !is_plain {
            return Err(unsupported("UPDATE with OR, OUTPUT, JOIN, ORDER BY or LIMIT"));
        }
        let target = of_factor(catalogue, &update.table.relation)?;
        let assigned = assign::assigned(&target, &update.assignments)?;
        let (mut columns, change) = assign::change(&target, &assigned, 0);
        let mut from = vec![target.from()];
        let may_repeat = match &update.from {
            None => false,
            Some(UpdateTableFromKind::AfterSet(tables)) => {
                from.extend(tables.iter().cloned());
                true
            }
            Some(UpdateTableFromKind::BeforeSet(_)) => {
                return Err(unsupported("FROM before SET"));
            }
        };
        let returning = returning(update.returning.as_deref(), &target)?;
        columns.extend(extras(returning.as_ref()));
        let query = syntax::select(columns, from, update.selection.clone())?;
        let parameters = parameters_of(&target, &assigned);
        let kind = Kind::Update { change, may_repeat };
        Ok(Self { tag: WriteTag::Update, target, kind, query: Some(query), returning, parameters })
    }

    fn delete(delete: &Delete, catalogue: &Arc<Catalogue>) -> Result<Self> {
        let is_plain = delete.tables.is_empty()
            && delete.output.is_none()
            && delete.order_by.is_empty()
            && delete.limit.is_none();
        let tables = match &delete.from {
            FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables) => tables,
        };
        let ([table], true) = (tables.as_slice(), is_plain) else {
            return Err(unsupported("DELETE with OUTPUT, ORDER BY, LIMIT or several tables"));
        };
        if !table.joins.is_empty() {
            return Err(unsupported("DELETE FROM with JOIN (write USING)"));
        }
        let target = of_factor(catalogue, &table.relation)?;
        let returning = returning(delete.returning.as_deref(), &target)?;
        let (tag, parameters) = (WriteTag::Delete, Vec::new());
        if delete.using.is_none() && delete.selection.is_none() && returning.is_none() {
            let kind = Kind::Clear(vec![target.clone()]);
            return Ok(Self { tag, target, kind, query: None, returning, parameters });
        }
        let mut columns = key_of(&target);
        columns.extend(extras(returning.as_ref()));
        let mut from = vec![target.from()];
        from.extend(delete.using.iter().flatten().cloned());
        let query = syntax::select(columns, from, delete.selection.clone())?;
        let kind = Kind::Delete { may_repeat: delete.using.is_some() };
        Ok(Self { tag, target, kind, query: Some(query), returning, parameters })
    }

    fn truncate(truncate: &Truncate, catalogue: &Arc<Catalogue>) -> Result<Self> {
        if truncate.partitions.is_some() || truncate.on_cluster.is_some() || truncate.if_exists {
            return Err(unsupported("TRUNCATE with IF EXISTS, PARTITION or ON CLUSTER"));
        }
        let targets =
            truncate.table_names.iter().map(|table| Target::resolve(catalogue, &table.name, None));
        let targets = targets.collect::<Result<Vec<_>>>()?;
        let target = targets.first().cloned();
        let target = target.ok_or_else(|| Error::invalid("TRUNCATE", "names no table"))?;
        let (tag, kind) = (WriteTag::Truncate, Kind::Clear(targets));
        Ok(Self { tag, target, kind, query: None, returning: None, parameters: Vec::new() })
    }
}

/// The target of a statement that names it as tables in FROM are named.
pub(super) fn of_factor(catalogue: &Arc<Catalogue>, table: &TableFactor) -> Result<Target> {
    let TableFactor::Table { name, alias, args: None, .. } = table else {
        return Err(unsupported("writing to anything but a table"));
    };
    if alias.as_ref().is_some_and(|alias| !alias.columns.is_empty()) {
        return Err(unsupported("other names for the columns of the table that is written to"));
    }
    Target::resolve(catalogue, name, alias.as_ref().map(|alias| &alias.name))
}

/// What is returned. Absent where nothing is.
pub(super) fn returning(
    items: Option<&[SelectItem]>,
    target: &Target,
) -> Result<Option<Returning>> {
    items.map(|items| Returning::new(items, target)).transpose()
}

/// What is read for what is returned.
pub(super) fn extras(returning: Option<&Returning>) -> Vec<Expr> {
    returning.map(|returning| returning.extras.clone()).unwrap_or_default()
}

/// The columns of the key.
pub(super) fn key_of(target: &Target) -> Vec<Expr> {
    target.key().into_iter().map(|column| target.column(column)).collect()
}

/// The parameters that are set as they are, with the type of their column.
pub(super) fn parameters_of(
    target: &Target,
    assigned: &assign::Assigned,
) -> Vec<(usize, DataType)> {
    let found = assigned.iter().filter_map(|(place, value)| match constant(value) {
        Some(Constant::Parameter(number)) => Some((number, target.type_of(*place))),
        _ => None,
    });
    found.collect()
}

/// What is not done here.
pub(super) fn unsupported(what: &str) -> Error {
    Error::Unsupported { what: what.to_owned() }
}
