-- A window: the average of the last three months
SELECT time_period, obs_value,
       round(avg(obs_value) OVER (ORDER BY time_period ROWS 2 PRECEDING), 6) AS three_months
FROM demo.exr_avg
WHERE freq = 'M' AND currency = 'NOK' AND in_period(time_period, '2020-S1')
ORDER BY time_period;
