-- Availability: what there is for a choice already made, and for which years
SELECT currency, freq, count(*) AS periods, min(time_period) AS first, max(time_period) AS last
FROM demo.exr_avg
WHERE currency IN ('TRL', 'TRY')
GROUP BY currency, freq
ORDER BY currency, freq;
