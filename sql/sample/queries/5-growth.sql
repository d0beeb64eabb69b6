-- A growth rate: the Turkish lira for one euro, each year against the year before
WITH lira AS (
    SELECT time_period, obs_value, obs_status,
           lag(obs_value) OVER (ORDER BY period_start) AS year_before
    FROM demo.exr_avg
    WHERE freq = 'A' AND currency = 'TRY'
)
SELECT time_period, obs_value AS lira_for_one_euro, obs_status,
       round(100 * (obs_value / year_before - 1), 1) AS growth_pct
FROM lira
WHERE time_period >= '2016'
ORDER BY time_period;
