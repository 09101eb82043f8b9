-- name: held :many
-- Which of the rights $2 this role has on which of the tables $1, as the search path finds them; by table and right.
-- $1 names, $2 rights
-- not null: name, held
SELECT t.name, p.held
FROM unnest($1::text[]) AS t (name)
CROSS JOIN unnest($2::text[]) WITH ORDINALITY AS p (held, place)
WHERE has_table_privilege(to_regclass(quote_ident(t.name))::oid, p.held)
ORDER BY t.name, p.place;
