-- One table at two times, beside each other: what was revised in between
SELECT now.time_period, was.obs_value_text AS was, now.obs_value_text AS now
FROM demo.exr_avg AS now
JOIN demo.exr_avg FOR SYSTEM_TIME AS OF 1 AS was
  ON was.freq = now.freq AND was.currency = now.currency AND was.time_period = now.time_period
WHERE now.freq = 'M' AND now.currency = 'GBP' AND in_period(now.time_period, '2016-Q3')
ORDER BY now.time_period;
