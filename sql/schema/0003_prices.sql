-- Price bars; COLLATE "C" and numeric as in trades.
CREATE TABLE prices (
    symbol text COLLATE "C" NOT NULL,
    interval interval NOT NULL,
    start timestamptz NOT NULL,
    open numeric NOT NULL,
    high numeric NOT NULL,
    low numeric NOT NULL,
    close numeric NOT NULL,
    volume numeric NOT NULL,

    CONSTRAINT prices_pkey PRIMARY KEY (symbol, interval, start),
    CONSTRAINT prices_symbol_not_blank CHECK (symbol ~ '[^[:space:]]'),
    -- Days are 24 hours; a month has no length.
    CONSTRAINT prices_interval_positive CHECK (
        interval > interval '0'
        AND extract(year FROM interval) = 0
        AND extract(month FROM interval) = 0
    ),
    -- Both ends of the bar lie within Python's years 1 to 9999.
    CONSTRAINT prices_times_in_range CHECK (
        CASE
            WHEN start BETWEEN timestamptz '0001-01-01 00:00:00+00'
                AND timestamptz '9999-12-31 23:59:59.999999+00'
            THEN interval <= timestamp '9999-12-31 23:59:59.999999' - (start AT TIME ZONE 'UTC')
            ELSE false
        END
    ),
    CONSTRAINT prices_low_to_high CHECK (
        low <= open AND low <= close AND open <= high AND close <= high
    ),
    -- In numeric's order NaN stands above Infinity: "< Infinity" refuses both.
    CONSTRAINT prices_low_high_finite CHECK (
        low > numeric '-Infinity' AND high < numeric 'Infinity'
    ),
    CONSTRAINT prices_volume_not_negative CHECK (volume >= 0 AND volume < numeric 'Infinity')
);

COMMENT ON TABLE prices IS 'Price bars, each over [start, start + interval).';
COMMENT ON COLUMN prices.symbol IS 'What is priced.';
COMMENT ON COLUMN prices.interval IS 'Length of the bar; a day is 24 hours, months are refused.';
COMMENT ON COLUMN prices.start IS 'First instant of the bar.';
COMMENT ON COLUMN prices.open IS 'First price; may be negative.';
COMMENT ON COLUMN prices.high IS 'Highest price.';
COMMENT ON COLUMN prices.low IS 'Lowest price.';
COMMENT ON COLUMN prices.close IS 'Last price.';
COMMENT ON COLUMN prices.volume IS 'Units of the symbol traded in the bar, from 0.';
