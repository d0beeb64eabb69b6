-- Looking for a code by its name, in every codelist
SELECT agency, codelist, code, name
FROM sdmx_catalog.codes
WHERE name ILIKE '%franc%'
ORDER BY codelist, code;
