-- The star schema: two dimensions joined, the regions by name
SELECT area.name AS region, age.parent AS age_group, sum(p.obs_value) AS persons
FROM demo.pop_be AS p
JOIN demo.pop_be_dim_ref_area AS area ON area.code = p.ref_area
JOIN demo.pop_be_dim_age AS age ON age.code = p.age
WHERE p.time_period = '2016'
GROUP BY area.name, area.position, age.parent
ORDER BY area.position, min(age.position);
