-- name: columns :many
-- The columns $2 of the table or view $1, in that order, or all, in the table's, of which $3 leaves out those that are
-- generated; their types and modifiers, and whether no trigger or rule of the table's can change what is written.
-- $1 table_name, $2 names, $3 written
SELECT
    a.attname::text AS name,
    a.atttypid AS type_oid,
    a.atttypmod AS modifier,
    c.relkind IN ('r', 'p')
    AND NOT EXISTS (
        SELECT 1
        FROM pg_catalog.pg_trigger AS g
        WHERE
            NOT g.tgisinternal
            AND g.tgenabled <> 'D'
            AND (g.tgrelid = c.oid OR g.tgrelid IN (SELECT p.relid FROM pg_partition_tree(c.oid) AS p))
    )
    AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_rewrite AS r WHERE r.ev_class = c.oid) AS unchanged
FROM pg_catalog.pg_attribute AS a
INNER JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
LEFT JOIN unnest($2::text[]) WITH ORDINALITY AS w (name, place) ON w.name = a.attname::text
WHERE
    a.attrelid = $1::text::regclass
    AND a.attnum > 0
    AND NOT a.attisdropped
    AND CASE WHEN $2::text[] IS NULL THEN a.attgenerated = '' OR NOT $3::boolean ELSE w.place IS NOT NULL END
ORDER BY w.place, a.attnum;
