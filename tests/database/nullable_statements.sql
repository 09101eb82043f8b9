-- Statements, and what is said of their columns, in order: - is never NULL, N can be, ? cannot be known;
-- and the version of PostgreSQL from which on there is such a statement.


-- Columns of tables.

-- columns: --NNNNNN-
SELECT id, name, email, parent_id, opened, credit, tags, settings, state FROM accounts;

-- columns: -----NN-N-N-N-N
SELECT * FROM orders;

-- columns: -N-N
SELECT symbol, held, code, origin FROM orders;

-- columns: -N
SELECT total, cost FROM orders;

-- columns: --N
SELECT order_id, number, quantity FROM legs;

-- columns: -N
SELECT at, kind FROM parts;

-- columns: -N
SELECT at, kind FROM parts_old;

-- columns: --N
SELECT x, y, z FROM base;

-- columns: --NN
SELECT x, y, z, w FROM derived;

-- columns: --
SELECT x, y FROM ONLY base;

-- columns: N
SELECT x FROM later;

-- columns: ----
SELECT ctid, xmin, tableoid, tableoid::regclass FROM orders;

-- columns: -
SELECT a FROM accounts a;

-- columns: -NN
SELECT a, o, o.ctid FROM accounts a LEFT JOIN orders o ON o.account_id = a.id;

-- columns: --NNN-
SELECT id, name, order_id, amount, price, size FROM account_orders;

-- columns: --N
SELECT id, filled, price FROM filled_orders;

-- columns: --N
SELECT account_id, amount, price FROM totals;

-- columns: --N
SELECT order_id, amount, price FROM account_orders WHERE order_id > 0;

-- columns: --N
SELECT order_id, amount, price FROM account_orders WHERE amount IS NOT NULL;


-- Constants and parameters.

-- columns: --NN-N
SELECT 1, 'x', NULL, NULL::int, true, $1::int;

-- columns: N--
SELECT $1::int + 1, coalesce($1, 0), $2::text IS NULL;

-- columns: -N-
SELECT $1::ticker, $2::size, $3::subcode;

-- columns: -
SELECT $1::text FROM accounts WHERE name = $1;

-- columns: N-
SELECT $1::text, count(*) FROM accounts WHERE name = $1;

-- columns: --
SELECT $1::text, count(*) FROM accounts WHERE name = $1 GROUP BY state;

-- columns: --
SELECT $1::text, s.state FROM (SELECT state FROM accounts WHERE name = $1) AS s;

-- columns: -
SELECT $1::bigint FROM accounts WHERE id = $1 OR id = $1 + 1;

-- columns: N
SELECT $1::bigint FROM accounts WHERE id = $1 OR $1 IS NULL;

-- columns: -N
SELECT $1::bigint[], x FROM unnest($1::bigint[]) AS x;


-- Joins.

-- columns: --N
SELECT a.id, o.id, o.price FROM accounts a JOIN orders o ON o.account_id = a.id;

-- columns: -NN
SELECT a.id, o.id, o.price FROM accounts a LEFT JOIN orders o ON o.account_id = a.id;

-- columns: N-N
SELECT a.id, o.id, o.price FROM accounts a RIGHT JOIN orders o ON o.account_id = a.id;

-- columns: NNN
SELECT a.id, o.id, o.price FROM accounts a FULL JOIN orders o ON o.account_id = a.id;

-- columns: --
SELECT a.id, o.id FROM accounts a CROSS JOIN orders o;

-- columns: -NN
SELECT a.id, o.id, l.number FROM accounts a LEFT JOIN orders o ON o.account_id = a.id LEFT JOIN legs l ON
    l.order_id = o.id;

-- columns: ---
SELECT a.id, o.id, l.number FROM accounts a LEFT JOIN orders o ON o.account_id = a.id JOIN legs l ON
    l.order_id = o.id;

-- columns: -NN
SELECT a.id, o.id, l.number FROM accounts a LEFT JOIN (orders o JOIN legs l ON l.order_id = o.id) ON
    o.account_id = a.id;

-- columns: ---
SELECT a.id, o.id, l.number FROM accounts a LEFT JOIN (orders o JOIN legs l ON l.order_id = o.id) ON
    o.account_id = a.id WHERE l.number > 0;

-- columns: --NN
SELECT a.id, o.id, l.number, l.venue FROM accounts a LEFT JOIN (orders o LEFT JOIN legs l ON l.order_id =
    o.id) ON o.account_id = a.id WHERE o.id IS NOT NULL;

-- columns: ----
SELECT a.id, o.id, l.number, l.venue FROM accounts a LEFT JOIN (orders o LEFT JOIN legs l ON l.order_id =
    o.id) ON o.account_id = a.id WHERE l.venue = 'v';

-- columns: -NN
SELECT a.id, o.id, l.number FROM legs l RIGHT JOIN (accounts a LEFT JOIN orders o ON o.account_id = a.id) ON
    l.order_id = o.id;

-- columns: --
SELECT a.id, b.id FROM accounts a LEFT JOIN accounts b ON b.id = a.parent_id WHERE b.name = 'one';

-- columns: -NN
SELECT a.id, b.id, b.email FROM accounts a LEFT JOIN accounts b ON b.id = a.parent_id WHERE b.id IS NULL;

-- columns: -N
SELECT a.id, b.email FROM accounts a LEFT JOIN accounts b ON b.email = a.name;

-- columns: --
SELECT a.id, b.email FROM accounts a LEFT JOIN accounts b ON b.email = a.name WHERE b.id > 0;

-- columns: -N
SELECT a.id, b.credit FROM accounts a LEFT JOIN accounts b ON b.credit > 5;

-- columns: N
SELECT a.email FROM accounts a LEFT JOIN accounts b ON a.email = b.email;

-- columns: --
SELECT a.email, b.email FROM accounts a JOIN accounts b ON a.email = b.email;

-- columns: NN
SELECT a.email, b.email FROM accounts a RIGHT JOIN accounts b ON a.email = b.email;

-- columns: -
SELECT a.email FROM accounts a RIGHT JOIN accounts b ON a.email = b.email WHERE a.id > 0;

-- columns: ---
SELECT id, a.name, o.amount FROM accounts a JOIN orders o USING (id);

-- columns: --N
SELECT id, a.name, o.amount FROM accounts a LEFT JOIN orders o USING (id);

-- columns: -N-
SELECT id, a.name, o.amount FROM accounts a RIGHT JOIN orders o USING (id);

-- columns: -NN
SELECT id, a.name, o.amount FROM accounts a FULL JOIN orders o USING (id);

-- columns: -NN
SELECT id, a.id, o.id FROM accounts a FULL JOIN orders o USING (id);

-- columns: --N
SELECT id, a.id, o.id FROM accounts a FULL JOIN orders o USING (id) WHERE a.name <> '';

-- columns: ---
SELECT id, a.id, o.id FROM accounts a FULL JOIN orders o USING (id) WHERE a.id > 0 AND o.id > 0;

-- columns: -
SELECT id FROM (SELECT id FROM accounts) a FULL JOIN (SELECT id FROM orders) o USING (id) FULL JOIN (SELECT
    number AS id FROM legs) l USING (id);

-- columns: N
SELECT email FROM accounts a FULL JOIN (SELECT 'x' AS email) s USING (email);

-- columns: --N
SELECT coalesce(a.id, o.id), coalesce(a.id, o.account_id), coalesce(a.email, o.symbol) FROM accounts a FULL
    JOIN orders o ON o.account_id = a.id;

-- columns: -
SELECT CASE WHEN a.id IS NULL THEN o.id ELSE a.id END FROM accounts a FULL JOIN orders o ON o.account_id =
    a.id;

-- columns: -N
SELECT a.id, coalesce(o.id, l.number) FROM accounts a LEFT JOIN (orders o FULL JOIN legs l ON l.order_id =
    o.id) ON o.account_id = a.id;

-- columns: --
SELECT j.id, j.name FROM (accounts a LEFT JOIN orders o USING (id)) AS j;

-- columns: --N
SELECT * FROM (SELECT id, name FROM accounts) a NATURAL LEFT JOIN (SELECT id, amount FROM orders) o;

-- columns: -NN
SELECT * FROM (SELECT id, name FROM accounts) a NATURAL FULL JOIN (SELECT id, amount FROM orders) o;

-- columns: --
SELECT a.id, s.n FROM accounts a CROSS JOIN LATERAL (SELECT count(*) AS n FROM orders o WHERE o.account_id =
    a.id) s;

-- columns: --N
SELECT a.id, s.n, s.m FROM accounts a LEFT JOIN LATERAL (SELECT count(*) AS n, max(amount) AS m FROM orders o
    WHERE o.account_id = a.id) s ON true;

