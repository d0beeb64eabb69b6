-- The statements that benches/differ.py runs on both engines.
--
-- `-- name: x` begins a statement; `-- class: x` says to which class of targets it belongs (group,
-- list, window, point, other); `-- ordered` compares the rows in their order. {table} is the table
-- of the labour cube of benches/generate.rs; {series} is the whole key of one long quarterly
-- series. Numbers that may differ in the last bits are doubles; everything else must be equal.

-- name: count_all
-- class: group
SELECT count(*) AS n FROM {table};

-- name: count_values
-- class: group
SELECT count(*) AS n, count(obs_value) AS v, count(*) - count(obs_value) AS empty FROM {table};

-- name: sum_all
-- class: group
SELECT sum(obs_value) AS s, avg(obs_value) AS a, min(obs_value) AS lo, max(obs_value) AS hi FROM {table};

-- name: point_series
-- class: point
-- ordered
SELECT time_period, obs_value, obs_status FROM {table} WHERE {series} ORDER BY time_period;

-- name: point_observation
-- class: point
SELECT obs_value, obs_value_text, obs_status FROM {table} WHERE {series} AND time_period = '2020-Q1';

-- name: point_all_columns
-- class: point
SELECT * FROM {table} WHERE {series} AND time_period BETWEEN '2015' AND '2019-Q4';

-- name: slice_since
-- class: point
SELECT ref_area, age, unit, source, time_period, obs_value FROM {table}
WHERE freq = 'A' AND indicator = 'EMP_TEMP_NB' AND sex = 'F' AND time_period >= '2015';

-- name: slice_latest
-- class: other
SELECT freq, ref_area, sex, age, unit, source, max(time_period) AS latest FROM {table}
WHERE indicator = 'EMP_TEMP_NB' GROUP BY freq, ref_area, sex, age, unit, source;

-- name: filter_in
-- class: other
SELECT count(*) AS n, sum(obs_value) AS s FROM {table}
WHERE ref_area IN ('DE', 'FR', 'IT', 'ES', 'BH') AND sex IN ('F', 'M');

-- name: filter_or
-- class: other
SELECT count(*) AS n, avg(obs_value) AS a FROM {table}
WHERE (ref_area = 'DJ' AND sex = 'F') OR (indicator = 'EMP_2TRU_NB' AND age = '_T');

-- name: filter_not
-- class: other
SELECT source, count(*) AS n FROM {table}
WHERE NOT (freq = 'A' OR sex = '_T') AND unit <> 'EUR' GROUP BY source;

-- name: filter_not_in
-- class: other
SELECT count(*) AS n, max(obs_value) AS hi FROM {table}
WHERE unit NOT IN ('EUR', 'IX_2020', 'THS') AND age NOT IN ('_T');

-- name: like_prefix
-- class: other
SELECT indicator, count(*) AS n, sum(obs_value) AS s FROM {table}
WHERE indicator LIKE 'EMP%' GROUP BY indicator;

-- name: like_inside
-- class: other
SELECT count(*) AS n FROM {table} WHERE indicator LIKE '%_NB' AND age LIKE 'Y_GE%';

-- name: time_text_range
-- class: other
SELECT count(*) AS n, sum(obs_value) AS s FROM {table}
WHERE time_period >= '2010' AND time_period < '2015';

-- name: time_between
-- class: other
SELECT sex, count(*) AS n, avg(obs_value) AS a FROM {table}
WHERE freq = 'Q' AND time_period BETWEEN '2008-Q3' AND '2010-Q1' GROUP BY sex;

-- name: time_dates
-- class: other
SELECT freq, count(*) AS n FROM {table}
WHERE period_start >= DATE '2019-01-01' AND period_end <= DATE '2020-12-31' GROUP BY freq;

-- name: time_one_period
-- class: other
SELECT ref_area, sum(obs_value) AS s FROM {table} WHERE time_period = '2019' GROUP BY ref_area;

-- name: group_one
-- class: group
SELECT ref_area, sum(obs_value) AS s, count(*) AS n FROM {table} GROUP BY ref_area;

-- name: group_two
-- class: group
SELECT indicator, sex, avg(obs_value) AS a, count(obs_value) AS n FROM {table} GROUP BY indicator, sex;

-- name: group_min_max
-- class: group
SELECT ref_area, min(obs_value) AS lo, max(obs_value) AS hi FROM {table} GROUP BY ref_area;

