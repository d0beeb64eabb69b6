-- One series: the US dollar on the last ten days with a rate
SELECT time_period, obs_value, obs_value_text, title_compl
FROM ecb.exr
WHERE freq = 'D' AND currency = 'USD'
ORDER BY period_start DESC
LIMIT 10;