-- columns: -N
SELECT a.id, s.n FROM accounts a LEFT JOIN LATERAL (SELECT count(*) AS n FROM orders o WHERE o.account_id =
    a.id) s ON s.n > 1;

-- columns: -N
SELECT a.id, s.id FROM accounts a LEFT JOIN LATERAL (SELECT o.id FROM orders o WHERE o.account_id = a.id ORDER
    BY o.id LIMIT 1) s ON true;

-- columns: --
SELECT a.id, s.id FROM accounts a CROSS JOIN LATERAL (SELECT o.id FROM orders o WHERE o.account_id = a.id
    ORDER BY o.id LIMIT 1) s;

-- columns: --
SELECT a.email, s.x FROM accounts a CROSS JOIN LATERAL (SELECT a.email || '!' AS x) s WHERE a.email > '';

-- columns: NN
SELECT a.email, s.x FROM accounts a CROSS JOIN LATERAL (SELECT a.email || '!' AS x) s;

-- columns: --
SELECT a.email, s.x FROM accounts a, LATERAL (SELECT o.id AS x FROM orders o WHERE o.symbol = a.email) s;

-- columns: --
SELECT a.id, v.x FROM accounts a LEFT JOIN (VALUES (1), (2)) v(x) ON true;

-- columns: N-
SELECT a.id, v.x FROM accounts a RIGHT JOIN (VALUES (1), (2)) v(x) ON true;

-- columns: N-
SELECT a.id, v.x FROM accounts a FULL JOIN (VALUES (1), (2)) v(x) ON true;

-- columns: -N
SELECT a.id, v.x FROM accounts a LEFT JOIN (VALUES (1), (NULL)) v(x) ON true;

-- columns: -N
SELECT a.id, g FROM accounts a LEFT JOIN generate_series(1, 0) g ON true;

-- columns: --
SELECT t.symbol, s.v FROM orders t LEFT JOIN LATERAL unnest(ARRAY[1, 2]) AS s(v) ON true;


-- WHERE.

-- columns: -N
SELECT email, credit FROM accounts WHERE email = $1;

-- columns: --
SELECT email, credit FROM accounts WHERE email LIKE 'a%' AND credit > 0;

-- columns: NN
SELECT email, credit FROM accounts WHERE email LIKE 'a%' OR credit > 0;

-- columns: -
SELECT email FROM accounts WHERE email = 'a' OR email = 'b';

-- columns: -
SELECT email FROM accounts WHERE email IN ('a', 'b');

-- columns: -
SELECT email FROM accounts WHERE email NOT IN ('a', 'b');

-- columns: -
SELECT email FROM accounts WHERE email = ANY($1::text[]);

-- columns: N
SELECT email FROM accounts WHERE email <> ALL($1::text[]);

-- columns: N
SELECT email FROM accounts WHERE NOT (email = ANY($1::text[]));

-- columns: -
SELECT email FROM accounts WHERE NOT (email IN ('a', 'b'));

-- columns: -
SELECT email FROM accounts WHERE email IS NOT NULL;

-- columns: -
SELECT email FROM accounts WHERE NOT (email IS NULL);

-- columns: N
SELECT email FROM accounts WHERE email IS NULL;

-- columns: -
SELECT email FROM accounts WHERE (email IS NULL) IS FALSE;

-- columns: -
SELECT email FROM accounts WHERE (email = 'b') IS TRUE;

-- columns: N
SELECT email FROM accounts WHERE (email = 'b') IS NOT TRUE;

-- columns: -
SELECT email FROM accounts WHERE (email = 'b') IS FALSE;

-- columns: N
SELECT email FROM accounts WHERE (email = 'b') IS NOT FALSE;

-- columns: -
SELECT email FROM accounts WHERE (email = 'b') IS NOT UNKNOWN;

-- columns: N
SELECT email FROM accounts WHERE (email = 'b') IS UNKNOWN;

-- columns: N
SELECT email FROM accounts WHERE email IS DISTINCT FROM 'b';

-- columns: -
SELECT email FROM accounts WHERE email IS NOT DISTINCT FROM 'b';

-- columns: N
SELECT email FROM accounts WHERE email IS NOT DISTINCT FROM $1;

-- columns: -
SELECT email FROM accounts WHERE email IS NOT DISTINCT FROM name;

-- columns: -
SELECT email FROM accounts WHERE lower(email) = lower($1);

-- columns: --
SELECT lower(email), upper(email) FROM accounts WHERE lower(email) > 'a';

-- columns: N
SELECT email FROM accounts WHERE coalesce(email, '') <> '';

-- columns: -
SELECT email FROM accounts WHERE coalesce(email = 'b', false);

-- columns: N
SELECT email FROM accounts WHERE coalesce(email = 'b', true);

-- columns: N
SELECT email FROM accounts WHERE coalesce(email, $1) = 'b';

-- columns: -
SELECT coalesce(email, $1) FROM accounts WHERE coalesce(email, $1) = 'b';

-- columns: -
SELECT email FROM accounts WHERE CASE WHEN credit > 0 THEN email = 'b' ELSE false END;

-- columns: -
SELECT credit FROM accounts WHERE CASE WHEN credit > 0 THEN email = 'b' ELSE false END;

-- columns: -
SELECT email FROM accounts WHERE email BETWEEN 'a' AND 'c';

-- columns: -
SELECT email FROM accounts WHERE email NOT BETWEEN 'a' AND 'c';

-- columns: --
SELECT email, credit FROM accounts WHERE (email, credit) = ('b', 5);

-- columns: -N
SELECT email, credit FROM accounts WHERE (email, credit) > ('a', 5);

-- columns: --
SELECT email, credit FROM accounts WHERE (email, credit) IS NOT NULL;

-- columns: NN
SELECT email, credit FROM accounts WHERE NOT ((email, credit) IS NULL);

-- columns: ---
SELECT email, credit, opened FROM accounts a WHERE a IS NOT NULL;

-- columns: ---
SELECT a.id, o.id, o.price FROM accounts a LEFT JOIN orders o ON o.account_id = a.id WHERE o IS NOT NULL;

-- columns: --N
SELECT a.id, o.id, o.price FROM accounts a LEFT JOIN orders o ON o.account_id = a.id WHERE NOT (o IS NULL);

-- columns: --
SELECT tags, tags[1] FROM accounts WHERE tags[1] = 'a';

-- columns: -
SELECT tags FROM accounts WHERE 'a' = ANY(tags);

-- columns: --
SELECT settings, settings->>'a' FROM accounts WHERE settings->>'a' = '1';

-- columns: -
SELECT settings FROM accounts WHERE settings ? 'a';

-- columns: -
SELECT credit FROM accounts WHERE credit::text = '5';

-- columns: -
SELECT credit FROM accounts WHERE credit > 1 AND (name = 'a' OR name = 'two');

-- columns: N
SELECT credit FROM accounts WHERE true;

-- columns: -
SELECT parent_id FROM accounts WHERE parent_id IN (SELECT account_id FROM orders);

-- columns: N
SELECT parent_id FROM accounts WHERE parent_id NOT IN (SELECT account_id FROM orders);

-- columns: -
SELECT parent_id FROM accounts a WHERE EXISTS (SELECT FROM orders o WHERE o.account_id = a.parent_id);

-- columns: N
SELECT parent_id FROM accounts a WHERE NOT EXISTS (SELECT FROM orders o WHERE o.account_id = a.parent_id);

-- columns: -
SELECT parent_id FROM accounts a WHERE (SELECT o.amount FROM orders o WHERE o.account_id = a.parent_id LIMIT
    1) > 0;

-- columns: N
SELECT parent_id FROM accounts a WHERE (SELECT count(*) FROM orders o WHERE o.account_id = a.parent_id) = 0;

-- columns: N
SELECT price FROM orders WHERE price > ALL (SELECT quantity FROM legs);

-- columns: -
SELECT price FROM orders WHERE price > ANY (SELECT quantity FROM legs);

-- columns: -
SELECT price FROM orders WHERE price = 2 AND note IS NULL;

-- columns: --
SELECT coalesce(price::text, note), coalesce(note, price::text, NULL) FROM orders;

-- columns: -
SELECT coalesce(email, credit::text) FROM accounts WHERE email IS NOT NULL OR credit IS NOT NULL;

-- columns: N
SELECT coalesce(email, credit::text) FROM accounts WHERE email IS NOT NULL OR opened IS NOT NULL;

-- columns: --
SELECT twice(parent_id::int), parent_id FROM accounts WHERE twice(parent_id::int) > 0;

