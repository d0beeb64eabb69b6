-- Chronology: every observation within a quarter, whatever the form of its period
SELECT currency, count(*) AS days, min(obs_value) AS lowest, max(obs_value) AS highest
FROM ecb.exr
WHERE in_period(time_period, '2020-Q1') AND currency IN ('GBP', 'NOK', 'USD')
GROUP BY currency
ORDER BY currency;
