-- Every code with the codes above it, from the top: World > Europe > Italy.
WITH RECURSIVE paths AS (
    SELECT agency, codelist, version, code, name, 1 AS level, coalesce(name, code) AS path
    FROM sdmx_catalog.codes
    WHERE parent IS NULL
    UNION ALL
    SELECT c.agency, c.codelist, c.version, c.code, c.name, p.level + 1 AS level,
           p.path || ' > ' || coalesce(c.name, c.code) AS path
    FROM sdmx_catalog.codes AS c
    JOIN paths AS p
      ON p.agency = c.agency AND p.codelist = c.codelist AND p.version = c.version
     AND p.code = c.parent
    WHERE p.level < 100
)
SELECT agency, codelist, version, code, name, level, path FROM paths
