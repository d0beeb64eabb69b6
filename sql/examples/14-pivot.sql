-- A pivot table: years down, regions across
SELECT time_period,
       sum(obs_value) FILTER (WHERE ref_area = 'BE1') AS brussels,
       sum(obs_value) FILTER (WHERE ref_area = 'BE2') AS flanders,
       sum(obs_value) FILTER (WHERE ref_area = 'BE3') AS wallonia
FROM demo.pop_be
WHERE citizenship = 'FO' AND time_period >= '2012'
GROUP BY time_period
ORDER BY time_period;