-- name: group_filtered
-- class: group
SELECT ref_area, age, sum(obs_value) AS s FROM {table}
WHERE sex = 'F' AND freq = 'Q' GROUP BY ref_area, age;

-- name: group_time
-- class: group
SELECT time_period, sum(obs_value) AS s, count(*) AS n FROM {table} GROUP BY time_period;

-- name: group_dimension_time
-- class: group
SELECT indicator, time_period, sum(obs_value) AS s, count(obs_value) AS n FROM {table}
WHERE freq = 'A' GROUP BY indicator, time_period;

-- name: group_area_sex_time
-- class: group
SELECT ref_area, sex, time_period, avg(obs_value) AS a FROM {table}
WHERE freq = 'A' GROUP BY ref_area, sex, time_period;

-- name: group_dimension_time_all
-- class: group
SELECT indicator, time_period, sum(obs_value) AS s FROM {table} GROUP BY indicator, time_period;

-- name: cube_three
-- class: group
SELECT freq, sex, source, count(*) AS n, sum(obs_value) AS s FROM {table}
GROUP BY CUBE (freq, sex, source);

-- name: rollup_two
-- class: group
SELECT sex, age, count(obs_value) AS n FROM {table} GROUP BY ROLLUP (sex, age);

-- name: distinct_counts
-- class: list
SELECT count(DISTINCT ref_area) AS a, count(DISTINCT indicator) AS i, count(DISTINCT age) AS g,
count(DISTINCT unit) AS u, count(DISTINCT source) AS s FROM {table} WHERE sex = 'F';

-- name: distinct_periods
-- class: list
SELECT count(DISTINCT time_period) AS n, min(time_period) AS first, max(time_period) AS last FROM {table};

-- name: select_distinct
-- class: list
SELECT DISTINCT unit, source FROM {table} WHERE ref_area = 'DE';

-- name: select_distinct_all
-- class: list
-- ordered
SELECT DISTINCT ref_area FROM {table} ORDER BY ref_area;

-- name: availability_counts
-- class: list
SELECT age, count(*) AS n FROM {table} WHERE indicator = 'EAP_TEMP_RT' AND ref_area = 'BH' GROUP BY age;

-- name: having
-- class: group
SELECT ref_area, indicator, count(*) AS n FROM {table}
GROUP BY ref_area, indicator HAVING count(*) > 500;

-- name: order_limit
-- class: other
-- ordered
SELECT freq, ref_area, indicator, sex, age, unit, source, time_period, obs_value FROM {table}
WHERE sex = 'F' ORDER BY freq, ref_area, indicator, sex, age, unit, source, time_period LIMIT 100;

-- name: order_other_dimensions
-- class: other
-- ordered
SELECT ref_area, freq, indicator, sex, age, unit, source, time_period, obs_value FROM {table}
ORDER BY indicator DESC, ref_area, freq, sex, age, unit, source, time_period LIMIT 50;

-- name: top_ten
-- class: other
-- ordered
SELECT freq, ref_area, indicator, sex, age, unit, source, time_period, obs_value FROM {table}
WHERE obs_value IS NOT NULL
ORDER BY obs_value DESC, freq, ref_area, indicator, sex, age, unit, source, time_period LIMIT 10;

-- name: top_groups
-- class: group
-- ordered
SELECT ref_area, count(*) AS n FROM {table} GROUP BY ref_area ORDER BY n DESC, ref_area LIMIT 10;

-- name: growth_by_lag
-- class: window
SELECT ref_area, sex, age, unit, source, time_period, obs_value
  - lag(obs_value) OVER (PARTITION BY freq, ref_area, indicator, sex, age, unit, source ORDER BY time_period) AS growth
FROM {table} WHERE indicator = 'EMP_TEMP_NB' AND freq = 'A';

-- name: growth_all
-- class: window
SELECT count(*) AS n, count(g) AS v, max(g) AS hi FROM (
  SELECT obs_value - lag(obs_value) OVER (
    PARTITION BY freq, ref_area, indicator, sex, age, unit, source ORDER BY time_period) AS g
  FROM {table}) AS t;

-- name: moving_average
-- class: window
SELECT ref_area, sex, age, unit, source, time_period, avg(obs_value) OVER (
  PARTITION BY ref_area, sex, age, unit, source ORDER BY time_period ROWS BETWEEN 3 PRECEDING AND CURRENT ROW) AS a
