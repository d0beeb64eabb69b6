//! What is asked of both databases. The release that is yet to come revises `ecb.exr`, adds the
//! code ZZZ and the annual frequency to it, and brings the dataflow ECB:EXS.

/// Statements of SQL, by every client.
pub(crate) const STATEMENTS: &[&str] = &[
    "SELECT * FROM ecb.exr ORDER BY freq, currency, time_period",
    "SELECT count(*), min(obs_value), max(obs_value), count(DISTINCT currency) FROM ecb.exr",
    "SELECT freq, count(*) FROM ecb.exr GROUP BY freq ORDER BY freq",
    "SELECT currency, label(currency) FROM ecb.exr GROUP BY 1, 2 ORDER BY 1",
    // What is only in the release: as unknown as anything else, and no hint points at it.
    "SELECT * FROM ecb.exr WHERE currency = 'ZZZ'",
    "SELECT * FROM ecb.exr WHERE currency = 'ZZY'",
    "SELECT * FROM ecb.exr WHERE freq = 'A'",
    "SELECT * FROM ecb.exr WHERE time_period = '2025'",
    "SELECT * FROM ecb.exr WHERE obs_value > 7",
    "SELECT * FROM ecb.exs",
    "SELECT * FROM ecb.ext",
    "SELECT * FROM exs",
    "SELECT * FROM exs.currency",
    "SELECT currncy FROM ecb.exr",
    // Plans and statistics.
    "EXPLAIN SELECT * FROM ecb.exr WHERE currency = 'ZZZ'",
    "EXPLAIN SELECT * FROM ecb.exr WHERE currency IN ('USD', 'ZZZ') AND time_period >= '2024-01-03'",
    "EXPLAIN SELECT count(*) FROM ecb.exr",
    "EXPLAIN VERBOSE SELECT currency, sum(obs_value) FROM ecb.exr GROUP BY currency",
    // The catalogue.
    "SELECT table_schema, table_name FROM information_schema.tables ORDER BY 1, 2",
    "SELECT * FROM information_schema.columns ORDER BY table_schema, table_name, ordinal_position",
    "SELECT * FROM sdmx_catalog.commits",
    "SELECT * FROM sdmx_catalog.releases",
    "SELECT * FROM sdmx_catalog.dataflows",
    "SELECT * FROM sdmx_catalog.codes WHERE codelist = 'CL_CURRENCY'",
    // Completion at the prompt asks these.
    "SELECT table_schema || '.' || table_name FROM information_schema.tables ORDER BY 1",
    "SELECT code FROM exr.currency WHERE starts_with(code, 'Z') ORDER BY code LIMIT 500",
    // Time travel and history.
    "SET sdmx.as_of = '2'",
    "SET sdmx.as_of = '4'; SELECT count(*) FROM ecb.exr",
    "SET sdmx.as_of = '2199-12-02T00:00:00Z'; SELECT count(*) FROM ecb.exr",
    "SELECT * FROM history('ECB:EXR')",
    "SELECT * FROM history('ECB:EXS')",
    "SELECT * FROM changes_since('ECB:EXR', '2020-01-01T00:00:00Z')",
    "SELECT * FROM sdmx('ECB:EXR')",
    "SELECT * FROM sdmx('ECB:EXS')",
    "SET sdmx.release = 'secret'",
    "SET sdmx.release = 'none'",
    "SHOW ALL",
];

/// Statements for PostgreSQL's own catalogue.
pub(crate) const ON_THE_WIRE: &[&str] = &[
    "SELECT oid, relname, relkind, reltuples, relpages FROM pg_catalog.pg_class ORDER BY oid",
    "SELECT attrelid, attname, atttypid, attnum FROM pg_catalog.pg_attribute ORDER BY 1, attnum",
    "SELECT nspname, oid FROM pg_catalog.pg_namespace ORDER BY oid",
    "SELECT * FROM pg_catalog.pg_stats",
    "SELECT * FROM pg_catalog.pg_settings WHERE name <> 'port'",
    "SELECT * FROM pg_catalog.pg_description ORDER BY 1, 2, 3",
    "SELECT pg_total_relation_size('ecb.exr'), pg_database_size('sdmxdb')",
    "SELECT 'ecb.exs'::regclass",
    "SELECT 'ecb.exr'::regclass::oid",
    "COPY ecb.exr TO STDOUT",
    "SELECT n_live_tup FROM pg_catalog.pg_stat_user_tables",
];

