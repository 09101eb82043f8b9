-- name: types :many
-- The types $1 and what they are made of, and what that is made of in turn, by oid: of a domain its base, of an array, a
-- range or a multirange its element, of a composite its attributes. of is the base or the element.
-- sql_name is how a statement names the type. kind is pg_type.typtype, but 'a' for an array.
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
        SELECT CASE WHEN r.rngtypid = t.oid THEN r.rngsubtype ELSE r.rngtypid END
        FROM pg_catalog.pg_range AS r
        WHERE r.rngtypid = t.oid OR r.rngmultitypid = t.oid
        UNION ALL
        SELECT a.atttypid
        FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
    ) AS parts
    WHERE parts.oid <> 0
)
SELECT
    t.oid,
    CASE WHEN n.oid = pg_my_temp_schema() THEN 'pg_temp' ELSE n.nspname::text END AS schema,
    CASE WHEN e.typarray = t.oid THEN e.typname::text || '[]' ELSE t.typname::text END AS name,
    format_type(t.oid, NULL) AS sql_name,
    CASE WHEN t.typtype <> 'd' AND e.oid IS NOT NULL THEN 'a' ELSE t.typtype::text END AS kind,
    coalesce(nullif(t.typbasetype, 0), e.oid, r.rngsubtype, m.rngtypid) AS of,
    ARRAY(
        SELECT l.enumlabel::text
        FROM pg_catalog.pg_enum AS l
        WHERE l.enumtypid = t.oid
        ORDER BY l.enumsortorder
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
    ) AS attribute_types
FROM wanted
INNER JOIN pg_catalog.pg_type AS t ON t.oid = wanted.oid
INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_type AS e ON e.oid = t.typelem AND (t.typcategory = 'A' OR e.typarray = t.oid)
LEFT JOIN pg_catalog.pg_range AS r ON r.rngtypid = t.oid
LEFT JOIN pg_catalog.pg_range AS m ON m.rngmultitypid = t.oid
ORDER BY t.oid;