-- columns: N
SELECT parent_id FROM accounts WHERE perhaps(parent_id::int) > 0;

-- columns: --
SELECT random() > 0.5, credit + random() FROM accounts WHERE credit + random() IS NOT NULL;

-- columns: N
SELECT nullif(random() < 2, true) FROM accounts WHERE nullif(random() < 2, false);


-- Expressions.

-- columns: -N--N-
SELECT amount + 1, amount * price, -amount, amount || 'x', symbol || note, abs(amount) FROM orders;

-- columns: -N-NN-
SELECT amount > 1, price > 1, price IS NULL, price > 1 AND amount > 1, NOT (price > 1), price > 1 OR true FROM
    orders;

-- columns: --N
SELECT price IS NOT NULL AND price > 1, price IS NULL OR price > 1, price IS NULL AND price > 1 FROM orders;

-- columns: -N-NN
SELECT coalesce(price, 0), coalesce(price, held), greatest(price, 0), least(price, held), nullif(amount, 0)
    FROM orders;

-- columns: -NN
SELECT CASE WHEN price > 1 THEN 1 ELSE 0 END, CASE WHEN price > 1 THEN 1 END, CASE kind WHEN 'buy' THEN 1 ELSE
    price END FROM orders;

-- columns: ---
SELECT CASE WHEN price IS NOT NULL THEN price ELSE 0 END, CASE WHEN price IS NULL THEN 0 ELSE price END, CASE
    WHEN price IS NULL THEN 0 WHEN held IS NULL THEN price ELSE held + price END FROM orders;

-- columns: --N
SELECT CASE price WHEN 2 THEN price ELSE 0 END, CASE WHEN price > 1 AND held > 1 THEN price * held ELSE 0 END,
    CASE WHEN price > 1 OR held > 1 THEN price ELSE 0 END FROM orders;

-- columns: -N
SELECT CASE WHEN NOT (price IS NULL) THEN price ELSE 0 END, CASE WHEN price > 1 THEN held ELSE 0 END FROM
    orders;

-- columns: -N-
SELECT a.id, CASE WHEN b.id IS NOT NULL THEN b.credit END, CASE WHEN b.id IS NOT NULL THEN b.credit ELSE 0 END
    FROM accounts a LEFT JOIN accounts b ON b.credit > 5;

-- columns: -N
SELECT CASE WHEN b.id IS NOT NULL THEN b.name ELSE a.name END, CASE WHEN b.id IS NOT NULL THEN b.email ELSE
    a.name END FROM accounts a LEFT JOIN accounts b ON b.id = a.parent_id;

-- columns: -----NN
SELECT ARRAY[price], ARRAY(SELECT price FROM orders), ROW(price), (price, 1), (ARRAY[1, 2])[1], (ARRAY[1,
    2])[3], (ARRAY[price, 1])[1] FROM orders;

-- columns: NNNNNNN
SELECT tags[1], tags[1:2], settings['a'], settings->'a', settings->>'a', settings#>'{a}', settings || '{}'
    FROM accounts;

-- columns: ----N-
SELECT '{a,b}'::text[] || tags, ARRAY['a'] || tags, tags || 'a'::text, array_append(tags, NULL),
    array_length(tags, 1), cardinality(ARRAY[1]) FROM accounts;

-- columns: --N-N-
SELECT EXISTS (SELECT FROM legs), (SELECT 1), (SELECT number FROM legs LIMIT 1), (SELECT count(*) FROM legs),
    (SELECT max(number) FROM legs), (SELECT coalesce(max(number), 0) FROM legs);

-- columns: NN-NNN-N
SELECT (SELECT 1 WHERE $1::int > 0), (SELECT 1 LIMIT 0), (SELECT 1 LIMIT 1), (SELECT 1 OFFSET 1), (SELECT
    count(*) FROM legs HAVING count(*) > 1), (SELECT count(*) FROM legs GROUP BY order_id LIMIT 1), (SELECT 1
    UNION ALL SELECT 2 LIMIT 1), (SELECT generate_series(1, 0));

-- columns: N-NN-N-
SELECT price IN (1, 2), amount IN (1, 2), amount IN (1, NULL), amount = ANY($1::numeric[]), amount IN (SELECT
    amount FROM orders), amount IN (SELECT price FROM orders), amount NOT IN (SELECT order_id FROM legs) FROM
    orders;

-- columns: -----N
SELECT price IS DISTINCT FROM 1, price IS NOT DISTINCT FROM held, (price > 1) IS TRUE, (price, 1) IS NULL,
    (amount, 1) < (2, 3), (amount, price) < (2, 3) FROM orders;

-- columns: N----?N
SELECT price::text, amount::text, amount::int, amount::numeric(10, 2), placed::date, placed::time,
    opened::timestamptz FROM orders, accounts;

-- columns: -N-
SELECT amount::size, price::size, note::ticker FROM orders WHERE note IS NOT NULL;

-- columns: ------N--
SELECT current_date, current_timestamp, localtime, current_user, session_user, current_catalog,
    current_schema, now(), clock_timestamp();

-- columns: --N-N-N
SELECT concat(email, name), concat_ws(',', email), concat_ws(email, name), format('%s', email), format(email,
    1), quote_nullable(email), quote_literal(email) FROM accounts;

-- columns: ------N--N
SELECT lower(name), length(name), trim(name), replace(name, 'a', 'b'), split_part(name, ',', 1),
    substring(name, 1, 2), substring(name from 'a(.)'), position('a' in name), left(name, 1), name || email
    FROM accounts;

-- columns: NN------
SELECT lower(span), upper(span), isempty(span), span && span, lower_inc(span), tstzrange(filled, placed),
    tstzrange(filled, placed, '[]'), int4range(1, $1) FROM orders;

-- columns: N------N-
SELECT regexp_match(name, 'a'), regexp_replace(name, 'a', 'b'), name ~ 'a', name LIKE 'a%', name ILIKE 'a',
    name SIMILAR TO 'a', string_to_array(name, ','), (regexp_match(name, 'a'))[1], name LIKE 'a' ESCAPE '!'
    FROM accounts;

-- columns: -?------?---
SELECT extract(year FROM placed), extract(hour FROM placed), date_part('epoch', placed), date_trunc('day',
    placed), placed + interval '1 day', placed - placed, age(placed), placed AT TIME ZONE 'UTC',
    to_char(placed, 'YYYY'), to_char(now(), 'YYYY'), extract(dow FROM now()), extract(month FROM current_date)
    FROM orders;

-- columns: -------?---
SELECT date_bin('1 hour', placed, placed), make_date(2024, 1, 1), to_char(amount, '99'), to_date('2024',
    'YYYY'), to_number('1', '9'), round(amount, 2), width_bucket(amount, 0, 1, 5), scale(amount), sqrt(2),
    power(amount, 2), mod(amount, 2) FROM orders;

-- columns: ------N-N-
SELECT gen_random_uuid(), random(), pg_typeof(price), num_nulls(price), nextval('accounts_id_seq'),
    pg_backend_pid(), current_setting('x', true), current_setting('TimeZone'), to_regclass('x'), version()
    FROM orders;

-- columns: -N-------NN
SELECT json_build_object('a', price), to_jsonb(price), jsonb_build_array(price), row_to_json(o), to_jsonb(o),
    jsonb_set('{}', '{a}', '1'), jsonb_array_length('[]'), jsonb_typeof(to_jsonb(amount)), '{}'::jsonb @>
    '{}', jsonb_path_query_first('{}', '$.a'), '{}'::jsonb @? '$' FROM orders o;

-- columns: ?N??
SELECT twice(1), twice($1), perhaps(1), perhaps(price::int) FROM orders;

-- columns: N-
SELECT (origin).a, origin IS NULL FROM orders;

-- columns: NN-NNNN-
SELECT array_position(ARRAY[1, 2], 3), array_to_string(tags, ','), array_to_string(ARRAY['a'], ','),
    array_remove(tags, 'a'), array_cat(tags, NULL), array_ndims(ARRAY[1]), string_to_array(email, ','),
    unnest(ARRAY[1, 2]) FROM accounts;

-- columns: NN
SELECT unnest(ARRAY[1, 2]), unnest(ARRAY['a']);

-- columns: --
SELECT generate_series(1, 3), upper('a');

-- columns: -
SELECT generate_series(1, $1::int);

-- columns: N-
SELECT unnest(ARRAY[1, NULL]), 1;

-- columns: N
SELECT unnest(tags) FROM accounts;

-- columns: --
SELECT unnest(string_to_array(name, ',')), name FROM accounts;

-- columns: -
SELECT unnest(array_agg(amount)) FROM orders;

-- columns: N
SELECT unnest(array_agg(price)) FROM orders;