/// Requests of SDMX REST, and what they accept.
pub(crate) const REQUESTS: &[(&str, &str)] = &[
    ("/", "*/*"),
    ("/sdmx/v2/structure/dataflow", "*/*"),
    ("/sdmx/v2/structure/dataflow/ECB/*/*?references=all&detail=full", "*/*"),
    ("/sdmx/v2/structure/codelist/ECB/CL_CURRENCY/1.0", "application/vnd.sdmx.structure+json"),
    ("/sdmx/v2/structure/codelist/ECB/CL_CURRENCY/1.0?languages=eo", "*/*"),
    ("/sdmx/v2/structure/codelist/ECB/CL_CURRENCIES/1.0", "*/*"),
    ("/sdmx/v2/structure/dataflow/ECB/EXS/1.0", "*/*"),
    ("/sdmx/v2/structure/dataflow/ECB/EXT/1.0", "*/*"),
    ("/sdmx/v1/dataflow/all/all/latest?references=all", "*/*"),
    ("/sdmx/v1/datastructure/ECB/ECB_EXR1?references=parentsandsiblings", "*/*"),
    ("/sdmx/v2/schema/dataflow/ECB/EXR/1.0", "*/*"),
    ("/sdmx/v2/data/dataflow/ECB/EXR/1.0/*", "text/csv"),
    ("/sdmx/v2/data/dataflow/ECB/EXR/1.0/*", "application/vnd.sdmx.data+json;version=2.0.0"),
    ("/sdmx/v2/data/dataflow/ECB/EXR/1.0/*", "application/vnd.sdmx.data+xml;version=3.0.0"),
    ("/sdmx/v1/data/ECB,EXR,1.0/all", "application/vnd.sdmx.genericdata+xml;version=2.1"),
    ("/sdmx/v1/data/EXR/D.USD.EUR.SP00.A?lastNObservations=1", "text/csv"),
    ("/sdmx/v1/data/EXR/D.ZZZ.EUR.SP00.A", "text/csv"),
    ("/sdmx/v1/data/EXR/D.ZZY.EUR.SP00.A", "text/csv"),
    ("/sdmx/v1/data/EXS/all", "text/csv"),
    ("/sdmx/v1/data/EXT/all", "text/csv"),
    ("/sdmx/v2/data/dataflow/ECB/EXR/1.0/D.ZZZ.*.*.*", "text/csv"),
    ("/sdmx/v2/data/dataflow/*/*/*/*", "text/csv"),
    ("/sdmx/v2/data/dataflow/ECB/EXR/1.0/*?c[TIME_PERIOD]=ge:2025", "text/csv"),
    ("/sdmx/v2/data/dataflow/ECB/EXR/1.0/*?asOf=2199-12-02T00:00:00Z", "text/csv"),
    ("/sdmx/v2/data/dataflow/ECB/EXR/1.0/*?updatedAfter=2020-01-01T00:00:00Z", "text/csv"),
    ("/sdmx/v2/data/dataflow/ECB/EXR/1.0/*?updatedAfter=2199-01-01T00:00:00Z", "text/csv"),
    ("/sdmx/v2/data/dataflow/ECB/EXR/1.0/*?includeHistory=true", "*/*"),
    ("/sdmx/v2/availability/dataflow/ECB/EXR/1.0/*/*", "*/*"),
    ("/sdmx/v2/availability/dataflow/ECB/EXR/1.0/*/*?mode=available", "*/*"),
    ("/sdmx/v2/availability/dataflow/ECB/EXR/1.0/D.ZZZ.*.*.*/*", "*/*"),
    ("/sdmx/v2/availability/dataflow/ECB/EXS/1.0/*/*", "*/*"),
    ("/sdmx/v1/availableconstraint/EXR/all/all/CURRENCY", "*/*"),
];

/// Commands of the program, on the database `db`.
pub(crate) const COMMANDS: &[&[&str]] = &[
    &["info", "db"],
    &["info", "db", "--storage"],
    &["log", "db"],
    &["log", "db", "--flow", "ECB:EXR"],
    &["diff", "db", "2", "3"],
    &["diff", "db", "3", "4"],
    &["check", "db"],
    &["export", "db", "ECB:EXR"],
    &["export", "db", "ECB:EXS"],
    &["export", "db", "ECB:EXT"],
    &["export", "db", "ECB:EXR", "D.ZZZ..."],
    &["release", "db", "calendar"],
    &["release", "db", "zone"],
    &["sql", "db", "-c", "SELECT * FROM sdmx_catalog.dataflows"],
    &["sql", "db", "-c", "SELECT * FROM ecb.exs"],
    &["load", "--dry-run", "db", "missing.csv"],
];
