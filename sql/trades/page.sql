-- name: page :many
-- At most $4 trades of a symbol after ($2, $3), or from the first one when both are NULL:
-- by executed_at, then id.
-- $1 symbol, $2 after_executed_at, $3 after_id, $4 limit
-- index: trades_symbol_time
SELECT
    symbol, side, quantity, price, executed_at, venue,
    venue_trade_id, user_id, strategy, fee, currency, id
FROM trades
WHERE
    symbol = $1
    AND (executed_at, id) > (
        -- Before every trade: none is at -infinity.
        coalesce($2::timestamptz, timestamptz '-infinity'),
        coalesce($3::uuid, uuid '00000000-0000-0000-0000-000000000000')
    )
ORDER BY executed_at, id
LIMIT $4::bigint;
