-- name: alters :one
-- Whether the table $1 may store something else than what is copied into its columns $2, which is of the types $3:
-- a column of another type or modifier, a trigger, a rule, or no table at all.
-- $1 table_name, $2 names, $3 types
-- not null: alters
SELECT
    c.relkind NOT IN ('r', 'p')
    OR EXISTS (
        SELECT 1
        FROM unnest($2::text [], $3::text []) AS s (name, type)
        LEFT JOIN pg_catalog.pg_attribute AS t
            ON t.attrelid = c.oid AND t.attname = s.name AND NOT t.attisdropped
        WHERE t.atttypid IS DISTINCT FROM s.type::regtype OR t.atttypmod <> -1
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
