-- name: conflicts :many
-- After merge: the first $1 staged trades, by n, that are not stored as they were staged, every
-- column compared by value. constraint_name is the key that another trade holds, stored_id that
-- trade; NULL when it is not to be seen (deleted meanwhile).
-- $1 limit
-- All are joined at once, by id; only those $1 are looked up by trades_venue_key.
-- after: stage
SELECT
    d.n,
    d.id,
    CASE WHEN d.id_is_stored THEN 'trades_pkey' ELSE 'trades_venue_key' END AS constraint_name,
    CASE WHEN d.id_is_stored THEN d.id ELSE v.id END AS stored_id
FROM (
    SELECT s.n, s.id, s.venue, s.symbol, s.venue_trade_id, t.id IS NOT NULL AS id_is_stored
    FROM staged_trades AS s
    LEFT JOIN trades AS t ON t.id = s.id
    WHERE
        t.id IS NULL
        OR (
            t.symbol, t.side, t.quantity, t.price, t.executed_at, t.venue,
            t.venue_trade_id, t.user_id, t.strategy, t.fee, t.currency
        ) IS DISTINCT FROM (
            s.symbol, s.side, s.quantity, s.price, s.executed_at, s.venue,
            s.venue_trade_id, s.user_id, s.strategy, s.fee, s.currency
        )
    ORDER BY s.n
    LIMIT $1::bigint
) AS d
LEFT JOIN trades AS v
    ON NOT d.id_is_stored
    AND v.venue = d.venue
    AND v.symbol = d.symbol
    AND v.venue_trade_id = d.venue_trade_id
ORDER BY d.n;
