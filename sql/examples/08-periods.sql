-- Period arithmetic stays within the form of a period
SELECT period_shift('2020-W53', 1) AS next_week, period_shift('2024-Q1', -1) AS quarter_before,
       period_start('2024-Q1') AS starts, period_end('2024-Q1') AS ends,
       in_period('2024-02-29', '2024-Q1') AS lies_within;
