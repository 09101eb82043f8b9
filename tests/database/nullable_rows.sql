-- Rows for the tables of nullable_tables.sql and of quantdb: NULL wherever it may be, and rows that match none.
INSERT INTO accounts (id, name, email, parent_id, opened, credit, tags, settings, state)
OVERRIDING SYSTEM VALUE
VALUES
    (1, 'one', NULL, NULL, NULL, NULL, NULL, NULL, 'open'),
    (2, 'two', 'b', 1, '2024-02-03', 5, '{a,NULL}', '{"a": 1, "b": null}', 'open'),
    (3, 'three', 'c', 2, 'infinity', 'NaN', '{}', '[]', 'shut'),
    (4, 'four', 'b', 1, '-infinity', 0, '{x,y}', 'null', 'open');
INSERT INTO orders (id, account_id, symbol, kind, amount, price, note, placed, filled, span, held, code, origin)
VALUES
    (1, 1, 'A', 'buy', 1, NULL, 'n', '2024-01-01', NULL, '[2024-01-01,)', NULL, 'c', NULL),
    (2, 1, 'B', 'sell', 0, 2, NULL, 'infinity', '2024-01-02', '(,)', 3, 'c', '(1,)'),
    (3, 2, 'A', 'buy', -1, 2, 'm', '-infinity', 'infinity', '[2024-01-01,2024-01-03)', NULL, 'd', '(,)');
INSERT INTO legs VALUES (1, 1, NULL, NULL), (1, 2, 3, 'v'), (9, 1, 4, 'w'), (2, 1, NULL, 'v');
INSERT INTO parts VALUES ('2023-05-05', NULL, NULL), ('2024-05-05', 'k', 1), ('2024-06-05', 'k', NULL);
INSERT INTO base VALUES (1, 1, NULL), (2, 2, 2);
INSERT INTO derived VALUES (3, 3, NULL, NULL);
INSERT INTO stamped VALUES (1, 'a', 1), (2, 'b', 2);
REFRESH MATERIALIZED VIEW totals;

-- Those of quantdb.
INSERT INTO users (id, name, email, born, active) OVERRIDING SYSTEM VALUE
VALUES (1, 'a', NULL, NULL, true), (2, 'b', 'b@x', '2000-01-31', false), (3, 'one', 'b', NULL, true);
INSERT INTO trades (id, symbol, side, quantity, price, executed_at, venue, venue_trade_id, user_id, strategy)
VALUES
    ('00000000-0000-0000-0000-000000000001', 'A', 'buy', 1, -2, '0001-02-01 00:00+00', 'V', NULL, NULL, NULL),
    ('00000000-0000-0000-0000-000000000002', 'A', 'sell', 2, 0, '9999-12-01 23:59:59.999999+00', 'V', 'b', 1, 's'),
    ('00000000-0000-0000-0000-000000000003', 'C', 'buy', 3, 1.5, '2024-01-31 12:00+00', 'W', 'one', 2, 'b@x'),
    ('00000000-0000-0000-0000-000000000004', 'A', 'buy', 1, 5, '2024-01-31 12:00+00', 'V', NULL, 2, NULL);
INSERT INTO prices
VALUES
    ('A', '1 day', '2023-12-31 00:00+00', 1, 2, 0, 1, 0),
    ('A', '1 day', '2024-01-31 00:00+00', 1, 2, -1, 1, 3),
    ('B', '1 hour', '2024-01-31 00:00+00', 0, 0, 0, 0, 0);
