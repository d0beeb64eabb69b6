-- The statements that benches/peers.py runs on every engine, in all shapes that statistics are
-- asked in.
--
-- As in queries.sql: `-- name: x`, `-- class: x`, `-- ordered`; {table} is the labour cube of
-- benches/generate.rs, {series} the key of one long quarterly series. A line `-- clickhouse: ...`
-- is the whole statement for an engine that says it otherwise. Columns are those that all engines
-- have: dimensions, period, value, status, attributes. Classes: group, list, window, point, wide.

-- name: one_series
-- class: point
-- ordered
SELECT time_period, obs_value, obs_status FROM {table} WHERE {series} ORDER BY time_period;

-- name: one_observation
-- class: point
SELECT obs_value, obs_status FROM {table} WHERE {series} AND time_period = '2020-Q1';

-- name: slice
-- class: point
SELECT ref_area, age, unit, source, time_period, obs_value FROM {table}
WHERE freq = 'A' AND indicator = 'EMP_TEMP_NB' AND sex = 'F' AND time_period >= '2015';

-- name: total
-- class: group
SELECT count(*) AS n, count(obs_value) AS v, sum(obs_value) AS s, avg(obs_value) AS a,
  min(obs_value) AS lo, max(obs_value) AS hi FROM {table};

-- name: latest_period
-- class: group
SELECT freq, ref_area, sex, age, unit, source, max(time_period) AS latest FROM {table}
WHERE indicator = 'EMP_TEMP_NB' GROUP BY freq, ref_area, sex, age, unit, source;

-- name: by_area_one_period
-- class: group
SELECT ref_area, sum(obs_value) AS s, count(obs_value) AS n FROM {table}
WHERE time_period = '2019' GROUP BY ref_area;

-- name: by_area
-- class: group
SELECT ref_area, sum(obs_value) AS s, count(*) AS n FROM {table} GROUP BY ref_area;

-- name: by_area_and_sex
-- class: group
SELECT ref_area, sex, avg(obs_value) AS a, min(obs_value) AS lo, max(obs_value) AS hi FROM {table}
GROUP BY ref_area, sex;

-- name: by_area_and_time
-- class: group
SELECT ref_area, time_period, sum(obs_value) AS s, count(obs_value) AS n FROM {table}
WHERE indicator = 'EMP_TEMP_NB' GROUP BY ref_area, time_period;

-- name: by_many_and_time
-- class: group
SELECT ref_area, sex, age, time_period, sum(obs_value) AS s FROM {table}
WHERE freq = 'A' GROUP BY ref_area, sex, age, time_period;

-- name: by_time
-- class: group
SELECT time_period, sum(obs_value) AS s, count(*) AS n FROM {table} GROUP BY time_period;

-- name: by_indicator_and_time
-- class: group
SELECT indicator, time_period, avg(obs_value) AS a FROM {table} WHERE freq = 'A'
GROUP BY indicator, time_period;

-- name: by_year
-- class: group
SELECT substr(time_period, 1, 4) AS year, count(*) AS n, avg(obs_value) AS a FROM {table}
GROUP BY substr(time_period, 1, 4);
-- clickhouse: SELECT substring(time_period, 1, 4) AS year, count(*) AS n, avg(obs_value) AS a FROM {table} GROUP BY year

-- name: since_a_year
-- class: group
SELECT sex, count(*) AS n, sum(obs_value) AS s FROM {table}
WHERE time_period >= '2010' AND time_period < '2015' GROUP BY sex;

-- name: areas_and_sexes
-- class: group
SELECT count(*) AS n, sum(obs_value) AS s FROM {table}
WHERE ref_area IN ('DE', 'FR', 'IT', 'ES', 'BH') AND sex IN ('F', 'M');

-- name: cube_three
-- class: group
SELECT freq, sex, source, count(*) AS n, sum(obs_value) AS s FROM {table}
GROUP BY CUBE (freq, sex, source);

-- name: rollup
-- class: group
SELECT sex, age, count(obs_value) AS n, sum(obs_value) AS s FROM {table} GROUP BY ROLLUP (sex, age);

