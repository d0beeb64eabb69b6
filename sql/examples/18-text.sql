-- As published: the text keeps what a number cannot, here the last zeros
SELECT time_period, obs_value, obs_value_text
FROM demo.exr_avg
WHERE freq = 'M' AND currency = 'GBP' AND time_period BETWEEN '2016-09' AND '2016-11'
ORDER BY time_period;
