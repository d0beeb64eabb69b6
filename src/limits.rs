//! Every bound in one place, each with its reason; and [`Budget`], the account of memory.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::error::{Error, Result};

/// Dimensions of a structure, time included. The widest flow met in practice has 31.
pub const DIMENSION_COUNT_MAX: usize = 256;
/// Attributes and measures of a structure.
pub const COMPONENT_COUNT_MAX: usize = 1_024;
/// Series of one segment: their numbers are `u32`, and roaring bitmaps hold `u32`.
pub const SEGMENT_SERIES_MAX: usize = 1 << 28;
/// Slots of one chunk: what one revision rewrites.
pub const CHUNK_SLOTS_MAX: usize = 4_096;
/// Slots of one block, the unit of reading and of checksums: about five kilobytes when packed.
pub const BLOCK_SLOTS_TARGET: usize = 4_096;
/// Chunks of one block, so that very short series do not make endless headers.
pub const BLOCK_CHUNKS_MAX: usize = 1_024;
/// Bytes of neighbouring blocks that a scan reads at one go: the system is asked once for fifty
/// blocks, and little is read that nobody wants.
pub const BLOCKS_READ_BYTES: usize = 256 << 10;
/// Bytes of packed blocks that a database keeps in memory: 150 million observations.
pub const BLOCK_CACHE_BYTES: u64 = 256 << 20;
/// Periods of which a segment keeps totals, of all measures and forms together: seven hundred years
/// of days, and some megabytes while it is written.
pub const PERIOD_TOTALS_SLOTS_MAX: usize = 1 << 18;
/// Bytes of one identifier or code.
pub const CODE_BYTES_MAX: usize = 512;
/// Bytes of one attribute or text value.
pub const TEXT_BYTES_MAX: usize = 1 << 20;
/// Bytes of one line or record of CSV, and of the values of one element of XML.
pub const RECORD_BYTES_MAX: usize = 16 << 20;
/// Bytes of one structure message, uncompressed.
pub const STRUCTURE_BYTES_MAX: u64 = 1 << 30;
/// Depth of nesting in XML: the deepest official sample has 17.
pub const XML_DEPTH_MAX: usize = 64;
/// Attributes of one XML element.
pub const XML_ATTRIBUTES_MAX: usize = 256;
/// Problems named when a load is refused; the rest are counted.
pub const PROBLEMS_SHOWN_MAX: usize = 20;
/// A segment up to this size travels inside its manifest, so that a small revision costs one file.
pub const INLINE_SEGMENT_BYTES_MAX: usize = 64 << 10;
/// Earlier states that one session keeps open: a triangle of revisions over five years of months.
pub const PAST_STATES_MAX: usize = 64;
/// Commits of one database, and segments: a thousand a second would take ten thousand years. What
/// claims more is damaged.
pub const COMMITS_MAX: u64 = 1 << 48;
/// Commits between two checkpoints.
pub const CHECKPOINT_COMMITS: u64 = 64;
/// Bytes of one manifest or checkpoint.
pub const MANIFEST_BYTES_MAX: u64 = 4 << 30;
/// Parts of one manifest or checkpoint: an inline segment is one, and there are few others.
pub const MANIFEST_PARTS_MAX: usize = 1 << 20;
/// How long a person's command waits for another writer: a small load takes less.
pub const LOCK_WAIT: Duration = Duration::from_secs(10);
/// Loads that the logbook of the working catalogue remembers, failed ones among them: each load
/// opens it. Commits are remembered by the manifests.
pub const JOBS_KEPT_MAX: u64 = 1_000;
/// Damaged working catalogues kept beside the good one, to be looked at.
pub const BROKEN_CATALOGUES_MAX: u32 = 100;
/// Bytes that a backup reads and writes at once.
pub const BACKUP_PIECE_BYTES: usize = 1 << 20;
/// How often a backup begins anew because files were forgotten meanwhile.
pub const BACKUP_TRIES_MAX: u32 = 10;
/// Files of one name that repairs set aside, one after the other.
pub const BROKEN_FILES_MAX: u32 = 100;
/// Lists that take over codes of lists that take over codes, one inside the other.
pub const CODELIST_EXTENSION_DEPTH_MAX: usize = 16;
/// Codes of one list with those it takes over: four times the largest list in use.
pub const CODELIST_CODES_MAX: usize = 4 << 20;
/// Codes compared with patterns to extend one list: a second of work.
pub const CODELIST_WORK_MAX: usize = 1 << 28;
/// Memory of one load before it sorts on disk, unless the caller says otherwise.
pub const LOAD_MEMORY_BYTES: u64 = 768 << 20;
/// Rows of one load that delete more than one observation: they stay in memory, some 200 bytes each.
pub const LOAD_REGIONS_MAX: usize = 4 << 20;
/// Memory of the rows of one draft, which has no disk to go to: some 40 million rows.
pub const DRAFT_BYTES_MAX: u64 = 2 << 30;
/// Memory of the rows that one transaction has written and not yet committed: some 15 million rows.
pub const TRANSACTION_BYTES_MAX: u64 = 1 << 30;
/// Codes of one dimension by which the rows of RETURNING are looked for: of more, all are read.
pub const RETURNING_CODES_MAX: usize = 256;
/// How often a statement that is a transaction of its own is done again where others were faster:
/// each time another has committed.
pub const WRITE_ATTEMPTS_MAX: u32 = 20;
/// Savepoints of one transaction of a session.
pub const SAVEPOINTS_MAX: usize = 10_000;
/// Characters of the message of a commit that names what statements did.
pub const COMMIT_MESSAGE_CHARS_MAX: usize = 200;
/// Memory of all running queries, unless the caller says otherwise.
pub const QUERY_MEMORY_BYTES: u64 = 4 << 30;
/// Bytes of one tag, comment or run of text in XML.
pub const XML_EVENT_BYTES_MAX: u64 = 16 << 20;
/// Namespace prefixes in scope at one place of an XML document: official messages have 4.
pub const XML_NAMESPACES_MAX: usize = 256;
/// Dataflows that one data message may name.
pub const MESSAGE_FLOWS_MAX: usize = 4_096;
/// Records of the longest kind that may be read again in one CSV file, after unclosed quotes.
pub const RECORD_RESCANS_MAX: u64 = 64;
/// Bytes that come out of a compressed file for each that went in: deflate reaches 1,032 at most,
/// real messages stay under 200.
pub const DECOMPRESSION_RATIO_MAX: u64 = 1_100;
/// Bytes that come out before the ratio counts.
pub const DECOMPRESSION_FREE_BYTES: u64 = 64 << 20;
/// Members of a zip archive.
pub const ZIP_MEMBERS_MAX: usize = 1_000;
/// Plans that a session keeps over one state: what a dashboard asks, some ten kilobytes each.
pub const PLANS_KEPT_MAX: usize = 128;
/// Bytes of one text of SQL: a list of many codes fits, a whole message does not.
pub const STATEMENT_BYTES_MAX: usize = 16 << 20;
/// Depth of nesting of one statement: the parser descends by recursion.
pub const STATEMENT_DEPTH_MAX: usize = 100;
/// Operators of one statement: a chain of them, `a OR b OR ...`, is nested as deep as it is long, and
/// is copied and dropped by recursion. `IN (...)` has one for any number of values.
pub const STATEMENT_OPERATORS_MAX: usize = 4_000;
/// Stack of the threads that plan and run statements: the deepest that is let through takes a
/// quarter of it. Memory that is not used is not taken.
pub const QUERY_STACK_BYTES: usize = 32 << 20;
/// Rows that a table on the terminal looks ahead at to find its widths.
pub const TABLE_LOOKAHEAD_ROWS: usize = 1_000;
/// Characters that a column of a table on the terminal is padded to; longer cells stand out.
pub const TABLE_CELL_WIDTH_MAX: usize = 60;
/// Bytes of one table of strings: its offsets are `u32`.
pub const STRING_TABLE_BYTES_MAX: usize = u32::MAX as usize;
/// Values that `pco` compresses in one call: one chunk of its own.
pub const PCO_VALUES_MAX: usize = 1 << 18;
/// Bytes of the path and query of one request: browsers and proxies stop at less.
pub const REQUEST_URL_BYTES_MAX: usize = 32 << 10;
/// Bytes of all headers of one request.
pub const REQUEST_HEADERS_BYTES_MAX: usize = 32 << 10;
/// Bytes of the body of one request: no resource has a use for one.
pub const REQUEST_BODY_BYTES_MAX: u64 = 64 << 10;
/// Parts of the path of one request: the longest resource has 8.
pub const REQUEST_PARTS_MAX: usize = 16;
/// Parameters of one request: a filter for each component of a wide structure fits.
pub const REQUEST_PARAMETERS_MAX: usize = 256;
/// Codes and other values in one request: a URL of the longest kind holds as many.
pub const REQUEST_VALUES_MAX: usize = 10_000;
/// Dataflows that one request may look through for the one that answers it.
pub const REQUEST_FLOWS_MAX: usize = 256;

