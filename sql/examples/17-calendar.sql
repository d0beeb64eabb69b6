-- The calendar: working days of 2020 on which there was no rate
SELECT d.date, d.day_of_week
FROM sdmx_catalog.dim_date AS d
LEFT JOIN ecb.exr AS e ON e.time_period = d.day_period AND e.currency = 'USD'
WHERE d.year = 2020 AND NOT d.is_weekend AND e.time_period IS NULL
ORDER BY d.date;