-- columns: -
SELECT unnest(array_agg(price) FILTER (WHERE price > 0)) FROM orders;

-- columns: -N
SELECT unnest('{a,b}'::text[]), 1 UNION SELECT 'x', NULL;

-- columns: N
SELECT unnest('{a,NULL}'::text[]);

-- columns: --
SELECT jsonb_array_elements('[1]'), 1;

-- columns: N
SELECT jsonb_array_elements_text('[null]');

-- columns: -
SELECT (jsonb_each_text('{"a": null}')).key;

-- columns: N
SELECT (jsonb_each_text('{"a": null}')).value;


-- FROM with functions and VALUES.

-- columns: --
SELECT g, g + 1 FROM generate_series(1, 3) AS g;

-- columns: --
SELECT g, n FROM generate_series(now(), now(), '1 day') WITH ORDINALITY AS t(g, n);

-- columns: N-
SELECT x, n FROM unnest($1::text[]) WITH ORDINALITY AS t(x, n);

-- columns: NN
SELECT x, y FROM unnest(ARRAY[1, 2], ARRAY['a']) AS t(x, y);

-- columns: NN-
SELECT x, y, n FROM ROWS FROM (generate_series(1, 2), generate_series(1, 3)) WITH ORDINALITY AS t(x, y, n);

-- columns: --
SELECT key, value FROM jsonb_each('{}');

-- columns: -N
SELECT key, value FROM jsonb_each_text('{}');

-- columns: ---
SELECT a.id, e.key, e.value FROM accounts a, jsonb_each(a.settings) e WHERE jsonb_typeof(a.settings) =
    'object';

-- columns: -N
SELECT a.id, t FROM accounts a, unnest(a.tags) t;

-- columns: --
SELECT a.id, t FROM accounts a CROSS JOIN LATERAL unnest(a.tags) t WHERE t <> '';

-- columns: NN
SELECT a, b FROM jsonb_to_recordset('[{"a": 1}]') AS t(a int, b text);

-- columns: ?
SELECT s FROM several(1) s;

-- columns: ?
SELECT x FROM twice(2) x;

-- columns: -
SELECT x FROM lower('A') x;

-- columns: --
SELECT d, u FROM current_date d, current_user u;

-- columns: -N
SELECT a, b FROM (VALUES (1, 'a'), (2, NULL)) AS t(a, b);

-- columns: -N
VALUES (1, $1::text), (2, 'b');

-- columns: --
SELECT a, b FROM (VALUES ($1::int, 2)) t(a, b) WHERE a > b;

-- columns: -
SELECT m FROM regexp_matches('a', 'b') m;

-- columns: -
SELECT x FROM string_to_table('a,b', ',') x;

-- columns: N
SELECT x FROM string_to_table('a,b', ',', 'b') x;

-- columns: -
SELECT x FROM regexp_split_to_table('a,b', ',') x;


-- Subqueries and CTEs.

-- columns: N-
SELECT s.email, s.n FROM (SELECT email, count(*) AS n FROM accounts GROUP BY email) s;

-- columns: -
SELECT s.email FROM (SELECT email FROM accounts WHERE email > '') s;

-- columns: -
SELECT s.email FROM (SELECT email FROM accounts) s WHERE s.email > '';

-- columns: --N
SELECT s.bid, s.bname, s.bemail FROM (SELECT a.id, b.id AS bid, b.name AS bname, b.email AS bemail FROM
    accounts a LEFT JOIN accounts b ON b.id = a.parent_id) s WHERE s.bid IS NOT NULL;

-- columns: -
WITH s AS (SELECT a.id, b.id AS bid, b.name AS bname FROM accounts a LEFT JOIN accounts b ON b.id =
    a.parent_id) SELECT bname FROM s WHERE bid > 0;

-- columns: -
WITH s AS (SELECT a.id, b.id AS bid, b.name AS bname FROM accounts a LEFT JOIN accounts b ON b.id =
    a.parent_id), u AS (SELECT * FROM s UNION ALL SELECT * FROM s) SELECT bname FROM u WHERE bid > 0;

-- columns: -N
WITH s AS (SELECT 1 AS x), t AS (SELECT x, NULL::int AS y FROM s) SELECT * FROM t;

-- columns: -N-
WITH d AS (DELETE FROM legs WHERE venue = 'v' RETURNING order_id, quantity, venue) SELECT * FROM d;

-- columns: --N
WITH u AS (UPDATE accounts SET email = 'x' WHERE id = $1 RETURNING id, email, credit) SELECT * FROM u;

-- columns: ---N
WITH i AS (INSERT INTO legs VALUES (1, 9, 1, NULL) RETURNING *) SELECT * FROM i;

-- columns: --
WITH i AS (INSERT INTO legs VALUES (7, 7) RETURNING order_id) SELECT (SELECT order_id FROM i), a.id FROM
    accounts a LEFT JOIN i ON true;

-- columns: -
WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT n FROM r;

-- columns: N
WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT nullif(n + 1, 3) FROM r WHERE n < 5) SELECT n FROM r;

-- columns: -N---
WITH RECURSIVE r AS (SELECT id, parent_id, name, 1 AS depth, ARRAY[id] AS path FROM accounts WHERE parent_id
    IS NULL UNION ALL SELECT a.id, a.parent_id, a.name, r.depth + 1, r.path || a.id FROM accounts a JOIN r ON
    a.parent_id = r.id) SELECT * FROM r;

-- columns: -
WITH RECURSIVE r AS (SELECT id, parent_id FROM accounts WHERE id = $1 UNION ALL SELECT a.id, a.parent_id FROM
    accounts a JOIN r ON a.id = r.parent_id) SELECT id FROM r;

-- columns: NN
WITH RECURSIVE r(a, b) AS (SELECT 1, 2 UNION ALL SELECT b, NULL FROM r WHERE a < 3) SELECT a, b FROM r;

-- columns: -N
WITH RECURSIVE r(a, b) AS (SELECT 1, 2 UNION ALL SELECT b, NULL FROM r WHERE b < 3) SELECT a, b FROM r;

-- columns: ----
WITH RECURSIVE r AS (SELECT id, parent_id FROM accounts WHERE parent_id IS NULL UNION ALL SELECT a.id,
    a.parent_id FROM accounts a JOIN r ON a.parent_id = r.id) SEARCH DEPTH FIRST BY id SET place CYCLE id SET
    looped USING way SELECT id, place, looped, way FROM r;

-- columns: N-
WITH a AS (SELECT email FROM accounts) SELECT (SELECT max(email) FROM a), (SELECT count(email) FROM a);

-- columns: -N-
WITH a AS MATERIALIZED (SELECT id, (SELECT max(o.amount) FROM orders o WHERE o.account_id = accounts.id) AS m
    FROM accounts) SELECT id, m, coalesce(m, 0) FROM a;

-- columns: -N
SELECT 1 AS x, 'a' AS y UNION SELECT 2, NULL;

-- columns: -
SELECT email FROM accounts INTERSECT SELECT name FROM accounts;

-- columns: -
SELECT name FROM accounts EXCEPT SELECT email FROM accounts;

-- columns: N
SELECT email FROM accounts EXCEPT SELECT name FROM accounts;

-- columns: -
SELECT id FROM accounts UNION ALL (SELECT account_id FROM orders EXCEPT SELECT parent_id FROM accounts) ORDER
    BY 1;

-- columns: -
SELECT x FROM (SELECT email AS x FROM accounts WHERE email IS NOT NULL UNION ALL SELECT name FROM accounts) s;

-- columns: -
SELECT x FROM (SELECT email AS x FROM accounts UNION ALL SELECT name FROM accounts) s WHERE x > '';

-- columns: NN-
SELECT (SELECT o.note FROM orders o WHERE o.account_id = a.id LIMIT 1), (SELECT max(o.id) FROM orders o WHERE
    o.account_id = a.id), ARRAY(SELECT o.id FROM orders o WHERE o.account_id = a.id) FROM accounts a;

-- columns: N-
SELECT (SELECT a.email FROM (VALUES (1)) v), (SELECT a.name) FROM accounts a;

-- columns: -
SELECT (SELECT a.email || v.x FROM (VALUES ('1')) v(x)) FROM accounts a WHERE a.email IS NOT NULL;


-- Aggregates.

-- columns: --NNNNNNNNN
SELECT count(*), count(price), sum(amount), avg(amount), min(amount), max(price), array_agg(id),
    string_agg(symbol, ','), bool_and(amount > 1), json_agg(id), every(true) FROM orders;