-- name: grouping_sets
-- class: group
SELECT ref_area, sex, sum(obs_value) AS s FROM {table}
WHERE freq = 'A' GROUP BY GROUPING SETS ((ref_area, sex), (ref_area), ());

-- name: pivot
-- class: group
SELECT ref_area, sum(CASE WHEN sex = 'F' THEN obs_value END) AS f,
  sum(CASE WHEN sex = 'M' THEN obs_value END) AS m FROM {table} GROUP BY ref_area;

-- name: filtered_sums
-- class: group
SELECT indicator, sum(obs_value) FILTER (WHERE time_period >= '2020') AS late,
  sum(obs_value) FILTER (WHERE time_period < '2020') AS early FROM {table}
WHERE freq = 'A' GROUP BY indicator;

-- name: having
-- class: group
SELECT ref_area, indicator, count(*) AS n FROM {table}
GROUP BY ref_area, indicator HAVING count(*) > 500;

-- name: statuses
-- class: group
SELECT obs_status, count(*) AS n, avg(obs_value) AS a FROM {table} GROUP BY obs_status;

-- name: status_filter
-- class: group
SELECT ref_area, count(*) AS n, avg(obs_value) AS a FROM {table}
WHERE obs_status IN ('E', 'P') GROUP BY ref_area;

-- name: availability
-- class: list
SELECT 'freq' AS dimension, freq AS code, count(*) AS n FROM {table} WHERE ref_area = 'DE' GROUP BY freq
UNION ALL SELECT 'indicator', indicator, count(*) FROM {table} WHERE ref_area = 'DE' GROUP BY indicator
UNION ALL SELECT 'sex', sex, count(*) FROM {table} WHERE ref_area = 'DE' GROUP BY sex
UNION ALL SELECT 'age', age, count(*) FROM {table} WHERE ref_area = 'DE' GROUP BY age
UNION ALL SELECT 'unit', unit, count(*) FROM {table} WHERE ref_area = 'DE' GROUP BY unit
UNION ALL SELECT 'source', source, count(*) FROM {table} WHERE ref_area = 'DE' GROUP BY source;

-- name: availability_of_all
-- class: list
SELECT DISTINCT 'freq' AS dimension, freq AS code FROM {table}
UNION ALL SELECT DISTINCT 'ref_area', ref_area FROM {table}
UNION ALL SELECT DISTINCT 'indicator', indicator FROM {table}
UNION ALL SELECT DISTINCT 'sex', sex FROM {table}
UNION ALL SELECT DISTINCT 'age', age FROM {table}
UNION ALL SELECT DISTINCT 'unit', unit FROM {table}
UNION ALL SELECT DISTINCT 'source', source FROM {table};

-- name: list_of_series
-- class: list
SELECT DISTINCT freq, ref_area, indicator, sex, age, unit, source FROM {table};

-- name: count_distinct
-- class: list
SELECT count(DISTINCT ref_area) AS a, count(DISTINCT indicator) AS i, count(DISTINCT age) AS g,
  count(DISTINCT unit) AS u, count(DISTINCT time_period) AS t FROM {table};

-- name: time_bounds
-- class: list
SELECT freq, min(time_period) AS first, max(time_period) AS last FROM {table} GROUP BY freq;

-- name: growth
-- class: window
SELECT count(*) AS n, count(g) AS v, max(g) AS hi FROM (
  SELECT obs_value - lag(obs_value) OVER (
    PARTITION BY freq, ref_area, indicator, sex, age, unit, source ORDER BY time_period) AS g
  FROM {table}) AS t;

-- name: growth_of_a_slice
-- class: window
SELECT ref_area, sex, age, unit, source, time_period, obs_value
  - lag(obs_value) OVER (PARTITION BY freq, ref_area, indicator, sex, age, unit, source ORDER BY time_period) AS growth
FROM {table} WHERE indicator = 'EMP_TEMP_NB' AND freq = 'A';

