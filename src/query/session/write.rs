//! The life of a statement that writes.

use std::sync::{Arc, LazyLock};

use arrow::array::{RecordBatch, StringViewArray};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::common::{DFSchema, ParamValues, ScalarValue};
use datafusion::logical_expr::{EmptyRelation, LogicalPlan};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast;
use futures::stream;

use crate::error::{Error, Result};
use crate::limits::WRITE_ATTEMPTS_MAX;
use crate::query::cancel::CancelToken;
use crate::query::error::from_datafusion;
use crate::query::session::headers;
use crate::query::session::ready::{Ready, Visible};
use crate::query::session::transaction::Lease;
use crate::query::write::{self, CopyIn, EXCLUDED, Gathered, Kind, WRITTEN};
use crate::query::write::{WriteOutcome, WritePlan, WriteStatement, WriteTag};
use crate::query::{Answer, Prepared, Session, dialect, guard};
use crate::store::{RowBatch, Transaction};

/// What a prepared statement writes.
pub(super) struct PreparedWrite {
    statement: Box<WriteStatement>,
    plan: WritePlan,
    /// The query that it reads with.
    query: Option<LogicalPlan>,
    /// The columns that it returns.
    schema: SchemaRef,
}

impl PreparedWrite {
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The parameters, counted from 0, that are written to a column.
    pub(super) fn written(&self) -> Vec<usize> {
        self.plan.parameters().iter().map(|(place, _)| *place).collect()
    }

    /// Fills in the types of parameters that follow from where they are written to.
    pub(super) fn complete(&self, types: &mut Vec<Option<DataType>>) {
        for (number, data_type) in self.plan.parameters() {
            types.resize_with(types.len().max(number + 1), || None);
            if let Some(slot @ None) = types.get_mut(*number) {
                *slot = Some(data_type.clone());
            }
        }
    }
}

/// What the queries of one statement need.
struct Run<'a> {
    ready: &'a Arc<Ready>,
    values: &'a [ScalarValue],
    token: Option<&'a CancelToken>,
}

impl Session {
    /// Plans a statement that writes.
    pub(super) async fn plan_write(&self, statement: Box<WriteStatement>) -> Result<Prepared> {
        // Names are the same before and after what the transaction wrote.
        let ready = self.ready_on(&Visible::Shared(self.base()?))?;
        let plan = WritePlan::new(&statement, ready.catalogue());
        let plan = plan.map_err(|error| Self::explained(error, &ready))?;
        if plan.reads_nothing() {
            return Box::pin(self.plan_write_on(statement, ready)).await;
        }
        let ready = self.ready()?;
        Box::pin(self.plan_write_on(statement, ready)).await
    }

    async fn plan_write_on(
        &self,
        statement: Box<WriteStatement>,
        ready: Arc<Ready>,
    ) -> Result<Prepared> {
        let plan = WritePlan::new(&statement, ready.catalogue());
        let plan = plan.map_err(|error| Self::explained(error, &ready))?;
        let query_plan = match plan.query() {
            Some(query) => Some(self.plan_query(query.clone(), &ready).await?),
            None => None,
        };
        if let Some(query) = &query_plan {
            plan.check_width(query.schema().fields().len())?;
        }
        if let Some((update, _)) = plan.update() {
            // Only to be told at once what is wrong with it.
            let rows = write::excluded(plan.target(), None)?;
            let over = ready.with_tables(vec![(EXCLUDED.to_owned(), rows)])?;
            self.plan_query(update.clone(), &over).await?;
        }
        let schema = match plan.returning(None)? {
            None => Arc::new(Schema::empty()),
            Some(query) => {
                let nothing = Gathered::new(&plan, columns(query_plan.as_ref()));
                let (returned, _) =
                    self.plan_returning(query, nothing.written()?.0, &ready).await?;
                headers::named(&returned, returned.schema().inner())
            }
        };
        let tag = plan.tag().name();
        let (produce_one_row, columns) = (false, Arc::new(DFSchema::empty()));
        let empty = EmptyRelation { produce_one_row, schema: columns };
        let empty = LogicalPlan::EmptyRelation(empty);
        let shown = query_plan.clone().unwrap_or(empty);
        let text = Statement::Statement(Box::new(statement.statement().clone()));
        let write = PreparedWrite { statement, plan, query: query_plan, schema };
        Ok(Prepared::writing(Box::new(text), tag, shown, ready, write))
    }

    /// Plans a query that we made.
    async fn plan_query(&self, query: ast::Query, ready: &Ready) -> Result<LogicalPlan> {
        let mut statement = ast::Statement::Query(Box::new(query));
        dialect::adapt(&mut statement)?;
        let statement = Statement::Statement(Box::new(statement));
        let planned = ready.session.statement_to_plan(statement).await;
        let plan = planned.map_err(|error| Self::explained(from_datafusion(&error), ready))?;
        guard::check_plan(&plan)?;
        Ok(plan)
    }

