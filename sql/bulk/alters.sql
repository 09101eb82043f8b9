-- name: alters :one
-- Whether the table $1 may store something else than what is copied into $2, whose columns, but for n, are some of its
-- own: a column of another type or modifier, a trigger, a rule, or no table at all.
-- $1 table_name, $2 staged
-- not null: alters
SELECT
    c.relkind NOT IN ('r', 'p')
    OR EXISTS (
        SELECT 1
        FROM pg_catalog.pg_attribute AS s
        LEFT JOIN pg_catalog.pg_attribute AS t
            ON t.attrelid = c.oid AND t.attname = s.attname AND NOT t.attisdropped
        WHERE
            s.attrelid = $2::text::regclass
            AND s.attnum > 0
            AND s.attname <> 'n'
            AND (t.atttypid IS DISTINCT FROM s.atttypid OR t.atttypmod IS DISTINCT FROM s.atttypmod)
    )
    OR EXISTS (
        SELECT 1
        FROM pg_catalog.pg_trigger AS g
        WHERE
            NOT g.tgisinternal
            AND g.tgenabled <> 'D'
            AND (g.tgrelid = c.oid OR g.tgrelid IN (SELECT p.relid FROM pg_partition_tree(c.oid) AS p))
    )
    OR EXISTS (SELECT 1 FROM pg_catalog.pg_rewrite AS r WHERE r.ev_class = c.oid) AS alters
FROM pg_catalog.pg_class AS c
WHERE c.oid = $1::text::regclass;
