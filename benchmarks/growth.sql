-- Tables of :size trades and :size price bars of twenty symbols, a minute apart, and a user for every ten trades.
-- Rows come in the order of time, as they do when markets are open. VACUUM marks pages as visible to all only if what
-- stored them is on the disk.
SET synchronous_commit = on;
INSERT INTO users (name, email)
SELECT 'user ' || n, 'user' || n || '@example.org'
FROM generate_series(1, :size / 10 + 1) AS n;
INSERT INTO trades (symbol, side, quantity, price, executed_at, venue, venue_trade_id, user_id, fee, id)
SELECT
    'S' || lpad((n % 20)::text, 2, '0'),
    CASE n / 20 % 2 WHEN 0 THEN 'buy' ELSE 'sell' END,
    1 + n % 900,
    180 + n % 997 / 100.0,
    timestamptz '2000-01-01Z' + n / 20 * interval '1 minute',
    'V',
    n::text,
    n / 10 + 1,
    0.0035,
    lpad(to_hex(n), 32, '0')::uuid
FROM generate_series(0, :size - 1) AS n;
INSERT INTO prices (symbol, interval, start, open, high, low, close, volume)
SELECT
    'S' || lpad((n % 20)::text, 2, '0'),
    '1 minute',
    timestamptz '2000-01-01Z' + n / 20 * interval '1 minute',
    180,
    180.5 + n % 97 / 100.0,
    179.5,
    180.25,
    n % 1000
FROM generate_series(0, :size - 1) AS n;
VACUUM ANALYZE users;
VACUUM ANALYZE trades;
VACUUM ANALYZE prices
