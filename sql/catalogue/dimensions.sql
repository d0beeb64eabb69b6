-- The dimensions of each dataflow, with the table that holds the codes of each.
SELECT agency, dataflow, version, position, component AS dimension, column_name, name, codelist,
       table_schema, table_name || '_dim_' || column_name AS code_table
FROM sdmx_catalog.components
WHERE role = 'dimension'