FROM {table} WHERE indicator = 'EAP_TEMP_RT' AND freq = 'Q';

-- name: first_of_each
-- class: window
SELECT ref_area, time_period, obs_value FROM (
  SELECT ref_area, time_period, obs_value, row_number() OVER (
    PARTITION BY ref_area, sex, age, unit, source ORDER BY time_period DESC) AS r
  FROM {table} WHERE indicator = 'EMP_2TRU_NB' AND freq = 'A') AS t
WHERE r = 1;

-- name: cumulative
-- class: window
SELECT sex, age, time_period, sum(obs_value) OVER (
  PARTITION BY freq, sex, age, unit, source ORDER BY time_period) AS running
FROM {table} WHERE ref_area = 'BH' AND indicator = 'EAP_TEMP_RT';

-- name: join_ratio
-- class: window
SELECT f.ref_area, f.age, f.unit, f.source, f.time_period, f.obs_value / m.obs_value AS ratio
FROM {table} AS f JOIN {table} AS m
  ON f.ref_area = m.ref_area AND f.age = m.age AND f.unit = m.unit AND f.source = m.source
  AND f.time_period = m.time_period
WHERE f.freq = m.freq AND f.indicator = 'EAP_TEMP_RT' AND m.indicator = 'EAP_TEMP_RT'
  AND f.sex = 'F' AND m.sex = 'M' AND m.obs_value <> 0;

-- name: cte_shares
-- class: window
WITH totals AS (
  SELECT ref_area, sum(obs_value) AS total FROM {table} WHERE freq = 'A' GROUP BY ref_area)
SELECT d.ref_area, d.sex, sum(d.obs_value) / max(t.total) AS share
FROM {table} AS d JOIN totals AS t ON d.ref_area = t.ref_area
WHERE d.freq = 'A' GROUP BY d.ref_area, d.sex;

-- name: case_pivot
-- class: group
SELECT ref_area, sum(CASE WHEN sex = 'F' THEN obs_value END) AS f,
  sum(CASE WHEN sex = 'M' THEN obs_value END) AS m
FROM {table} WHERE indicator = 'EAP_TEMP_RT' GROUP BY ref_area;

-- name: status_counts
-- class: group
SELECT obs_status, count(*) AS n FROM {table} GROUP BY obs_status;

-- name: status_filter
-- class: other
SELECT ref_area, count(*) AS n, avg(obs_value) AS a FROM {table}
WHERE obs_status IN ('E', 'P') GROUP BY ref_area;

-- name: attribute_filter
-- class: other
SELECT unit_measure, decimals, count(*) AS n FROM {table}
WHERE unit_mult = '6' GROUP BY unit_measure, decimals;

-- name: value_filter
-- class: other
SELECT sex, count(*) AS n FROM {table} WHERE obs_value > 250000 GROUP BY sex;

-- name: value_null
-- class: other
SELECT obs_status, count(*) AS n FROM {table} WHERE obs_value IS NULL GROUP BY obs_status;

-- name: median_group
-- class: window
SELECT sex, source, median(obs_value) AS m FROM {table} WHERE freq = 'A' GROUP BY sex, source;

-- name: deviation
-- class: window
SELECT ref_area, stddev(obs_value) AS d FROM {table} WHERE indicator = 'EAP_TEMP_RT' GROUP BY ref_area;

-- name: union_two
-- class: other
SELECT 'area' AS what, ref_area AS code, count(*) AS n FROM {table} WHERE sex = 'F' GROUP BY ref_area
UNION ALL
SELECT 'age' AS what, age AS code, count(*) AS n FROM {table} WHERE sex = 'F' GROUP BY age;

-- name: subquery_in
-- class: other
SELECT count(*) AS n, sum(obs_value) AS s FROM {table}
WHERE ref_area IN (SELECT ref_area FROM {table} WHERE obs_value > 2000000);

-- name: expression_group
-- class: group
SELECT substr(time_period, 1, 4) AS year, count(*) AS n, avg(obs_value) AS a FROM {table}
GROUP BY substr(time_period, 1, 4);

-- name: nothing
-- class: point
SELECT ref_area, obs_value FROM {table} WHERE ref_area = 'NO_SUCH_CODE';

-- name: no_period
-- class: other
SELECT count(*) AS n, sum(obs_value) AS s FROM {table} WHERE time_period > '2100';
