-- A join of two flows: the days that were furthest from the average of their month
SELECT e.currency, e.time_period AS day, e.obs_value AS rate, a.obs_value AS month_average,
       round(100 * (e.obs_value / a.obs_value - 1), 1) AS distance_pct
FROM ecb.exr AS e
JOIN demo.exr_avg AS a
  ON a.freq = 'M' AND a.currency = e.currency AND a.time_period = substr(e.time_period, 1, 7)
ORDER BY abs(e.obs_value / a.obs_value - 1) DESC
LIMIT 10;
