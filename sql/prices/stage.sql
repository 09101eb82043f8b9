-- name: stage :exec
-- Makes the table that a bulk write is copied into; n is the number of the row, from 1.
-- It ends with the transaction; before another bulk write in the same transaction, unstage.
CREATE TEMPORARY TABLE staged_prices (
    n bigint NOT NULL,
    symbol text COLLATE "C" NOT NULL,
    interval interval NOT NULL,
    start timestamptz NOT NULL,
    open numeric NOT NULL,
    high numeric NOT NULL,
    low numeric NOT NULL,
    close numeric NOT NULL,
    volume numeric NOT NULL
) ON COMMIT DROP;
