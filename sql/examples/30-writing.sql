-- Correct a rate, add one, see both, and think better of it
BEGIN;
UPDATE ecb.exr SET obs_value = 1.0720
WHERE freq = 'D' AND currency = 'USD' AND time_period = '2024-01-02'
RETURNING currency, time_period, obs_value_text;
INSERT INTO ecb.exr (freq, currency, currency_denom, exr_type, exr_suffix, time_period, obs_value)
VALUES ('D', 'USD', 'EUR', 'SP00', 'A', '2099-12-31', 1.10)
RETURNING currency, time_period, obs_value_text;
ROLLBACK;
