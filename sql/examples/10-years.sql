-- Days to years: group by a function of the period
SELECT extract(year FROM period_start) AS year, count(*) AS days,
       round(avg(obs_value), 4) AS average
FROM ecb.exr
WHERE currency = 'USD' AND period_start >= DATE '2020-01-01'
GROUP BY extract(year FROM period_start)
ORDER BY year;
