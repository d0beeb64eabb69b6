-- A slice: four currencies around the British referendum of 23 June 2016
SELECT time_period,
       max(obs_value) FILTER (WHERE currency = 'GBP') AS gbp,
       max(obs_value) FILTER (WHERE currency = 'USD') AS usd,
       max(obs_value) FILTER (WHERE currency = 'CHF') AS chf,
       max(obs_value) FILTER (WHERE currency = 'JPY') AS jpy
FROM ecb.exr
WHERE currency IN ('GBP', 'USD', 'CHF', 'JPY')
  AND period_start BETWEEN DATE '2016-06-20' AND DATE '2016-06-30'
GROUP BY time_period
ORDER BY time_period;
