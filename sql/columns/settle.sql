-- name: settle :one
-- Sets, until the transaction ends, how values are written as text.
-- $1 date_style, $2 interval_style, $3 time_zone, $4 float_digits, $5 bytea_output
SELECT
    set_config('DateStyle', $1, true) AS date_style,
    set_config('IntervalStyle', $2, true) AS interval_style,
    set_config('TimeZone', $3, true) AS time_zone,
    set_config('extra_float_digits', $4, true) AS float_digits,
    set_config('bytea_output', $5, true) AS bytea_output;
