-- Statements of benches/peers.py over any cube with REF_AREA, SEX and AGE, such as the real ones:
-- world population (25 million observations, 5 dimensions) and the goals of sustainable development
-- (1.1 million, 31 dimensions). Written as shapes.sql.

-- name: one_series
-- class: point
-- ordered
SELECT time_period, obs_value FROM {table} WHERE {series} ORDER BY time_period;

-- name: one_area
-- class: point
SELECT sex, age, count(*) AS n FROM {table} WHERE ref_area = '40' GROUP BY sex, age;

-- name: total
-- class: group
SELECT count(*) AS n, count(obs_value) AS v, sum(obs_value) AS s, min(obs_value) AS lo, max(obs_value) AS hi FROM {table};

-- name: by_area
-- class: group
SELECT ref_area, sum(obs_value) AS s, count(*) AS n FROM {table} GROUP BY ref_area;

-- name: by_time
-- class: group
SELECT time_period, avg(obs_value) AS a, count(*) AS n FROM {table} GROUP BY time_period;

-- name: by_area_and_time
-- class: group
SELECT ref_area, time_period, sum(obs_value) AS s FROM {table} WHERE sex = 'F' GROUP BY ref_area, time_period;

-- name: since_a_year
-- class: group
SELECT sex, count(*) AS n, sum(obs_value) AS s FROM {table} WHERE time_period >= '2010' GROUP BY sex;

-- name: cube_of_two
-- class: group
SELECT sex, age, count(*) AS n, sum(obs_value) AS s FROM {table} GROUP BY CUBE (sex, age);

-- name: availability
-- class: list
SELECT 'area' AS dimension, ref_area AS code, count(*) AS n FROM {table} WHERE sex = 'F' GROUP BY ref_area
UNION ALL SELECT 'age', age, count(*) FROM {table} WHERE sex = 'F' GROUP BY age;

-- name: count_distinct
-- class: list
SELECT count(DISTINCT ref_area) AS r, count(DISTINCT age) AS a, count(DISTINCT time_period) AS t FROM {table};

-- name: median
-- class: window
SELECT sex, median(obs_value) AS m FROM {table} GROUP BY sex;
-- clickhouse: SELECT sex, quantileExactInclusive(0.5)(obs_value) AS m FROM {table} GROUP BY sex
-- postgresql: SELECT sex, percentile_cont(0.5) WITHIN GROUP (ORDER BY obs_value) AS m FROM {table} GROUP BY sex

-- name: value_filter
-- class: window
SELECT sex, count(*) AS n FROM {table} WHERE obs_value > 1000 GROUP BY sex;

-- name: in_subquery
-- class: window
SELECT count(*) AS n, sum(obs_value) AS s FROM {table}
WHERE ref_area IN (SELECT ref_area FROM {table} WHERE obs_value > 1000000);
