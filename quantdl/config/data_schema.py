"""The schema of a config of which the prices alone are read: no strategy, no plan, and a model only if it likes."""

from typing import Annotated

from quantdl.bounds import Interval
from quantdl.config.forecast_schema import Name
from quantdl.config.risk_schema import RiskTerms


class PricesConfig(RiskTerms):
    """A ``data`` block, alone or in a config for the risk of a book. Made by `load_prices_config`; frozen.

    Attributes:
        name: Not read.
        seed: Not read: nothing random is done.
    """

    name: Name = "prices"
    seed: Annotated[int, Interval(ge=0, lt=2**63)] = 0