-- columns: ---NN---NN--
SELECT account_id, count(*), sum(amount), sum(price), avg(price), min(amount), array_agg(price),
    string_agg(symbol, ','), string_agg(note, ','), bool_or(price > 1), jsonb_agg(price), json_object_agg(id,
    price) FROM orders GROUP BY account_id;

-- columns: NN-
SELECT note, max(note), sum(amount) FROM orders GROUP BY note;

-- columns: --
SELECT note, max(note) FROM orders WHERE note > '' GROUP BY note;

-- columns: -N--
SELECT kind, sum(amount) FILTER (WHERE price > 0), count(*) FILTER (WHERE price > 0), coalesce(sum(amount)
    FILTER (WHERE price > 0), 0) FROM orders GROUP BY kind;

-- columns: -NN-N-NN-N--
SELECT kind, stddev(amount), stddev_samp(amount), stddev_pop(amount), var_samp(amount), var_pop(amount),
    variance(amount), corr(amount::float, amount::float), covar_pop(amount::float, 1),
    regr_slope(amount::float, 1), regr_count(amount::float, price::float), regr_avgx(amount::float, 1) FROM
    orders GROUP BY kind;

-- columns: --N-N--
SELECT kind, percentile_cont(0.5) WITHIN GROUP (ORDER BY amount), percentile_disc(0.5) WITHIN GROUP (ORDER BY
    price), mode() WITHIN GROUP (ORDER BY amount), percentile_cont($1::float) WITHIN GROUP (ORDER BY
    amount::float), rank(1) WITHIN GROUP (ORDER BY amount), percentile_cont(ARRAY[0.1, 0.5]) WITHIN GROUP
    (ORDER BY amount::float) FROM orders GROUP BY kind;

-- columns: -N
SELECT sum(CASE kind WHEN 'buy' THEN amount ELSE -amount END), sum(CASE WHEN kind = 'buy' THEN amount END)
    FROM orders GROUP BY account_id;

-- columns: -
SELECT max(x) FROM (VALUES (1), (2)) v(x);

-- columns: -N
SELECT max(x), sum(y) FROM (VALUES (1, NULL::int), (2, 3)) v(x, y);

-- columns: -
SELECT max(number) FROM legs HAVING count(*) > 0;

-- columns: N
SELECT max(number) FROM legs HAVING count(*) >= 0;

-- columns: -
SELECT sum(price) FROM orders HAVING sum(price) > 1;

-- columns: --
SELECT account_id, sum(price) FROM orders GROUP BY account_id HAVING sum(price) > 1;

-- columns: --
SELECT account_id, sum(price) FROM orders GROUP BY account_id HAVING count(price) > 1;

-- columns: --N-
SELECT a.id, count(o.id), sum(o.amount), coalesce(sum(o.amount), 0) FROM accounts a LEFT JOIN orders o ON
    o.account_id = a.id GROUP BY a.id;

-- columns: --NN
SELECT a.id, a.name, a.email, max(o.price) FROM accounts a JOIN orders o ON o.account_id = a.id GROUP BY a.id;

-- columns: NNN-
SELECT kind, account_id, sum(amount), grouping(kind) FROM orders GROUP BY ROLLUP (kind, account_id);

-- columns: -N-
SELECT kind, account_id, sum(amount) FROM orders GROUP BY kind, ROLLUP (account_id);

-- columns: NN-
SELECT kind, account_id, count(*) FROM orders GROUP BY CUBE (kind, account_id);

-- columns: -N-
SELECT kind, account_id, sum(amount) FROM orders GROUP BY GROUPING SETS ((kind, account_id), (kind));

-- columns: NNN
SELECT kind, sum(amount), max(symbol) FROM orders GROUP BY GROUPING SETS ((kind), ());

-- columns: N-N
SELECT kind::text || 'x', coalesce(kind::text, 'all'), account_id + 1 FROM orders GROUP BY ROLLUP (kind,
    account_id);

-- columns: --
SELECT account_id + 1, count(*) FROM orders GROUP BY ROLLUP (account_id + 1) HAVING account_id + 1 > 0;

-- columns: NN
SELECT account_id + 1, (account_id + 1) * 2 FROM orders GROUP BY ROLLUP (account_id + 1);

-- columns: -N
SELECT account_id, sum(amount) FROM orders GROUP BY ROLLUP (account_id) HAVING account_id IS NOT NULL;

-- columns: N--N
SELECT (array_agg(price ORDER BY id))[1], (array_agg(amount ORDER BY id))[1], (array_agg(amount ORDER BY
    id))[count(*)], (array_agg(amount))[2] FROM orders GROUP BY kind;

-- columns: N
SELECT (array_agg(amount))[1] FROM orders;

-- columns: ??
SELECT product(amount), product(price) FROM orders GROUP BY kind;

-- columns: --N
SELECT count(DISTINCT price), sum(DISTINCT amount), max(amount) + max(price) FROM orders GROUP BY kind;

-- columns: -N-
SELECT DISTINCT ON (kind) kind, price, amount FROM orders ORDER BY kind, placed DESC;

-- columns: N
SELECT DISTINCT note FROM orders;

-- columns: N
SELECT max(amount) FROM orders WHERE amount > 0;

-- columns: --
SELECT date_trunc('day', placed), min(amount) FROM orders GROUP BY 1;

-- columns: N
SELECT (SELECT sum(o.amount)) FROM orders o;

-- columns: -
SELECT (SELECT count(o.amount)) FROM orders o;


-- Window functions.

-- columns: ------
SELECT row_number() OVER (), rank() OVER (ORDER BY id), dense_rank() OVER (ORDER BY id), ntile(2) OVER (ORDER
    BY id), percent_rank() OVER (ORDER BY id), cume_dist() OVER (ORDER BY id) FROM orders;

-- columns: NN-N--NN
SELECT lag(amount) OVER w, lead(amount) OVER w, lag(amount, 1, 0) OVER w, lag(price, 1, 0) OVER w,
    first_value(amount) OVER w, last_value(amount) OVER w, nth_value(amount, 2) OVER w, first_value(price)
    OVER w FROM orders WINDOW w AS (ORDER BY id);

-- columns: -N---
SELECT sum(amount) OVER w, sum(price) OVER w, count(price) OVER w, avg(amount) OVER w, max(amount) OVER
    (PARTITION BY kind) FROM orders WINDOW w AS (ORDER BY id);

-- columns: -NN-
SELECT sum(amount) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW), sum(amount) OVER (ORDER BY id
    ROWS BETWEEN 2 PRECEDING AND 1 PRECEDING), sum(amount) OVER (ORDER BY id ROWS BETWEEN 1 FOLLOWING AND
    UNBOUNDED FOLLOWING), count(*) OVER (ORDER BY id ROWS BETWEEN 2 PRECEDING AND 1 PRECEDING) FROM orders;

-- columns: NN-N
SELECT first_value(amount) OVER (ORDER BY id ROWS BETWEEN 2 PRECEDING AND 1 PRECEDING), sum(amount) OVER
    (ORDER BY id GROUPS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW), sum(amount)
    OVER (ORDER BY id ROWS UNBOUNDED PRECEDING EXCLUDE TIES), sum(amount) FILTER (WHERE kind = 'buy') OVER ()
    FROM orders;

-- columns: ---N-
SELECT kind, sum(amount), sum(sum(amount)) OVER (), lag(sum(amount)) OVER (ORDER BY kind), rank() OVER (ORDER
    BY sum(amount)) FROM orders GROUP BY kind;

-- columns: N-NN
SELECT stddev(amount) OVER (), array_agg(price) OVER (), lag(amount, $1) OVER (), lag(amount, $1::int, amount)
    OVER () FROM orders;

-- columns: -
SELECT s.d FROM (SELECT amount - lag(amount) OVER (ORDER BY id) AS d FROM orders) s WHERE s.d <> 0;


-- RETURNING.

-- columns: --NN-
INSERT INTO accounts (name, email) VALUES ($1, $2) RETURNING id, name, email, credit, state;

-- columns: --
INSERT INTO accounts (name, email) VALUES ($1, 'x') RETURNING email, coalesce(credit, 0);

-- columns: ---NNNNN-
INSERT INTO accounts (name, email) VALUES ($1, coalesce($2, '')) RETURNING *;

-- columns: -N
INSERT INTO accounts (name, email) VALUES ('x', 'a'), ('y', $1) RETURNING id, email;

-- columns: --
INSERT INTO accounts (name, email) SELECT symbol, note FROM orders WHERE note > '' RETURNING id, email;

-- columns: -N
INSERT INTO accounts (name, email) SELECT symbol, note FROM orders RETURNING id, email;

