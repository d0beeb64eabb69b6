-- What is decided before anything is read
EXPLAIN
SELECT currency, sum(obs_value)
FROM ecb.exr
WHERE currency IN ('GBP', 'USD') AND period_start >= DATE '2020-01-01'
GROUP BY currency;
