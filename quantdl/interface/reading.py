"""Prices in: those that come with the package, files and frames."""

from quantdl.interface.prices import Prices
from quantdl.market.sources import sp500


def load_sp500() -> Prices:
    """Load daily closes of twenty S&P 500 stocks, 1990-01-02 to 2022-12-28; see `quantdl.market.sources.sp500`.

    Example:
        >>> load_sp500().assets[:3]
        ('AAPL', 'AMD', 'BAC')
    """
    return Prices.of(sp500.load_sp500())