-- columns: -N-
INSERT INTO legs (order_id, number, quantity, venue) VALUES (1, 1, 1, 'x') ON CONFLICT (order_id, number) DO
    UPDATE SET quantity = excluded.quantity RETURNING quantity, venue, (xmax = 0);

-- columns: --
INSERT INTO legs (order_id, number, quantity, venue) VALUES (1, 1, 1, 'x') ON CONFLICT (order_id, number) DO
    UPDATE SET quantity = 5, venue = coalesce(legs.venue, 'y') RETURNING quantity, venue;

-- columns: --N
INSERT INTO legs (order_id, number, quantity) VALUES (1, 1, 1) ON CONFLICT DO NOTHING RETURNING order_id,
    quantity, venue;

-- columns: -N-
INSERT INTO stamped (id, note, size) VALUES (9, 'x', 1) RETURNING id, note, size;

-- columns: --N-N---
INSERT INTO orders (id, account_id, symbol, kind, amount, price, span, code) VALUES (99, 1, 'S', 'buy', 1, 2,
    '(,)', 'c') RETURNING symbol, price, note, total, cost, span, code, placed;

-- columns: --N
INSERT INTO parts VALUES (now(), 'k', $1) RETURNING at, kind, value;

-- columns: -N-
UPDATE bought SET amount = 2 RETURNING id, note, amount;

-- columns: -NN
UPDATE accounts SET email = $1 WHERE id = 1 RETURNING id, email, credit;

-- columns: ---
UPDATE accounts SET email = 'x' WHERE credit > 0 RETURNING id, email, credit;

-- columns: N
UPDATE accounts SET email = NULL WHERE email > '' RETURNING email;

-- columns: -N
UPDATE accounts SET credit = credit + 1 WHERE email > '' RETURNING email, credit;

-- columns: -
UPDATE accounts SET credit = credit + 1 WHERE credit > 0 RETURNING credit;

-- columns: N-
UPDATE accounts SET credit = DEFAULT, state = DEFAULT WHERE credit > 0 RETURNING credit, state;

-- columns: N-NN
UPDATE accounts a SET email = o.note FROM orders o WHERE o.account_id = a.id AND o.price > 0 RETURNING
    a.email, o.price, o.note, o.held;

-- columns: NN-
UPDATE accounts a SET email = s.x FROM accounts b LEFT JOIN (SELECT 1 AS id, 'x' AS x) s ON s.id = b.id WHERE
    b.id = a.id RETURNING a.email, s.x, b.name;

-- columns: --
UPDATE accounts SET (email, credit) = (SELECT 'x', 1) RETURNING email, credit;

-- columns: NN
UPDATE accounts SET (email, credit) = (SELECT note, 1 FROM orders LIMIT 1) RETURNING email, credit;

-- columns: -N
UPDATE accounts SET (email, credit) = ('x', $1) RETURNING email, credit;

-- columns: ?N
UPDATE accounts SET tags[1] = 'x' WHERE tags IS NOT NULL RETURNING tags, tags[1];

-- columns: -N-
UPDATE stamped SET size = 2 WHERE note > '' RETURNING id, note, size;

-- columns: -NN
UPDATE filled_orders SET note = 'x' RETURNING id, note, filled;

-- columns: -N--
UPDATE orders SET price = 1 WHERE note > '' RETURNING price, cost, note, total;

-- columns: --N
DELETE FROM accounts WHERE email > '' RETURNING id, email, credit;

-- columns: N-N
DELETE FROM legs l USING orders o WHERE l.order_id = o.id AND o.note IS NOT NULL RETURNING l.quantity, o.note,
    o.price;

-- columns: --NN
DELETE FROM legs RETURNING *;

-- columns: -N
UPDATE accounts SET email = 'x' RETURNING CASE WHEN credit IS NOT NULL THEN credit ELSE 0 END, (SELECT
    max(amount) FROM orders);

-- columns: --N-N, from 17
MERGE INTO legs l USING orders o ON l.order_id = o.id WHEN MATCHED THEN UPDATE SET quantity = 1 WHEN NOT
    MATCHED THEN INSERT (order_id, number) VALUES (o.id, 1) RETURNING merge_action(), l.order_id, l.quantity,
    o.id, o.price;

-- columns: --NNN, from 17
MERGE INTO legs l USING orders o ON l.order_id = o.id WHEN MATCHED THEN DELETE WHEN NOT MATCHED BY SOURCE THEN
    UPDATE SET quantity = 1 RETURNING merge_action(), l.order_id, l.quantity, o.id, o.price;

-- columns: ---, from 17
MERGE INTO accounts a USING legs l ON a.email = l.venue WHEN MATCHED THEN UPDATE SET state = 'x' RETURNING
    a.id, l.venue, l.order_id;

-- columns: -N--N, from 18
UPDATE accounts SET email = NULL WHERE email > '' RETURNING old.email, new.email, old.id, new.id, email;

-- columns: N--N-, from 18
INSERT INTO legs VALUES (5, 5) RETURNING old.order_id, new.order_id, order_id, old.ctid, new;

-- columns: -NN-, from 18
DELETE FROM legs WHERE venue > '' RETURNING old.venue, new.venue, new.order_id, old;

-- columns: N-, from 18
INSERT INTO legs VALUES (1, 1) ON CONFLICT (order_id, number) DO UPDATE SET quantity = 1 RETURNING
    old.order_id, new.order_id;

-- columns: NN-, from 18
MERGE INTO legs l USING orders o ON l.order_id = o.id WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT
    (order_id, number) VALUES (o.id, 1) RETURNING old.order_id, new.order_id, l.order_id;


-- JSON of the standard.

-- columns: --N--, from 16
SELECT json_object('a': price), json_array(price), price::text IS JSON, json_objectagg(id: price),
    json_arrayagg(price) FROM orders GROUP BY price;

-- columns: N, from 16
SELECT json_arrayagg(price) FROM orders;

-- columns: -N, from 16
SELECT any_value(amount), any_value(price) FROM orders GROUP BY kind;

-- columns: NN-NN, from 17
SELECT json_value('{}', '$.a'), json_query('{}', '$.a'), json_exists('{}', '$.a'), json_exists(settings,
    '$.a'), json_value(settings, '$.a' DEFAULT 'x' ON EMPTY) FROM accounts;

-- columns: -N-N, from 17
SELECT t.n, t.q, t.e, t.z FROM accounts, json_table(settings, '$' COLUMNS (n FOR ORDINALITY, q int PATH '$.q',
    e bool EXISTS PATH '$.z', NESTED PATH '$.k[*]' COLUMNS (z text))) AS t;


-- On the tables of quantdb.

-- columns: --NN-
SELECT u.name, count(t.id) AS trades, sum(t.quantity * t.price) AS notional, max(t.executed_at) AS last,
    coalesce(sum(t.fee), 0) FROM users u LEFT JOIN trades t ON t.user_id = u.id GROUP BY u.id;

-- columns: -NNNN
SELECT t.id, t.user_id, u.id, u.name, u.email FROM trades t LEFT JOIN users u ON u.id = t.user_id;

-- columns: ----N
SELECT t.id, t.user_id, u.id, u.name, u.email FROM trades t JOIN users u ON u.id = t.user_id AND t.strategy =
    $1;

-- columns: -N-
SELECT symbol, price - lag(price) OVER (PARTITION BY symbol ORDER BY executed_at) AS change, avg(price) OVER
    (PARTITION BY symbol ORDER BY executed_at ROWS BETWEEN 9 PRECEDING AND CURRENT ROW) FROM trades;

-- columns: -----
SELECT extract(hour FROM executed_at), to_char(executed_at, 'YYYY-MM'), executed_at::time, date_trunc('day',
    executed_at)::date, extract(epoch FROM executed_at - now()) FROM trades;

-- columns: --
SELECT extract(month FROM d.day), d.day FROM (SELECT date_trunc('day', executed_at) AS day FROM trades) d;

-- columns: NN
SELECT extract(dow FROM born), born FROM users;

-- columns: -
SELECT extract(dow FROM born) FROM users WHERE born IS NOT NULL;

-- columns: ----
SELECT scale(price), scale(price * quantity), scale(p.low), scale(p.open) FROM trades, prices p;

-- columns: -
SELECT DISTINCT strategy FROM trades WHERE strategy IS NOT NULL ORDER BY 1;

-- columns: N--
SELECT strategy, count(*), min(executed_at) FROM trades GROUP BY strategy;

-- columns: --
SELECT coalesce(strategy, 'none') AS strategy, sum(quantity) FROM trades GROUP BY 1;

-- columns: -N-
SELECT t.symbol, (SELECT u.name FROM users u WHERE u.id = t.user_id) AS who, EXISTS (SELECT FROM prices p
    WHERE p.symbol = t.symbol) AS priced FROM trades t;

