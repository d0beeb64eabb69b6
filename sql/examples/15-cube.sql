-- Totals and subtotals in one go: an empty cell stands for all
SELECT sex, citizenship, sum(obs_value) AS persons
FROM demo.pop_be
WHERE time_period = '2016'
GROUP BY CUBE (sex, citizenship)
ORDER BY sex NULLS FIRST, citizenship NULLS FIRST;
