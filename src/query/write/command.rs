//! The statements of transactions, and which statements write.

use datafusion::sql::sqlparser::ast::{self, SetExpr, Statement};

use crate::error::{Error, Result};

/// What is asked of the transaction of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transact {
    /// `BEGIN`, `START TRANSACTION`.
    Begin,
    /// `COMMIT`, `END`.
    Commit,
    /// `ROLLBACK`, `ABORT`.
    Rollback,
    /// `SAVEPOINT name`.
    Savepoint(String),
    /// `RELEASE SAVEPOINT name`.
    Release(String),
    /// `ROLLBACK TO SAVEPOINT name`.
    RollbackTo(String),
}

/// A statement that writes, taken apart as far as the parser does it.
#[derive(Clone, Debug)]
pub struct WriteStatement {
    /// The queries that it names before it begins.
    pub(super) with: Option<ast::With>,
    pub(super) statement: Statement,
}

impl WriteStatement {
    /// The statement, if it is one that writes; the same one back if it is not.
    pub(in crate::query) fn of(statement: Statement) -> Result<Self, Box<Statement>> {
        match statement {
            Statement::Insert(_)
            | Statement::Update(_)
            | Statement::Delete(_)
            | Statement::Merge(_)
            | Statement::Truncate(_) => Ok(Self { with: None, statement }),
            Statement::Query(mut query) => {
                let is_plain = query.order_by.is_none()
                    && query.limit_clause.is_none()
                    && query.fetch.is_none()
                    && query.locks.is_empty();
                match *query.body {
                    SetExpr::Insert(inner)
                    | SetExpr::Update(inner)
                    | SetExpr::Delete(inner)
                    | SetExpr::Merge(inner)
                        if is_plain =>
                    {
                        Ok(Self { with: query.with, statement: inner })
                    }
                    body => {
                        *query.body = body;
                        Err(Box::new(Statement::Query(query)))
                    }
                }
            }
            other => Err(Box::new(other)),
        }
    }

    /// The statement without the queries that it names before.
    pub(in crate::query) fn statement(&self) -> &Statement {
        &self.statement
    }

    /// Every query in it, to be looked at.
    pub(in crate::query) fn parts(&self) -> (Option<&ast::With>, &Statement) {
        (self.with.as_ref(), &self.statement)
    }
}

/// What a statement asks of the transaction. Absent if it asks something else.
///
/// # Errors
///
/// [`Error::Unsupported`] for `AND CHAIN`, and for blocks of statements.
pub(in crate::query) fn transact(statement: &Statement) -> Result<Option<Transact>> {
    let chain = |wanted: bool| {
        let what = "AND CHAIN".to_owned();
        if wanted { Err(Error::Unsupported { what }) } else { Ok(()) }
    };
    Ok(Some(match statement {
        Statement::StartTransaction { statements, exception, has_end_keyword, .. } => {
            if !statements.is_empty() || exception.is_some() || *has_end_keyword {
                return Err(Error::Unsupported { what: "a block of BEGIN ... END".to_owned() });
            }
            Transact::Begin
        }
        Statement::Commit { chain: wanted, .. } => {
            chain(*wanted)?;
            Transact::Commit
        }
        Statement::Rollback { chain: wanted, savepoint } => {
            chain(*wanted)?;
            match savepoint {
                Some(name) => Transact::RollbackTo(folded(name)),
                None => Transact::Rollback,
            }
        }
        Statement::Savepoint { name } => Transact::Savepoint(folded(name)),
        Statement::ReleaseSavepoint { name } => Transact::Release(folded(name)),
        _ => return Ok(None),
    }))
}

/// A name as SQL means it: in lower case, unless it is quoted.
pub(super) fn folded(name: &ast::Ident) -> String {
    match name.quote_style {
        Some(_) => name.value.clone(),
        None => name.value.to_lowercase(),
    }
}