-- name: moving_average
-- class: window
SELECT freq, count(a) AS n, max(a) AS hi FROM (
  SELECT freq, avg(obs_value) OVER (
    PARTITION BY freq, ref_area, indicator, sex, age, unit, source ORDER BY time_period
    ROWS BETWEEN 3 PRECEDING AND CURRENT ROW) AS a
  FROM {table} WHERE sex = 'F') AS t GROUP BY freq;

-- name: cumulated
-- class: window
SELECT sex, age, time_period, sum(obs_value) OVER (
  PARTITION BY freq, ref_area, indicator, sex, age, unit, source ORDER BY time_period) AS running
FROM {table} WHERE ref_area = 'DE';

-- name: last_of_each
-- class: window
SELECT ref_area, sex, age, unit, source, time_period, obs_value FROM (
  SELECT *, row_number() OVER (
    PARTITION BY freq, ref_area, indicator, sex, age, unit, source ORDER BY time_period DESC) AS r
  FROM {table} WHERE indicator = 'EMP_TEMP_NB') AS t WHERE r = 1;

-- name: median
-- class: window
SELECT indicator, median(obs_value) AS m FROM {table} GROUP BY indicator;
-- clickhouse: SELECT indicator, quantileExactInclusive(0.5)(obs_value) AS m FROM {table} GROUP BY indicator
-- postgresql: SELECT indicator, percentile_cont(0.5) WITHIN GROUP (ORDER BY obs_value) AS m FROM {table} GROUP BY indicator

-- name: deviation
-- class: window
SELECT ref_area, stddev(obs_value) AS d FROM {table} GROUP BY ref_area;
-- clickhouse: SELECT ref_area, stddevSampStable(obs_value) AS d FROM {table} GROUP BY ref_area

-- name: value_filter
-- class: window
SELECT sex, count(*) AS n FROM {table} WHERE obs_value > 250000 GROUP BY sex;

-- name: value_missing
-- class: window
SELECT obs_status, count(*) AS n FROM {table} WHERE obs_value IS NULL GROUP BY obs_status;

-- name: top_ten
-- class: window
-- ordered
SELECT freq, ref_area, indicator, sex, age, unit, source, time_period, obs_value FROM {table}
WHERE obs_value IS NOT NULL
ORDER BY obs_value DESC, freq, ref_area, indicator, sex, age, unit, source, time_period LIMIT 10;

-- name: ratio
-- class: window
SELECT f.ref_area, f.age, f.unit, f.source, f.time_period, f.obs_value / m.obs_value AS ratio
FROM {table} AS f JOIN {table} AS m
  ON f.freq = m.freq AND f.ref_area = m.ref_area AND f.age = m.age AND f.unit = m.unit
  AND f.source = m.source AND f.time_period = m.time_period
WHERE f.indicator = 'EAP_TEMP_RT' AND m.indicator = 'EAP_TEMP_RT' AND f.sex = 'F' AND m.sex = 'M' AND m.obs_value <> 0;

-- name: shares
-- class: window
WITH totals AS (
  SELECT ref_area, sum(obs_value) AS total FROM {table} WHERE freq = 'A' GROUP BY ref_area)
SELECT d.ref_area, d.sex, sum(d.obs_value) / max(t.total) AS share
FROM {table} AS d JOIN totals AS t ON d.ref_area = t.ref_area
WHERE d.freq = 'A' GROUP BY d.ref_area, d.sex;

-- name: in_subquery
-- class: window
SELECT count(*) AS n, sum(obs_value) AS s FROM {table}
WHERE ref_area IN (SELECT ref_area FROM {table} WHERE obs_value > 2000000);

-- name: first_rows
-- class: wide
-- ordered
SELECT freq, ref_area, indicator, sex, age, unit, source, time_period, obs_value FROM {table}
WHERE sex = 'F' ORDER BY freq, ref_area, indicator, sex, age, unit, source, time_period LIMIT 100;

-- name: wide_scan
-- class: wide
SELECT freq, ref_area, indicator, sex, age, unit, source, time_period, obs_value, obs_status,
  unit_measure, unit_mult, decimals FROM {table} WHERE indicator = 'EMP_TEMP_NB';
