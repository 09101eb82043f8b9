-- name: describe :many
-- What the types $1 are made of, and what those are made of in turn: a domain of its base (part), an array or a
-- range of its element (part), a composite of its attributes, an enum of its labels. A modifier, that of a domain or
-- of an attribute, is the (10,2) of numeric(10,2) in PostgreSQL's own form; -1 for none.
-- kind is pg_type.typtype, but 'a' for an array.
-- $1 oids
WITH RECURSIVE wanted AS (
    SELECT unnest($1::oid[]) AS oid
    UNION
    SELECT parts.oid
    FROM wanted
    INNER JOIN pg_catalog.pg_type AS t ON t.oid = wanted.oid
    CROSS JOIN LATERAL (
        SELECT t.typbasetype AS oid
        UNION ALL
        SELECT t.typelem
        UNION ALL
        SELECT r.rngsubtype
        FROM pg_catalog.pg_range AS r
        WHERE t.oid IN (r.rngtypid, r.rngmultitypid)
        UNION ALL
        SELECT a.atttypid
        FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
    ) AS parts
    WHERE parts.oid <> 0
)
SELECT
    t.oid,
    n.nspname::text AS schema,
    t.typname::text AS name,
    CASE WHEN t.typcategory = 'A' AND t.typelem <> 0 THEN 'a' ELSE t.typtype::text END AS kind,
    coalesce(
        nullif(t.typbasetype, 0),
        nullif(t.typelem, 0),
        (SELECT r.rngsubtype FROM pg_catalog.pg_range AS r WHERE t.oid IN (r.rngtypid, r.rngmultitypid))
    ) AS part,
    ARRAY(
        SELECT e.enumlabel::text
        FROM pg_catalog.pg_enum AS e
        WHERE e.enumtypid = t.oid
        ORDER BY e.enumsortorder
    ) AS labels,
    ARRAY(
        SELECT a.attname::text
        FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
        ORDER BY a.attnum
    ) AS attributes,
    ARRAY(
        SELECT a.atttypid
        FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
        ORDER BY a.attnum
    ) AS attribute_types,
    t.typtypmod AS modifier,
    ARRAY(
        SELECT a.atttypmod
        FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
        ORDER BY a.attnum
    ) AS attribute_modifiers
FROM wanted
INNER JOIN pg_catalog.pg_type AS t ON t.oid = wanted.oid
INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
ORDER BY t.oid;
