-- The first :size trades of benchmarks/data.py's tape, oldest first, where no list of them would fit into memory.
-- VACUUM marks pages as visible to all only if what stored them is on the disk.
SET synchronous_commit = on;
INSERT INTO trades (symbol, side, quantity, price, executed_at, venue, fee, id)
SELECT
    'AAPL',
    CASE n % 2 WHEN 1 THEN 'buy' ELSE 'sell' END,
    n % 900 + 1,
    trim_scale((18000 + n % 997) / 100.0),
    timestamptz '2024-01-02 14:30Z' + n * interval '250 milliseconds',
    'XNAS',
    0.0035,
    ('018cc000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid
FROM generate_series(0, :size - 1) AS n;
VACUUM ANALYZE trades
