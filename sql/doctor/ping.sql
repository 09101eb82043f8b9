-- name: ping :one
-- One round trip.
SELECT 1 AS one;
