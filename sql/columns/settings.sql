-- name: settings :one
-- The settings that decide how values are written as text, as they are now.
SELECT
    current_setting('DateStyle') AS date_style,
    current_setting('IntervalStyle') AS interval_style,
    current_setting('TimeZone') AS time_zone,
    current_setting('extra_float_digits') AS float_digits,
    current_setting('bytea_output') AS bytea_output;