/// Periods that the table of periods of a cube lists: a thousand years of days, and fast planning.
pub const PERIOD_TABLE_SLOTS_MAX: usize = 400_000;
/// Groups numbered by a dense array when aggregating: four megabytes of numbers.
pub const DENSE_GROUPS_MAX: usize = 1 << 20;
/// The part of the memory of all queries that the groups of one aggregation by time may take, as a
/// divisor: more is left to the general operator, which spills.
pub const GROUP_CELLS_SHARE: u64 = 4;
/// State of distinct counts, medians and their like in all groups of an aggregation, about: more is
/// left to the general operator.
pub const SPECIAL_BYTES_MAX: u64 = 256 << 20;
/// Numbers among which medians and quantiles are found: a gigabyte. For more, the general operator
/// spills to disk.
pub const QUANTILE_NUMBERS_MAX: u64 = 1 << 27;
/// Memory of the distinct values that one JSON message refers to by number: codes and periods are
/// thousands, and free text may be millions.
pub const MESSAGE_VALUES_BYTES_MAX: usize = 64 << 20;
/// Series whose keys are sorted in one go when they are read in key order: a few megabytes.
pub const SORTED_SERIES_MAX: u64 = 1 << 16;
/// Slots that are decoded ahead when series are read in key order, so that blocks are read once:
/// two megabytes a measure.
pub const ORDERED_SLOTS_MAX: usize = 1 << 18;
/// Series whose keys are sorted again and again to find the best order of dimensions: a few seconds.
pub const ORDER_SAMPLE_SERIES: u64 = 1 << 16;
/// Bytes a second that a server reads to compact in the background, unless the operator says
/// otherwise: a tenth of a slow drive.
pub const COMPACTION_RATE_BYTES: u64 = 8 << 20;
/// Live bytes that a load brings together after its commit at most: a fraction of a second.
pub const COMPACTION_STEP_BYTES: u64 = 4 << 20;
/// Chunks that are decoded to count the observations of a selection that cuts through them, in a
/// fraction of a second; of more the count is not given.
pub const COUNTED_CHUNKS_MAX: u64 = 1 << 15;
/// Memory of one data message for what must be brought together before it is written: the
/// observations of a group of a cross-section.
pub const ANSWER_MEMORY_BYTES: u64 = 512 << 20;
/// Series and revisions that a difference names: what a person reads; the rest is counted.
pub const DIFFERENCE_SHOWN_MAX: usize = 20;
/// Answers of SDMX REST that are written at one time, unless the operator says otherwise: each has
/// a thread.
pub const HTTP_ANSWERS_MAX: usize = 64;
/// Connections of the Postgres wire at one time, unless the operator says otherwise.
pub const PG_CONNECTIONS_MAX: usize = 200;
/// Bytes of one message of a Postgres client: a statement of the longest kind with its parameters.
pub const PG_MESSAGE_BYTES_MAX: usize = 32 << 20;
/// Bytes of the first packet of a Postgres client: names and a few settings.
pub const PG_STARTUP_BYTES_MAX: usize = 10_000;
/// Parameters in the first packet.
pub const PG_STARTUP_PARAMETERS_MAX: usize = 256;
/// Parameters of one statement: the protocol counts them in 16 bits.
pub const PG_BIND_PARAMETERS_MAX: usize = 65_535;
/// Bytes of a query that a session knows again by its text: longer ones are seldom sent twice.
pub const PG_KNOWN_TEXT_BYTES_MAX: usize = 16 << 10;
/// Prepared statements, and portals with cursors, of one session.
pub const PG_STATEMENTS_MAX: usize = 10_000;
/// Bytes that are read ahead of a client while its statement runs.
pub const PG_READ_AHEAD_BYTES: usize = 64 << 10;
/// Bytes of encoded rows in one piece on their way to the socket, about: few enough that memory for
/// them and what they may be longer is not asked of the operating system each time.
pub const PG_PIECE_BYTES: usize = 96 << 10;
/// Pieces between the threads of queries and those of the network: memory under a slow reader.
pub const PG_PIECES_MAX: usize = 4;
/// Bytes of rows that all cursors that scroll keep, in order to go back.
pub const PG_CURSOR_BYTES: u64 = 1 << 30;
/// Settings of one session that only its programs know (`myapp.user`).
pub const PG_CUSTOM_SETTINGS_MAX: usize = 1_000;
/// Savepoints of one transaction.
pub const PG_SAVEPOINTS_MAX: usize = 10_000;
/// Bytes of one line of a copy from the client: it is held whole until its end has come.
pub const COPY_LINE_BYTES_MAX: usize = 16 << 20;
/// Users of one database: each is a small fact that every checkpoint repeats.
pub const USERS_MAX: usize = 10_000;
/// Bytes of a user's name, as in PostgreSQL.
pub const USER_NAME_BYTES_MAX: usize = 63;
/// Bytes of a password: all of them are hashed thousands of times.
pub const PASSWORD_BYTES_MAX: usize = 1_024;
/// How often a password is hashed: the number of PostgreSQL, which all its clients can bear.
pub const PASSWORD_ROUNDS: NonZeroU32 = NonZeroU32::new(4_096).expect("not zero");
/// The same at most, for a secret that was made elsewhere: a second of work.
pub const PASSWORD_ROUNDS_MAX: NonZeroU32 = NonZeroU32::new(1_000_000).expect("not zero");
/// Bytes on disk that all running queries may spill: a sort of a billion observations fits.
pub const QUERY_SPILL_BYTES: u64 = 64 << 30;
/// Rows of PostgreSQL's catalogue that one query looks at: ten thousand tables joined four ways.
pub const CATALOGUE_STEPS_MAX: u64 = 200_000_000;
/// Rounds of a recursive query over PostgreSQL's catalogue: types are not nested as deep.
pub const CATALOGUE_ROUNDS_MAX: usize = 10_000;
/// Values of one `generate_series` in a query over PostgreSQL's catalogue.
pub const CATALOGUE_SERIES_MAX: u64 = 1_000_000;

