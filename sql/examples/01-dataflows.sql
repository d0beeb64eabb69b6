-- What is in here, how much, and in which table
SELECT agency || ':' || id || '(' || version || ')' AS dataflow,
       table_schema || '.' || table_name AS table,
       dimensions, series, observations
FROM sdmx_catalog.dataflows
ORDER BY dataflow;
