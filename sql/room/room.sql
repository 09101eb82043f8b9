-- name: room :one
-- How many connections the server, our role and the database allow (null for no limit), and how many others hold now:
-- all of them, those of our role, those in this database. A session is ours if its role is ours and its application $1.
-- Of a stranger's session the kind is not shown to us; it is counted, unless it has no database, as background workers.
-- $1 application_name
-- nullable: role_limit, database_limit
-- not null: max_connections, reserved, held, held_by_role, held_in_database
WITH others AS (
    SELECT
        count(*)::integer AS held,
        (count(*) FILTER (WHERE a.usename = session_user))::integer AS held_by_role,
        (count(*) FILTER (WHERE a.datname = current_database()))::integer AS held_in_database
    FROM pg_catalog.pg_stat_activity AS a
    WHERE
        a.usesysid IS NOT NULL
        AND a.datid IS NOT NULL
        AND coalesce(a.backend_type, 'client backend') = 'client backend'
        AND a.pid <> pg_backend_pid()
        AND NOT (a.usename = session_user AND coalesce(a.application_name, '') = $1::text)
)
SELECT
    current_setting('max_connections')::integer AS max_connections,
    current_setting('superuser_reserved_connections')::integer
    + coalesce(current_setting('reserved_connections', true), '0')::integer AS reserved,
    CASE WHEN r.rolconnlimit >= 0 THEN r.rolconnlimit END AS role_limit,
    CASE WHEN d.datconnlimit >= 0 THEN d.datconnlimit END AS database_limit,
    o.held,
    o.held_by_role,
    o.held_in_database
FROM others AS o
CROSS JOIN pg_catalog.pg_roles AS r
CROSS JOIN pg_catalog.pg_database AS d
WHERE r.rolname = session_user AND d.datname = current_database();
