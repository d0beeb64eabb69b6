-- What changed since a time, deletions included
SELECT time_period, change, obs_value_text_before AS was, obs_value_text AS now
FROM changes_since('DEMO:EXR_AVG', '2000-01-01', 'M.GBP...')
WHERE in_period(time_period, '2016-Q3')
ORDER BY time_period;
