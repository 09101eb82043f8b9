-- name: reserved :many
-- The words that are no name of a column or a table unless they are quoted, by code point.
-- not null: word
SELECT (k.word)::text AS word
FROM pg_catalog.pg_get_keywords() AS k (word, catcode, barelabel, catdesc, baredesc)
WHERE k.catcode IN ('R', 'T')
ORDER BY k.word COLLATE "C";
