//! The first statements of a server, which it asks itself.
//!
//! The first statement of a process brings the program itself into memory page by page, opens the
//! dataflow that it names and reads which series it has: some ten milliseconds more than the second.
//! So a server answers two small statements about one series of its greatest dataflow as soon as it
//! listens, by the same way as those of clients. Then it has the catalogue made that clients are
//! told the numbers of tables from. Nobody waits for it, and what goes wrong is said to those who
//! ask themselves.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::error::Result as DatabaseResult;
use crate::pg::catalog::SessionInfo;
use crate::pg::encode::RowEncoder;
use crate::pg::errors::Fault;
use crate::pg::flow::{Encoder, Flow, Piece};
use crate::pg::plan::Planner;
use crate::pg::server::Server;
use crate::pg::settings::Settings;
use crate::pg::sql::command::{self, Command};
use crate::pg::sql::text;
use crate::pg::style;
use crate::pg::types::Format;
use crate::query::cancel::CancelToken;
use crate::query::catalogue::Catalogue;
use crate::store::{FlowState, Snapshot};

impl Server {
    /// Answers statements that nobody asked.
    pub(super) async fn warm(self: Arc<Self>) {
        Box::pin(self.ask_itself()).await.unwrap_or_default();
    }

    async fn ask_itself(self: &Arc<Self>) -> Result<(), Fault> {
        let session = Arc::new(self.engine.session());
        let catalogue = session.catalogue()?;
        let (told, catalog) = (Arc::new(SessionInfo::default()), Arc::clone(&self.catalog));
        let planner = Planner { session, catalog, told };
        for sql in statements(catalogue.directory().snapshot())? {
            Box::pin(self.answer(&planner, &sql)).await?;
        }
        self.make_catalog(catalogue);
        Ok(())
    }

    /// Answers a statement, and drops its rows.
    async fn answer(&self, planner: &Planner, sql: &str) -> Result<(), Fault> {
        for part in text::split(sql)? {
            let Command::Query(statement) = command::parse(sql, &part)? else { continue };
            let plan = Box::pin(planner.plan(*statement, &[])).await?;
            let token = CancelToken::default();
            let started = planner.execute(&plan, Vec::new(), &token).await?;
            let formats = vec![Format::Binary; plan.schema.fields().len()];
            let encoder = RowEncoder::new(&plan.schema, &formats, style::of(&Settings::default()))?;
            let encoder = Encoder::Rows(encoder);
            let mut flow = Flow::start(&self.queries, started.batches, encoder, token);
            flow.grant(usize::MAX).await;
            while let Piece::Rows(..) = flow.next().await {}
        }
        Ok(())
    }

    /// Has the catalogue made on the threads of queries, for those who ask later: it may take a
    /// while, and an answer does not wait for the numbers of its tables.
    pub(super) fn make_catalog(self: &Arc<Self>, catalogue: Arc<Catalogue>) {
        if self.is_making.swap(true, Ordering::AcqRel) {
            return;
        }
        let server = Arc::clone(self);
        self.queries.spawn_blocking(move || {
            // Who asks the catalogue itself will be told what is wrong.
            server.catalog.make(&catalogue).unwrap_or_default();
            server.is_making.store(false, Ordering::Release);
        });
    }
}

/// Statements about one series of the dataflow with the most observations: its rows in order, and
/// their sum. None without data.
fn statements(snapshot: &Arc<Snapshot>) -> DatabaseResult<Vec<String>> {
    let observations = |flow: &&FlowState| -> u64 {
        snapshot.state().segments(&flow.flow.id).map(|live| live.entry.observations).sum()
    };
    let Some(flow) = snapshot.flows().iter().max_by_key(observations) else {
        return Ok(Vec::new());
    };
    let cube = snapshot.cube(&flow.flow.id)?;
    let columns: Vec<String> = flow.names.columns.iter().map(|name| name_of(name)).collect();
    let table = format!("{}.{}", name_of(&flow.names.schema), name_of(&flow.names.table));
    let mut parts = cube.parts().iter();
    let first = parts.find_map(|part| Some((part, part.live_series().iter().next()?)));
    let Some((part, series)) = first else { return Ok(Vec::new()) };
    let mut conditions = Vec::new();
    for (dimension, column) in columns.iter().take(flow.flow.dimensions().len()).enumerate() {
        let code = cube.codes(dimension).get(part.code(dimension, series)?).replace('\'', "''");
        conditions.push(format!("{column} = '{code}'"));
    }
    let of_series = match conditions.as_slice() {
        [] => String::new(),
        some => format!(" WHERE {}", some.join(" AND ")),
    };
    let time = flow.flow.time_index().and_then(|time| columns.get(time));
    let measures = columns.iter().skip(flow.flow.measures_from());
    let values = measures.take(flow.flow.measures().len());
    let shown: Vec<&str> = time.into_iter().chain(values.clone()).map(String::as_str).collect();
    let order = time.map(|time| format!(" ORDER BY {time}")).unwrap_or_default();
    let sums: Vec<String> = values.map(|value| format!(", sum({value})")).collect();
    let by = columns.first().map_or("1", String::as_str);
    Ok(vec![
        format!("SELECT {} FROM {table}{of_series}{order}", shown.join(", ")),
        format!("SELECT {by}, count(*){} FROM {table}{of_series} GROUP BY {by}", sums.concat()),
    ])
}

/// A name between quotes: it may be a word of SQL.
fn name_of(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::MemoryDisk;
    use crate::sdmx::structure::read_structures;
    use crate::store::{Database, LoadOptions};

    const STRUCTURES: &str = include_str!("../../sql/sample/structures.xml");
    const DATA: &str = "\
        DATAFLOW,FREQ,CURRENCY,CURRENCY_DENOM,EXR_TYPE,EXR_SUFFIX,TIME_PERIOD,OBS_VALUE\n\
        ECB:EXR(1.0),D,USD,EUR,SP00,A,2024-01-02,1.0956\n\
        ECB:EXR(1.0),D,GBP,EUR,SP00,A,2024-01-02,0.86645\n";

    #[test]
    fn asks_for_one_series_of_what_is_there() {
        let disk = Arc::new(MemoryDisk::new());
        let database = Database::open_or_create_on(disk, "db").expect("opened");
        let found = || statements(&database.snapshot().expect("read")).expect("named");
        assert_eq!(found(), [] as [String; 0]);
        let mut load = database.begin_load(LoadOptions::at(1)).expect("begun");
        let structures = read_structures(STRUCTURES.as_bytes(), "structures.xml").expect("read");
        load.structures(structures).expect("sound");
        load.commit().expect("committed");
        assert_eq!(found(), [] as [String; 0]);
        let mut load = database.begin_load(LoadOptions::at(2)).expect("begun");
        load.csv(DATA.as_bytes(), "rates.csv").expect("sound");
        load.commit().expect("committed");
        let series = "\"ecb\".\"exr\" WHERE \"freq\" = 'D' AND \"currency\" = 'GBP' AND \
                      \"currency_denom\" = 'EUR' AND \"exr_type\" = 'SP00' AND \
                      \"exr_suffix\" = 'A'";
        let rows =
            format!("SELECT \"time_period\", \"obs_value\" FROM {series} ORDER BY \"time_period\"");
        let sum = format!(
            "SELECT \"freq\", count(*), sum(\"obs_value\") FROM {series} GROUP BY \"freq\""
        );
        assert_eq!(found(), [rows, sum]);
    }
}
