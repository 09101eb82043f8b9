-- How many trades there are, and exact sums over them: of quantities, prices, what was paid, fees, microseconds since
-- 1970, and the last 48 bits of the ids. A row that is missing, there twice or another shows in them.
SELECT
    count(*) AS rows,
    sum(quantity) AS quantity,
    sum(price) AS price,
    sum(quantity * price) AS notional,
    sum(fee) AS fee,
    sum(extract(epoch FROM executed_at) * 1000000) AS microseconds,
    sum(('x' || right(id::text, 12))::bit(48)::bigint) AS keys
FROM trades
