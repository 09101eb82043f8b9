-- name: stage :exec
-- Makes the table that a bulk write is copied into; n is the number of the row, from 1.
-- It ends with the transaction; before another bulk write in the same transaction, unstage.
CREATE TEMPORARY TABLE staged_trades (
    n bigint NOT NULL,
    symbol text COLLATE "C" NOT NULL,
    side text COLLATE "C" NOT NULL,
    quantity numeric NOT NULL,
    price numeric NOT NULL,
    executed_at timestamptz NOT NULL,
    venue text COLLATE "C" NOT NULL,
    venue_trade_id text COLLATE "C",
    user_id bigint,
    strategy text COLLATE "C",
    fee numeric NOT NULL,
    currency text COLLATE "C" NOT NULL,
    id uuid NOT NULL
) ON COMMIT DROP;
