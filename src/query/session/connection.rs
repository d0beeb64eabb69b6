//! A session for programs without async.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use tokio::runtime::{Builder, Runtime};

use crate::error::{Error, Result};
use crate::limits::QUERY_STACK_BYTES;
use crate::query::{Answer, Engine, EngineOptions, Session};
use crate::store::Database;

/// One session on one database, with the threads that its queries run on. It reads; after
/// [`Session::set_writer`] it also writes.
pub struct Connection {
    session: Session,
    runtime: Arc<Runtime>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connection")
    }
}

impl Connection {
    /// A session on an open database.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if threads cannot be started; those of [`Engine::new`].
    pub fn new(database: Database, options: EngineOptions) -> Result<Self> {
        let threads = options.threads;
        Self::on(&Engine::new(database, options)?, threads)
    }

    /// A session of an engine, whose queries run on so many threads.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if threads cannot be started.
    pub fn on(engine: &Arc<Engine>, threads: NonZeroUsize) -> Result<Self> {
        let mut builder = Builder::new_multi_thread();
        let builder = builder.worker_threads(threads.get()).thread_name("sdmxdb-query");
        let builder = builder.thread_stack_size(QUERY_STACK_BYTES);
        let runtime =
            builder.build().map_err(|error| Error::io("start", "query threads", error))?;
        Ok(Self { session: engine.session(), runtime: Arc::new(runtime) })
    }

    /// The session, for its settings.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Answers one statement. The rows come as they are calculated.
    ///
    /// # Errors
    ///
    /// Those of [`Session::sql`].
    pub fn sql(&self, sql: &str) -> Result<Rows> {
        let answer = self.runtime.block_on(self.session.sql(sql));
        self.rows(answer)
    }

    /// The rows of an answer. Of a transaction in which a statement fails, only the end can follow.
    fn rows(&self, answer: Result<Answer>) -> Result<Rows> {
        let answer = answer.inspect_err(|_| self.session.fail())?;
        Ok(Rows { answer, runtime: Arc::clone(&self.runtime) })
    }

    /// Answers each statement of a text, one after the other; `each` gets the rows of one before
    /// the next begins.
    ///
    /// # Errors
    ///
    /// Those of [`Session::sql`] and of `each`, at the first statement that fails.
    pub fn run(&self, sql: &str, mut each: impl FnMut(Rows) -> Result<()>) -> Result<()> {
        for request in self.session.parse(sql)? {
            let answer = self.runtime.block_on(self.session.run(request));
            each(self.rows(answer)?).inspect_err(|_| self.session.fail())?;
        }
        Ok(())
    }
}

/// The rows of an answer, in batches.
pub struct Rows {
    answer: Answer,
    runtime: Arc<Runtime>,
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.answer.fmt(f)
    }
}

impl Rows {
    /// The columns.
    pub fn schema(&self) -> &SchemaRef {
        self.answer.schema()
    }

    /// The answer itself.
    pub fn answer(&self) -> &Answer {
        &self.answer
    }
}

impl Iterator for Rows {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.runtime.block_on(self.answer.next())
    }
}
