"""The repositories: explicit methods over the statements in ``sql``."""

from quantdb.repos.prices import PriceRepo
from quantdb.repos.trades import TradeRepo
from quantdb.repos.users import UserRepo

__all__ = ["PriceRepo", "TradeRepo", "UserRepo"]
