-- A revision triangle: a row a period, a column a publication of it
SELECT time_period,
       max(obs_value_text) FILTER (WHERE publication = 1) AS first,
       max(obs_value_text) FILTER (WHERE publication = 2) AS second,
       max(obs_value_text) FILTER (WHERE publication = 3) AS third,
       count(*) - 1 AS revisions
FROM (SELECT time_period, obs_value_text,
             row_number() OVER (PARTITION BY time_period ORDER BY valid_from) AS publication
      FROM history('DEMO:EXR_AVG', 'M.GBP...')) AS versions
WHERE in_period(time_period, '2016-Q3')
GROUP BY time_period
ORDER BY time_period;