    /// Writes, and answers with what is returned. A statement that is a transaction of its own is
    /// done again if another was faster.
    pub(super) async fn answer_write(
        &self,
        prepared: &Prepared,
        values: &[ScalarValue],
        token: Option<&CancelToken>,
    ) -> Result<Answer> {
        for _ in 1..WRITE_ATTEMPTS_MAX {
            match Box::pin(self.write_once(prepared, values, token)).await {
                Err(Error::Conflict { kind: "series", .. }) if !self.is_in_transaction() => {}
                answered => return answered,
            }
        }
        Box::pin(self.write_once(prepared, values, token)).await
    }

    async fn write_once(
        &self,
        prepared: &Prepared,
        values: &[ScalarValue],
        token: Option<&CancelToken>,
    ) -> Result<Answer> {
        let Some(write) = &prepared.write else { return Err(Error::bug("nothing to write")) };
        let mut lease = self.lease()?;
        let transaction = lease.transaction()?;
        let visible = if transaction.is_empty() || write.plan.reads_nothing() {
            Visible::Shared(Arc::clone(transaction.base()))
        } else {
            Visible::Own(transaction.snapshot()?)
        };
        let ready = self.ready_on(&visible)?;
        let again;
        let write = if Arc::ptr_eq(&ready, &prepared.ready) {
            write
        } else {
            let plan = self.plan_write_on(write.statement.clone(), Arc::clone(&ready));
            again = Box::pin(plan).await?;
            again.write.as_ref().ok_or_else(|| Error::bug("nothing to write"))?
        };
        let run = Run { ready: &ready, values, token };
        let mut gathered = self.gather(write, &run).await?;
        let rows = match write.plan.kind() {
            Kind::Clear(targets) => clear(lease.transaction()?, targets)?,
            Kind::Insert(_) => {
                self.part(write, &mut gathered, lease.transaction()?, &run).await?;
                gathered.rows()
            }
            Kind::Merge(_) => {
                refuse_present(&gathered, lease.transaction()?)?;
                gathered.rows()
            }
            Kind::Update { .. } | Kind::Delete { .. } => gathered.rows(),
        };
        let written = if write.plan.returns() { Some(gathered.written()?) } else { None };
        let is_delete = write.plan.tag() == WriteTag::Delete;
        let (before, after) = if is_delete { (written, None) } else { (None, written) };
        // Of rows that go, what they were is read before.
        let before = self.returned(write, before, &run).await?;
        for batch in gathered.into_batches() {
            lease.transaction()?.write(batch)?;
        }
        let returned = if after.is_some() {
            let ready = self.ready_on(&Visible::Own(lease.transaction()?.snapshot()?))?;
            self.returned(write, after, &Run { ready: &ready, ..run }).await?
        } else {
            before
        };
        end(lease, write.plan.tag(), rows, returned)
    }

    /// Reads what a statement writes.
    async fn gather(&self, write: &PreparedWrite, run: &Run<'_>) -> Result<Gathered> {
        let mut gathered = Gathered::new(&write.plan, columns(write.query.as_ref()));
        let kind = write.plan.kind();
        let constants = match kind {
            Kind::Insert(insertion) => insertion.constants(),
            _ => None,
        };
        let Some(query) = &write.query else {
            if let (Some(constants), Kind::Insert(insertion)) = (constants, kind) {
                let columns = constants.columns(run.values, &[])?;
                gathered.take_constants(insertion.layout(), &columns, constants.rows())?;
            }
            return Ok(gathered);
        };
        let mut answer = self.start(query, run).await?;
        let mut calculated: Vec<StringViewArray> = Vec::new();
        while let Some(batch) = answer.next().await {
            let batch = batch?;
            match constants {
                Some(_) if batch.num_rows() > 0 => calculated = write::texts_of(&batch)?,
                Some(_) => {}
                None => gathered.take(kind, &batch)?,
            }
        }
        if let (Some(constants), Kind::Insert(insertion)) = (constants, kind) {
            let columns = constants.columns(run.values, &calculated)?;
            gathered.take_constants(insertion.layout(), &columns, constants.rows())?;
        }
        Ok(gathered)
    }

    /// Tells rows that are there already, and reads what they become.
    async fn part(
        &self,
        write: &PreparedWrite,
        gathered: &mut Gathered,
        transaction: &mut Transaction,
        run: &Run<'_>,
    ) -> Result<()> {
        let (Kind::Insert(insertion), Some(batch)) = (write.plan.kind(), gathered.inserted.take())
        else {
            return Ok(());
        };
        let presence = transaction.presence(&batch)?;
        let parted = write::part(batch, &presence, insertion)?;
        gathered.inserted = parted.fresh;
        let (Some((query, change)), Some(rows)) = (write.plan.update(), parted.excluded) else {
            return Ok(());
        };
        let (target, mut query) = (write.plan.target(), query.clone());
        write::restrict(&mut query, write::key_filter(target, &[&rows]))?;
        let rows = write::excluded(target, Some(&rows))?;
        let over = run.ready.with_tables(vec![(EXCLUDED.to_owned(), rows)])?;
        let plan = self.plan_query(query, &over).await?;
        let run = Run { ready: &over, ..*run };
        let mut answer = self.start(&plan, &run).await?;
        while let Some(batch) = answer.next().await {
            gathered.take_changes(change, &batch?)?;
        }
        Ok(())
    }

