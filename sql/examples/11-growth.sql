-- Growth by period: the month a year before, found by its name and not by counting rows
SELECT now.time_period, now.obs_value AS rate, before.obs_value AS year_before,
       round(100 * (now.obs_value / before.obs_value - 1), 2) AS growth_pct
FROM demo.exr_avg AS now
JOIN demo.exr_avg AS before
  ON before.freq = now.freq AND before.currency = now.currency
 AND before.time_period = period_shift(now.time_period, -12)
WHERE now.freq = 'M' AND now.currency = 'GBP' AND in_period(now.time_period, '2016-S2')
ORDER BY now.time_period;
