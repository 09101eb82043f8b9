-- name: positions :many
-- What was bought and sold until $1, inclusive: a row per symbol and currency, by symbol, then
-- currency. quantity is bought less sold; the sums are never NULL, and exact unless decimals, the
-- most that a notional has, is beyond the 16383 of numeric.
-- $1 at, $2 user_id, $3 strategy; NULL is no limit.
-- One of three branches runs, so that a plan for all arguments still finds the index of the filter
-- that is given; without one every trade is read.
-- not null: decimals
-- index: trades_user_time
-- index: trades_strategy_time
SELECT
    t.symbol,
    t.currency,
    sum(CASE t.side WHEN 'buy' THEN t.quantity ELSE -t.quantity END) AS quantity,
    sum(CASE t.side WHEN 'buy' THEN t.quantity ELSE 0 END) AS bought,
    sum(CASE t.side WHEN 'sell' THEN t.quantity ELSE 0 END) AS sold,
    sum(CASE t.side WHEN 'buy' THEN t.quantity * t.price ELSE 0 END) AS bought_notional,
    sum(CASE t.side WHEN 'sell' THEN t.quantity * t.price ELSE 0 END) AS sold_notional,
    sum(t.fee) AS fees,
    max(scale(t.quantity) + scale(t.price)) AS decimals
FROM (
    SELECT a.symbol, a.side, a.quantity, a.price, a.fee, a.currency
    FROM trades AS a
    WHERE
        a.user_id = $2
        AND ($3::text IS NULL OR a.strategy = $3)
        AND a.executed_at <= coalesce($1::timestamptz, timestamptz 'infinity')
    UNION ALL
    SELECT b.symbol, b.side, b.quantity, b.price, b.fee, b.currency
    FROM trades AS b
    WHERE
        $2::bigint IS NULL
        AND b.strategy = $3
        AND b.executed_at <= coalesce($1::timestamptz, timestamptz 'infinity')
    UNION ALL
    SELECT c.symbol, c.side, c.quantity, c.price, c.fee, c.currency
    FROM trades AS c
    WHERE
        $2::bigint IS NULL
        AND $3::text IS NULL
        AND c.executed_at <= coalesce($1::timestamptz, timestamptz 'infinity')
) AS t
GROUP BY t.symbol, t.currency
ORDER BY t.symbol, t.currency;
