-- name: stage :exec
-- Makes the table that a bulk write is copied into; n is the row's number in the input, from 1.
-- It goes with the transaction; a further bulk write in the same transaction needs unstage first.
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
