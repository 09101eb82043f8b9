-- name: steady :one
-- Has this transaction return the same rows in the same order whenever it is made again: by one process, and page after
-- page if $1.
-- $1 by_place
-- not null: steady
SELECT
    (
        set_config('max_parallel_workers_per_gather', '0', true)
        || set_config('synchronize_seqscans', 'off', true)
        || set_config('enable_tidscan', 'on', true)
        || set_config('enable_seqscan', CASE WHEN $1::boolean THEN 'off' ELSE 'on' END, true)
        || set_config('enable_indexscan', CASE WHEN $1 THEN 'off' ELSE 'on' END, true)
        || set_config('enable_bitmapscan', CASE WHEN $1 THEN 'off' ELSE 'on' END, true)
    ) IS NOT NULL AS steady;
