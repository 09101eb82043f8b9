-- Executions, each stored once.
--
-- Text is COLLATE "C": sorted by code point as Python sorts it, the same on every server, in
-- indexes that outlive an upgrade of the operating system. Numerics have no scale: nothing is
-- rounded.
CREATE TABLE trades (
    symbol text COLLATE "C" NOT NULL,
    side text COLLATE "C" NOT NULL,
    quantity numeric NOT NULL,
    price numeric NOT NULL,
    executed_at timestamptz NOT NULL,
    venue text COLLATE "C" NOT NULL,
    venue_trade_id text COLLATE "C",
    user_id bigint CONSTRAINT trades_user_id_fkey REFERENCES users (id),
    strategy text COLLATE "C",
    fee numeric NOT NULL DEFAULT 0,
    currency text COLLATE "C" NOT NULL DEFAULT 'USD',
    id uuid CONSTRAINT trades_pkey PRIMARY KEY,

    CONSTRAINT trades_symbol_not_blank CHECK (symbol ~ '[^[:space:]]'),
    CONSTRAINT trades_side_buy_or_sell CHECK (side IN ('buy', 'sell')),
    -- In numeric's order NaN stands above Infinity: "< Infinity" refuses both.
    CONSTRAINT trades_quantity_positive CHECK (quantity > 0 AND quantity < numeric 'Infinity'),
    CONSTRAINT trades_price_finite CHECK (
        price > numeric '-Infinity' AND price < numeric 'Infinity'
    ),
    -- Python's datetime ends at the years 1 and 9999 and knows no infinity.
    CONSTRAINT trades_executed_at_in_range CHECK (
        executed_at BETWEEN timestamptz '0001-01-01 00:00:00+00'
        AND timestamptz '9999-12-31 23:59:59.999999+00'
    ),
    CONSTRAINT trades_venue_not_blank CHECK (venue ~ '[^[:space:]]'),
    CONSTRAINT trades_venue_trade_id_not_blank CHECK (venue_trade_id ~ '[^[:space:]]'),
    CONSTRAINT trades_strategy_not_blank CHECK (strategy ~ '[^[:space:]]'),
    CONSTRAINT trades_fee_finite CHECK (fee > numeric '-Infinity' AND fee < numeric 'Infinity'),
    CONSTRAINT trades_currency_not_blank CHECK (currency ~ '[^[:space:]]')
);

-- Venues use an id again for another symbol, so the symbol belongs to the key.
CREATE UNIQUE INDEX trades_venue_key ON trades (venue, symbol, venue_trade_id)
    WHERE venue_trade_id IS NOT NULL;
CREATE INDEX trades_symbol_time ON trades (symbol, executed_at, id);
CREATE INDEX trades_user_time ON trades (user_id, executed_at)
    WHERE user_id IS NOT NULL;
CREATE INDEX trades_strategy_time ON trades (strategy, executed_at)
    WHERE strategy IS NOT NULL;

COMMENT ON TABLE trades IS 'Executions, each stored once.';
COMMENT ON COLUMN trades.symbol IS 'What was traded, as the venue writes it.';
COMMENT ON COLUMN trades.side IS 'buy or sell, as seen by us.';
COMMENT ON COLUMN trades.quantity IS 'Units of the symbol, above 0.';
COMMENT ON COLUMN trades.price IS 'Per unit, in currency; may be negative.';
COMMENT ON COLUMN trades.executed_at IS 'When it happened, by the clock of the venue.';
COMMENT ON COLUMN trades.venue IS 'Where it happened.';
COMMENT ON COLUMN trades.venue_trade_id IS 'Unique per venue and symbol; NULL when there is none.';
COMMENT ON COLUMN trades.user_id IS 'Who traded; NULL when nobody in particular.';
COMMENT ON COLUMN trades.strategy IS 'What decided to trade; NULL when unknown.';
COMMENT ON COLUMN trades.fee IS 'Paid in currency for the whole trade; negative for a rebate.';
COMMENT ON COLUMN trades.currency IS 'Of price and fee.';
COMMENT ON COLUMN trades.id IS 'Made by the client (UUIDv7): a retry stores nothing twice.';
