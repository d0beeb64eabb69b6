-- An aggregate over dimensions and time: Belgium by age group, as the code list groups the ages
SELECT d.parent AS age_group,
       sum(p.obs_value) FILTER (WHERE p.time_period = '1991') AS pop_1991,
       sum(p.obs_value) FILTER (WHERE p.time_period = '2016') AS pop_2016,
       round(100 * (sum(p.obs_value) FILTER (WHERE p.time_period = '2016')
                    / sum(p.obs_value) FILTER (WHERE p.time_period = '1991') - 1), 1) AS change_pct
FROM demo.pop_be AS p
JOIN demo.pop_be_dim_age AS d ON d.code = p.age
GROUP BY d.parent
ORDER BY min(d.position);
