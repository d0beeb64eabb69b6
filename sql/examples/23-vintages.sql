-- Vintages: what was known of each period after each commit
SELECT c.number AS vintage, h.time_period, h.obs_value_text
FROM sdmx_catalog.commits AS c
JOIN history('DEMO:EXR_AVG', 'M.GBP...') AS h
  ON h.valid_from <= c.effective AND (c.effective < h.valid_to OR h.valid_to IS NULL)
WHERE in_period(h.time_period, '2016-Q3')
ORDER BY vintage, time_period;
