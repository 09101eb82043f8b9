"""Which names are those of money and sizes, which no float may hold."""

import re
from typing import Final

__all__ = ["is_monetary", "is_statistic"]

_PART: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

_MONEY: Final = frozenset(
    """
    amount amt ask avgprice balance basis bid budget capital cash charge close collateral
    commission cost credit debit debt deposit dividend equity exposure fee fees fill fx gross high
    income interest invoice last liability limit loss low lot lots margin mark mid money net
    nominal notional open paid par pay payment payout pnl position premium price principal proceeds
    profit px qty quantity quote rebate refund revenue salary sale sales settle settlement shares
    size spent spread stake stop strike subtotal tax total trade turnover usd eur gbp value
    valuation volume vwap twap wallet withdrawal worth
    """.split()  # noqa: SIM905 - a list of words reads better so
)
# What makes a number a statistic of money, or no money at all.
_NO_MONEY: Final = frozenset(
    """
    age alpha angle beta bps bytes confidence corr correlation count covariance cumulative
    days decay delta deviation drawdown drift duration elapsed entropy epoch error factor fraction
    frequency gamma growth half hours id index iv kurtosis latency lag likelihood log millis
    minutes momentum ms norm normalized ns pct percent percentage percentile pointer prob
    probability quantile rank rate ratio regime return returns rho rms rsi score sd seconds sharpe
    share signal skew skewness slope speed std stddev temperature theta time timestamp variance
    vega volatility weight weights zscore
    """.split()  # noqa: SIM905
)


def is_monetary(name: str) -> bool:
    """Tell whether a name (``avg_price``, ``bidSize``) is that of a price, a size or a sum."""
    parts = _parts(name)
    singular = {part.removesuffix("s") for part in parts}
    return bool((parts | singular) & _MONEY) and not is_statistic(name)


def is_statistic(name: str) -> bool:
    """Tell whether a name (``price_volatility``) is that of what may well be a float."""
    return bool(_parts(name) & _NO_MONEY)


def _parts(name: str) -> set[str]:
    return {part.lower() for part in _PART.findall(name)}