    /// Starts a query of a statement.
    async fn start(&self, plan: &LogicalPlan, run: &Run<'_>) -> Result<Answer> {
        let plan = plan.clone();
        let plan = if run.values.is_empty() {
            plan
        } else {
            let values = ParamValues::from(run.values.to_vec());
            plan.with_param_values(values).map_err(|error| from_datafusion(&error))?
        };
        self.execute_plan("SELECT", &plan, run.ready, run.token).await
    }

    async fn plan_returning(
        &self,
        query: ast::Query,
        written: RecordBatch,
        ready: &Arc<Ready>,
    ) -> Result<(LogicalPlan, Arc<Ready>)> {
        let over = ready.with_tables(vec![(WRITTEN.to_owned(), written)])?;
        Ok((self.plan_query(query, &over).await?, over))
    }

    /// Reads what a statement returns of the rows that it has written.
    async fn returned(
        &self,
        write: &PreparedWrite,
        written: Option<(RecordBatch, Option<ast::Expr>)>,
        run: &Run<'_>,
    ) -> Result<Option<Returned>> {
        let Some((rows, filter)) = written else { return Ok(None) };
        let Some(query) = write.plan.returning(filter)? else { return Ok(None) };
        let (plan, over) = self.plan_returning(query, rows, run.ready).await?;
        let mut answer = self.start(&plan, &Run { ready: &over, ..*run }).await?;
        let mut batches = Vec::new();
        while let Some(batch) = answer.next().await {
            batches.push(batch?);
        }
        Ok(Some((Arc::clone(answer.schema()), batches)))
    }

    /// Begins to take rows into these columns of a table; without any, into all.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] and [`Error::Invalid`] as for `INSERT`; [`Error::Unsupported`] for a
    /// session that only reads.
    pub fn copy_in(&self, table: &ast::ObjectName, columns: &[ast::Ident]) -> Result<CopyIn> {
        self.check_failed()?;
        self.check_writer()?;
        let ready = self.ready_on(&Visible::Shared(self.base()?))?;
        let copy = CopyIn::new(ready.catalogue(), table, columns);
        copy.map_err(|error| Self::explained(error, &ready))
    }

    /// Writes the rows that were taken.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] for keys that are there already; [`Error::Rows`]; those of a commit.
    pub fn finish_copy(&self, copy: CopyIn) -> Result<WriteOutcome> {
        let (rows, insertion) = copy.finish();
        let count = u64::from(rows.len());
        for attempt in 1..=WRITE_ATTEMPTS_MAX {
            let mut lease = self.lease()?;
            let transaction = lease.transaction()?;
            let presence = transaction.presence(&rows)?;
            let parted = write::part(rows.clone(), &presence, &insertion)?;
            parted.fresh.map_or(Ok(()), |fresh| transaction.write(fresh))?;
            let mut outcome = WriteOutcome { tag: WriteTag::Copy, rows: count, commit: None };
            match lease.finish(&outcome.command_tag()) {
                Err(Error::Conflict { kind: "series", .. })
                    if attempt < WRITE_ATTEMPTS_MAX && !self.is_in_transaction() => {}
                finished => {
                    outcome.commit = finished?;
                    return Ok(outcome);
                }
            }
        }
        Err(Error::bug("a copy that neither ends nor fails"))
    }
}

/// The columns and rows that are returned.
type Returned = (SchemaRef, Vec<RecordBatch>);

/// Ends a statement, and makes its answer.
fn end(lease: Lease<'_>, tag: WriteTag, rows: u64, returned: Option<Returned>) -> Result<Answer> {
    let mut outcome = WriteOutcome { tag, rows, commit: None };
    outcome.commit = lease.finish(&outcome.command_tag())?;
    let (schema, batches) = returned.unwrap_or((Arc::new(Schema::empty()), Vec::new()));
    let inner = batches.first().map_or_else(|| Arc::clone(&schema), RecordBatch::schema);
    let batches = stream::iter(batches.into_iter().map(Ok));
    let stream = Box::pin(RecordBatchStreamAdapter::new(inner, batches));
    Ok(Answer::new(tag.name(), schema, None, stream).with_outcome(outcome))
}

/// The columns that a statement reads.
fn columns(query: Option<&LogicalPlan>) -> &Schema {
    static NONE: LazyLock<Schema> = LazyLock::new(Schema::empty);
    query.map_or(&*NONE, |query| query.schema().as_arrow())
}

/// Deletes everything of some dataflows; returns how many observations there were.
fn clear(transaction: &mut Transaction, targets: &[write::Target]) -> Result<u64> {
    let mut count = 0;
    for target in targets {
        count += transaction.observations(&target.flow().id)?;
        transaction.write(RowBatch::everything(target.flow()))?;
    }
    Ok(count)
}

/// Refuses rows of MERGE whose keys are there already.
fn refuse_present(gathered: &Gathered, transaction: &mut Transaction) -> Result<()> {
    let Some(batch) = &gathered.inserted else { return Ok(()) };
    let presence = transaction.presence(batch)?;
    write::refuse_present(batch, &presence)
}
