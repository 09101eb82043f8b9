-- name: types :many
-- How those of the types $1 were made that are not PostgreSQL's own, by oid. parts are what each is made of; base is
-- that of a domain, or what a range is over; extension is the one that a type comes with. kind is pg_type.typtype.
-- $1 oids
SELECT
    t.oid,
    n.nspname::text AS schema,
    t.typname::text AS name,
    format_type(t.oid, NULL) AS sql_name,
    t.typtype::text AS kind,
    ARRAY(
        SELECT p.oid
        FROM (
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
        ) AS p
        WHERE p.oid <> 0
        ORDER BY p.oid
    ) AS parts,
    CASE
        WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod)
        ELSE (SELECT format_type(r.rngsubtype, NULL) FROM pg_catalog.pg_range AS r WHERE r.rngtypid = t.oid)
    END AS base,
    (SELECT format_type(r.rngmultitypid, NULL) FROM pg_catalog.pg_range AS r WHERE r.rngtypid = t.oid) AS multirange,
    ARRAY(
        SELECT l.enumlabel::text
        FROM pg_catalog.pg_enum AS l
        WHERE l.enumtypid = t.oid
        ORDER BY l.enumsortorder
    ) AS labels,
    ARRAY(
        SELECT format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod))
        FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
        ORDER BY a.attnum
    ) AS attributes,
    t.typnotnull AS not_null,
    pg_get_expr(t.typdefaultbin, 0) AS expression,
    ARRAY(
        SELECT format('CONSTRAINT %I %s', k.conname, pg_get_constraintdef(k.oid))
        FROM pg_catalog.pg_constraint AS k
        WHERE k.contypid = t.oid AND k.contype = 'c'
        ORDER BY k.conname
    ) AS checks,
    ARRAY(
        SELECT p.refobjid
        FROM pg_catalog.pg_constraint AS k
        INNER JOIN pg_catalog.pg_depend AS p ON p.objid = k.oid
        WHERE
            k.contypid = t.oid
            AND p.classid = 'pg_catalog.pg_constraint'::regclass
            AND p.refclassid = 'pg_catalog.pg_proc'::regclass
        ORDER BY p.refobjid
    ) AS functions,
    (
        SELECT e.extname::text
        FROM pg_catalog.pg_depend AS p
        INNER JOIN pg_catalog.pg_extension AS e ON e.oid = p.refobjid
        WHERE p.classid = 'pg_catalog.pg_type'::regclass AND p.objid = t.oid AND p.deptype = 'e'
    ) AS extension
FROM pg_catalog.pg_type AS t
INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
WHERE t.oid = any($1::oid[]) AND n.nspname <> 'pg_catalog'
ORDER BY t.oid;
