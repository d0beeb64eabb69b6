-- A share of the whole, by a window over an aggregate
SELECT time_period, ref_area, sum(obs_value) AS persons,
       round(100 * sum(obs_value) / sum(sum(obs_value)) OVER (PARTITION BY time_period), 1) AS share
FROM demo.pop_be
WHERE time_period IN ('1991', '2016')
GROUP BY time_period, ref_area
ORDER BY time_period, ref_area;
