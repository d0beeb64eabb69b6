-- The attributes of each dataflow, and what each qualifies.
SELECT agency, dataflow, version, component AS attribute, column_name, name, attached_to, codelist,
       text_type, is_mandatory, table_schema, table_name
FROM sdmx_catalog.components
WHERE role = 'attribute'
