-- name: relation_facts :many
-- What the catalogue says of the relations $1: their kind (pg_class.relkind), whether others inherit from them, whether
-- a foreign table is among all those; the parse tree of a view; those of the valid CHECK constraints that
-- hold for all of it; and what may change a row that is inserted or updated on its way, or take the place of the
-- statement: row triggers of the relation or of what inherits from it, and rules.
-- $1 oids
WITH RECURSIVE tree AS (
    SELECT c.oid AS relation, c.oid AS part
    FROM pg_catalog.pg_class AS c
    WHERE c.oid = ANY($1::oid[])
    UNION
    SELECT tree.relation, i.inhrelid
    FROM tree
    INNER JOIN pg_catalog.pg_inherits AS i ON i.inhparent = tree.part
)
SELECT
    c.oid,
    c.relkind::text AS kind,
    EXISTS (SELECT FROM pg_catalog.pg_inherits AS i WHERE i.inhparent = c.oid) AS is_parent,
    EXISTS (
        SELECT
        FROM tree
        INNER JOIN pg_catalog.pg_class AS p ON p.oid = tree.part
        WHERE tree.relation = c.oid AND p.relkind = 'f'
    ) AS has_foreign,
    (
        SELECT r.ev_action::text
        FROM pg_catalog.pg_rewrite AS r
        WHERE r.ev_class = c.oid AND r.rulename = '_RETURN' AND r.ev_type = '1'
    ) AS view,
    ARRAY(
        SELECT k.conbin::text
        FROM pg_catalog.pg_constraint AS k
        WHERE k.conrelid = c.oid AND k.contype = 'c' AND k.convalidated AND NOT k.connoinherit
        ORDER BY k.oid
    ) AS checks,
    EXISTS (
        SELECT
        FROM pg_catalog.pg_rewrite AS r
        WHERE r.ev_class = c.oid AND r.ev_type <> '1' AND r.ev_enabled <> 'D'
    ) AS has_rules,
    -- The bits of pg_trigger.tgtype: 1 row, 2 before, 4 insert, 16 update, 64 instead of.
    EXISTS (
        SELECT
        FROM tree
        INNER JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = tree.part
        WHERE tree.relation = c.oid AND t.tgenabled <> 'D' AND t.tgtype & 1 = 1 AND t.tgtype & 66 <> 0 AND t.tgtype & 4 = 4
    ) AS changes_inserted,
    EXISTS (
        SELECT
        FROM tree
        INNER JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = tree.part
        WHERE tree.relation = c.oid AND t.tgenabled <> 'D' AND t.tgtype & 1 = 1 AND t.tgtype & 66 <> 0 AND t.tgtype & 20 <> 0
    ) AS changes_updated
FROM pg_catalog.pg_class AS c
WHERE c.oid = ANY($1::oid[])
ORDER BY c.oid;
