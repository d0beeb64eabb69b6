-- What each column of a table is
SELECT column_name, role, attached_to, name, codelist
FROM sdmx_catalog.components
WHERE table_schema = 'demo' AND table_name = 'pop_be'
ORDER BY position;