/// Bytes of the name of a release: it is part of the names of files.
pub const RELEASE_NAME_BYTES_MAX: usize = 64;
/// Messages of one release: all dataflows of a large office, several times.
pub const RELEASE_MESSAGES_MAX: usize = 10_000;
/// Releases that are pending at one time: each is looked at when a database is opened.
pub const RELEASES_PENDING_MAX: u64 = 1_000;
/// Previews of releases that are kept in memory: an office checks few at a time.
pub const PREVIEWS_KEPT_MAX: usize = 4;
/// How long who notices a release that is due waits for the lock: who holds it longer is loading,
/// and has the release to do.
pub const RELEASE_WAIT: Duration = Duration::from_secs(2);
/// Bytes of a release without its messages: their names and those of its dataflows.
pub const RELEASE_BYTES_MAX: u64 = 64 << 20;

/// Bytes of one row on the Postgres wire: what PostgreSQL itself can send as one message.
pub const ROW_BYTES_MAX: usize = (1 << 30) - 1;
/// Dimensions of an array in a parameter: as many as PostgreSQL has.
pub const ARRAY_DIMENSIONS_MAX: usize = 6;

/// An account of memory that several owners share: grow before you allocate, and shrink (or drop
/// the [`Reservation`]) after you free.
#[derive(Clone, Debug)]
pub struct Budget {
    what: &'static str,
    limit: u64,
    used: Arc<AtomicU64>,
}

