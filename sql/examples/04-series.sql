-- One series, newest period first
SELECT time_period, obs_value
FROM ecb.exr
WHERE currency = 'JPY' AND freq = 'D'
ORDER BY time_period DESC
LIMIT 5;
