-- What is available: the currencies that no longer have a rate, and for how long they had one
SELECT currency, currency_name, min(time_period) AS first_rate, max(time_period) AS last_rate,
       count(*) AS rates
FROM ecb.exr_labels
GROUP BY currency, currency_name
HAVING max(period_start) < (SELECT max(period_start) FROM ecb.exr)
ORDER BY last_rate DESC, currency
LIMIT 9;