-- columns: -N
SELECT t.id, p.close FROM trades t LEFT JOIN LATERAL (SELECT close FROM prices p WHERE p.symbol = t.symbol AND
    p.start <= t.executed_at ORDER BY p.start DESC LIMIT 1) p ON true;

-- columns: --
SELECT t.id, coalesce(p.close, t.price) FROM trades t LEFT JOIN LATERAL (SELECT close FROM prices p WHERE
    p.symbol = t.symbol LIMIT 1) p ON true;

-- columns: --N
SELECT d::date AS day, count(t.id), sum(t.quantity) FROM generate_series($1::timestamptz, $2::timestamptz,
    interval '1 day') AS d LEFT JOIN trades t ON t.executed_at >= d AND t.executed_at < d + interval '1 day'
    GROUP BY d;

-- columns: ---
WITH last AS (SELECT symbol, max(start) AS start FROM prices GROUP BY symbol) SELECT l.symbol, p.close,
    l.start FROM last l JOIN prices p USING (symbol, start);

-- columns: -NN
WITH last AS (SELECT symbol, max(start) AS start FROM prices WHERE interval = $1 GROUP BY symbol) SELECT
    t.symbol, l.start, $1::interval FROM trades t LEFT JOIN last l USING (symbol);

-- columns: -N
UPDATE users SET email = lower(email) WHERE id = $1 RETURNING id, email;

-- columns: --
UPDATE users SET email = lower(email) WHERE email = $1 RETURNING id, email;

-- columns: N-
UPDATE users SET email = $2, version = version + 1 WHERE id = $1 RETURNING email, version;

-- columns: --NN
UPDATE trades t SET strategy = $2 FROM users u WHERE u.id = t.user_id AND u.name = $1 RETURNING t.id,
    t.user_id, t.strategy, u.email;

-- columns: -N--
INSERT INTO users (name) VALUES ($1) RETURNING id, email, active, created_at;

-- columns: --
INSERT INTO prices SELECT * FROM prices ON CONFLICT DO NOTHING RETURNING symbol, close;

-- columns: --N
DELETE FROM trades WHERE venue_trade_id = $1 RETURNING id, venue_trade_id, strategy;

-- columns: N
SELECT u.id FROM users u UNION SELECT t.user_id FROM trades t;

-- columns: -N
SELECT u.id, NULL::text AS strategy FROM users u UNION ALL SELECT t.user_id, t.strategy FROM trades t WHERE
    t.user_id IS NOT NULL;

-- columns: -N--
SELECT symbol, side, sum(quantity), grouping(side) FROM trades GROUP BY GROUPING SETS ((symbol, side),
    (symbol));

-- columns: NN
SELECT side, sum(quantity) FROM trades GROUP BY ROLLUP (side);

-- columns: N-
SELECT CASE side WHEN 'buy' THEN quantity WHEN 'sell' THEN -quantity END, CASE WHEN side = 'buy' THEN quantity
    ELSE -quantity END FROM trades;

-- columns: -
SELECT t.id FROM trades t WHERE (t.user_id, t.strategy) IN (SELECT u.id, u.email FROM users u);

-- columns: --
SELECT t.user_id, t.strategy FROM trades t WHERE (t.user_id, t.strategy) IN (SELECT u.id, u.email FROM users
    u);

-- columns: NNNN
SELECT array_agg(DISTINCT symbol ORDER BY symbol), string_agg(symbol, ',' ORDER BY symbol),
    json_object_agg(symbol, price), jsonb_agg(t) FROM trades t;

-- columns: N--
SELECT user_id, array_agg(DISTINCT symbol ORDER BY symbol), coalesce(array_agg(strategy) FILTER (WHERE
    strategy IS NOT NULL), '{}') FROM trades GROUP BY user_id;

-- columns: --N
SELECT first_value(price) OVER w, last_value(price) OVER w, nth_value(price, 2) OVER w FROM trades WINDOW w AS
    (PARTITION BY symbol ORDER BY executed_at ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING);

-- columns: -
SELECT u FROM users u;

-- columns: -N
SELECT u.id, t FROM users u LEFT JOIN trades t ON t.user_id = u.id;

-- columns: -
SELECT (t).price FROM trades t;

-- columns: N
SELECT (x.t).price FROM (SELECT t FROM trades t) x;

-- columns: -
SELECT count(*) FROM trades HAVING count(*) > 5;

-- columns: -N
SELECT count(*), max(price) FROM trades WHERE false;

-- columns: NN
SELECT s.symbol, p.close FROM unnest($1::text[]) AS s(symbol) LEFT JOIN prices p ON p.symbol = s.symbol;

-- columns: --
SELECT s.symbol, p.close FROM unnest($1::text[]) AS s(symbol) JOIN prices p ON p.symbol = s.symbol;

-- columns: -
SELECT symbol FROM trades WHERE symbol = ANY($1) AND user_id = ANY($2);

-- columns: -
SELECT user_id FROM trades WHERE user_id = ANY($1);

-- columns: N
SELECT user_id FROM trades WHERE $1::bigint IS NULL OR user_id = $1;

-- columns: N
SELECT user_id FROM trades WHERE user_id IS NOT DISTINCT FROM $1;

-- columns: -NN
SELECT t.symbol, b.low, b.high FROM trades t CROSS JOIN LATERAL (SELECT min(price) AS low, max(price) AS high
    FROM trades x WHERE x.symbol = t.symbol) b;

-- columns: N
SELECT 100 * sum(price * quantity) / nullif(sum(quantity), 0) AS vwap FROM trades GROUP BY symbol;

-- columns: NN
SELECT a.symbol, b.symbol FROM trades a FULL JOIN prices b ON b.symbol = a.symbol;

-- columns: -NN
SELECT symbol, a.price, b.close FROM trades a FULL JOIN prices b USING (symbol);

-- columns: --
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY price), symbol FROM trades GROUP BY symbol;

-- columns: N-
SELECT stddev(price), var_pop(price) FROM trades GROUP BY symbol;

-- columns: --
SELECT greatest(price, 0), least(t.fee, u.version) FROM trades t LEFT JOIN users u ON u.id = t.user_id;

-- columns: NN
SELECT jsonb_build_object('a', price) -> 'a', jsonb_build_object('a', price) ->> 'a' FROM trades;

-- columns: -----
SELECT price::float8, price::text, price::int, id::text, executed_at AT TIME ZONE 'Europe/Berlin' FROM trades;

-- columns: ---
SELECT width_bucket(price, 0, 100, 10), ntile(4) OVER (ORDER BY price), rank() OVER (ORDER BY price) FROM
    trades;

-- columns: N-NN
SELECT regexp_match(symbol, '^A'), symbol ~ '^A', (regexp_match(symbol, '(.)'))[1], substring(symbol FROM
    '^.') FROM trades;

-- columns: --
SELECT split_part(email, '@', 2), position('@' IN email) FROM users WHERE email LIKE '%@%';

-- columns: N
SELECT date_bin($1, executed_at, $2) FROM trades;

-- columns: --
SELECT date_bin('5 minutes', executed_at, timestamptz '2000-01-01') AS bar, count(*) FROM trades GROUP BY 1;

-- columns: -N-
SELECT age(created_at), age(born), now() - created_at FROM users;

-- columns: --NN, from 17
MERGE INTO users u USING (VALUES ($1::text, $2::text)) v(name, email) ON u.name = v.name WHEN MATCHED THEN
    UPDATE SET email = v.email WHEN NOT MATCHED THEN INSERT (name, email) VALUES (v.name, v.email) RETURNING
    merge_action(), u.id, u.email, v.name;

-- columns: -N
WITH moved AS (DELETE FROM trades WHERE strategy = $1 RETURNING *) INSERT INTO trades SELECT * FROM moved
    RETURNING strategy, user_id;

-- columns: -N-
WITH x AS (SELECT 1) SELECT (SELECT count(*) FROM trades) AS n, (SELECT max(price) FROM trades) AS m, (SELECT
    1 FROM x) AS one;

-- columns: -N
SELECT a.n, b.m FROM (SELECT count(*) AS n FROM trades) a, (SELECT max(price) AS m FROM trades) b;

-- columns: -N
SELECT a.n, b.m FROM (SELECT count(*) AS n FROM trades) a LEFT JOIN (SELECT max(price) AS m, count(*) AS k
    FROM trades) b ON true;

-- columns: --
SELECT a.n, b.k FROM (SELECT count(*) AS n FROM trades) a LEFT JOIN (SELECT count(*) AS k FROM trades) b ON
    true;

