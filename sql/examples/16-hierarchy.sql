-- A second hierarchy over the same codes: five-year groups instead of broad ones
SELECT h.parent AS age_group, sum(p.obs_value) AS persons
FROM demo.pop_be AS p
JOIN sdmx_catalog.hierarchies AS h
  ON h.id = 'HCL_AGE' AND h.hierarchy = 'FIVE_YEARS' AND h.code = p.age
JOIN demo.cl_age AS g ON g.code = h.parent
WHERE p.time_period = '2016' AND p.ref_area = 'BE1'
GROUP BY h.parent, g.position
ORDER BY g.position
LIMIT 5;