impl Budget {
    /// An account of `limit` bytes; `what` names it in errors.
    pub fn new(what: &'static str, limit: u64) -> Self {
        Self { what, limit, used: Arc::new(AtomicU64::new(0)) }
    }

    /// Takes `bytes`, which return when the reservation is dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] if less is left; nothing is taken then.
    pub fn reserve(&self, bytes: u64) -> Result<Reservation> {
        let mut reservation = Reservation { budget: self.clone(), bytes: 0 };
        reservation.grow(bytes)?;
        Ok(reservation)
    }

    /// Bytes taken at this moment.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Bytes that may be taken in all.
    pub fn limit(&self) -> u64 {
        self.limit
    }
}

/// Bytes taken from a [`Budget`].
#[derive(Debug)]
pub struct Reservation {
    budget: Budget,
    bytes: u64,
}

impl Reservation {
    /// Takes `bytes` more.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] if less is left; nothing is taken then.
    pub fn grow(&mut self, bytes: u64) -> Result<()> {
        let budget = &self.budget;
        let after = budget.used.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if after > budget.limit {
            budget.used.fetch_sub(bytes, Ordering::Relaxed);
            return Err(Error::Limit { what: budget.what, actual: after, limit: budget.limit });
        }
        self.bytes += bytes;
        Ok(())
    }

    /// Gives back all but `bytes`.
    pub fn shrink_to(&mut self, bytes: u64) {
        let freed = self.bytes.saturating_sub(bytes);
        self.budget.used.fetch_sub(freed, Ordering::Relaxed);
        self.bytes -= freed;
    }

    /// Bytes held.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_refuses_what_is_over_and_takes_back_what_is_dropped() {
        let budget = Budget::new("memory", 10);
        let first = budget.reserve(6).expect("fits");
        assert!(budget.reserve(5).is_err());
        assert_eq!(budget.used(), 6);
        drop(first);
        assert!(budget.reserve(10).is_ok());
        assert_eq!(budget.used(), 0);
    }
}