-- columns: -
SELECT t.symbol FROM trades t LEFT JOIN prices p ON p.symbol = t.symbol WHERE p.symbol IS NULL;

-- columns: --
SELECT p.symbol, p.close FROM trades t LEFT JOIN prices p ON p.symbol = t.symbol WHERE p.close > t.price;

-- columns: N
SELECT p.symbol FROM trades t LEFT JOIN prices p ON p.symbol = t.symbol WHERE p.close > t.price OR p.close IS
    NULL;

-- columns: --
SELECT CASE WHEN u.active THEN u.name ELSE 'nobody' END, CASE WHEN u.id IS NULL THEN 'nobody' ELSE u.name END
    FROM trades t LEFT JOIN users u ON u.id = t.user_id;

-- columns: ---N
SELECT u.name IS NULL, u.active IS TRUE, coalesce(u.active, false), u.active FROM trades t LEFT JOIN users u
    ON u.id = t.user_id;

-- columns: --N
SELECT row_number() OVER (), t.* FROM (SELECT symbol, strategy FROM trades) t;

-- columns: --NN---
TABLE users;

-- columns: ---N
SELECT now(), current_timestamp, gen_random_uuid(), $1::uuid;

-- columns: -NNNNNNNN
SELECT * FROM (VALUES ('a', 1), ('b', NULL)) AS v (k, n) LEFT JOIN users u ON u.name = v.k;

-- columns: N
SELECT sum(q.n)::bigint FROM (SELECT count(*) AS n FROM trades GROUP BY symbol) q;

-- columns: --
SELECT id, name FROM users WHERE email ILIKE $1 ORDER BY id LIMIT $2 OFFSET $3 FOR UPDATE SKIP LOCKED;

-- columns: N-
SELECT sum(quantity) FILTER (WHERE side = 'buy'), count(*) FILTER (WHERE side = 'buy') FROM trades GROUP BY
    symbol;

-- columns: -
SELECT max(o.name) FROM users u LEFT JOIN users o ON o.id = u.id GROUP BY u.id HAVING count(o.id) > 0;

-- columns: -
SELECT sum(t.price) FROM users u LEFT JOIN trades t ON t.user_id = u.id GROUP BY u.id HAVING count(t.id) >= 1;

-- columns: --
SELECT bool_and(active), bool_or(email IS NULL) FROM users GROUP BY active;

-- columns: N
SELECT lower(tstzrange(min(executed_at), max(executed_at))) FROM trades GROUP BY symbol;

-- columns: --
SELECT unnest(array_agg(symbol)), count(*) FROM trades;

-- columns: --N-
SELECT to_json(t), row_to_json(t), to_jsonb(t.strategy), json_build_array(t.strategy) FROM trades t;

-- columns: ---
SELECT t.symbol, q.k, q.v FROM trades t, LATERAL (VALUES ('price', t.price), ('fee', t.fee)) AS q(k, v);

-- columns: NN
SELECT x.a, x.b FROM json_to_record('{}') AS x(a int, b text);

-- columns: N--
SELECT pg_advisory_xact_lock(1), pg_try_advisory_xact_lock(2), set_config('a.b', 'x', true);

-- columns: --N
SELECT txid_current(), pg_current_wal_lsn() IS NULL, current_setting('a.b', true);

-- columns: NNNN
SELECT array_length($1::text[], 1), cardinality($1::text[]), $1::text[] @> ARRAY['a'], array_length(ARRAY[1],
    1);

-- columns: -NN
SELECT (ARRAY['a', 'b'])[1], ('{a,b}'::text[])[1], (string_to_array(symbol, '.'))[1] FROM trades;

-- columns: -
SELECT 1 WHERE EXISTS (SELECT FROM users WHERE id = $1);

-- columns: ---------
SELECT symbol, price * 1.1 AS p, round(price, 2), price::numeric(10,2), ceil(price), price ^ 2, price % 2, @
    price, |/ price::float8 FROM trades;

-- columns: ------
SELECT interval '1 day' * 2, date '2024-01-01' + 1, timestamp '2024-01-01' + interval '1 day', date
    '2024-01-01' - date '2023-01-01', (now() - interval '1 day')::date, make_interval(days => 1);

-- columns: -N---
SELECT name || ' ' || coalesce(email, ''), name || email, concat(name, email), initcap(name), name COLLATE "C"
    FROM users;

-- What else is known, or is not.

-- columns: ?N?
SELECT twice(n => 1), twice(n => note::integer), perhaps(1) FROM orders;

-- columns: --
SELECT email, credit FROM accounts
WHERE CASE WHEN $1::text IS NULL THEN email IS NOT NULL ELSE email = $1 END AND credit NOT BETWEEN 1 AND $2;

-- columns: -N
SELECT email, credit FROM accounts WHERE email IS NOT NULL AND NOT (email = 'a' AND credit < 0);

-- columns: --
SELECT email, credit FROM accounts WHERE NOT (email IS NULL OR credit < 0);

-- columns: -
SELECT credit FROM accounts WHERE (credit, id) IN ((1, 2), (3, 4));

-- columns: -
SELECT credit FROM accounts WHERE (credit, id) = ANY (SELECT amount, id FROM orders);

-- columns: N
SELECT credit FROM accounts WHERE (credit, id) NOT IN (SELECT amount, id FROM orders);

-- columns: -
SELECT credit FROM accounts WHERE (SELECT credit) > 1;

-- columns: -
SELECT credit FROM accounts WHERE to_jsonb(credit) @> '1' OR credit::text::numeric = 2;

-- columns: N
SELECT credit FROM accounts WHERE concat(credit, email) = 'x' OR num_nulls(credit) = 1;

-- columns: -
SELECT parent_id FROM accounts AS a
WHERE EXISTS (
    SELECT FROM orders AS o WHERE o.account_id = a.parent_id GROUP BY o.symbol HAVING count(*) > 0
);

-- columns: N
SELECT parent_id FROM accounts AS a
WHERE EXISTS (SELECT count(*) FROM orders AS o WHERE o.account_id = a.parent_id);

-- columns: N
SELECT parent_id FROM accounts AS a
WHERE EXISTS (SELECT FROM orders AS o WHERE o.account_id = a.parent_id UNION ALL SELECT);

-- columns: NN
SELECT a.email, b.email FROM accounts AS a LEFT JOIN accounts AS b ON b.email = a.email
WHERE (b.credit > 0) IS NOT FALSE;

-- columns: -
SELECT coalesce(a.email, b.email) FROM accounts AS a LEFT JOIN accounts AS b ON b.parent_id = a.id
WHERE a.email > '' OR b.email > '';

-- columns: N
SELECT f FROM (SELECT email, first_value(email) OVER (ORDER BY id) AS f FROM accounts) AS s WHERE email IS NOT NULL;

-- columns: -
SELECT f FROM (SELECT email, max(email) OVER (ORDER BY id) AS f FROM accounts) AS s WHERE email IS NOT NULL;

-- columns: NN-
SELECT
    CASE WHEN email IS NOT NULL THEN lag(email, 1, 'x') OVER w ELSE 'x' END,
    CASE WHEN email IS NOT NULL THEN first_value(email) OVER w ELSE 'x' END,
    CASE WHEN email IS NOT NULL THEN max(email) OVER w ELSE 'x' END
FROM accounts
WINDOW w AS (ORDER BY id);

-- columns: --
SELECT lag(email, 1, 'x') OVER (), max(email) OVER (PARTITION BY state) FROM accounts WHERE email > '';

-- columns: -N
SELECT (SELECT count(*) FROM legs GROUP BY ()), (SELECT max(number) FROM legs GROUP BY ());

-- columns: -NN
UPDATE filled_orders SET note = 'x' WHERE price > 0 RETURNING id, note, price;

-- columns: N
SELECT max(o.note) FROM accounts AS a LEFT JOIN orders AS o ON o.account_id = a.id GROUP BY a.id HAVING count(o.id) > 0;

-- columns: ---, from 17
SELECT json_scalar(amount), json_serialize(to_json(amount)), json(amount::text) FROM orders;

-- columns: NN-, from 17
SELECT json_scalar(price), json_serialize(to_json(price)), json_object('a': price ABSENT ON NULL) FROM orders;

-- columns: N-N
SELECT unnest(tags), tags, first_value(tags) OVER (ORDER BY id) FROM accounts;

-- columns: --
SELECT generate_series(1, credit::integer), credit FROM accounts;

-- columns: -NN
SELECT a.id, t, a.tags FROM accounts AS a LEFT JOIN LATERAL unnest(a.tags) AS t ON true;

-- columns: -N-
SELECT a.id, t, a.tags FROM accounts AS a CROSS JOIN LATERAL unnest(a.tags) AS t;
