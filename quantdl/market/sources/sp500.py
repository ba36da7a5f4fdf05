"""Closes of twenty S&P 500 stocks that come with the installation of skfolio."""

import csv
from importlib.metadata import version
from importlib.resources import files

from quantdl.market.card import Declaration
from quantdl.market.panel import Panel
from quantdl.market.sources.frames import panel_from_frame

_NOTES = (
    "Closes only: no opens, no highs and lows, no volume.",
    "Adjusted for splits and cash dividends. Checked against raw closes with known dividends and splits for AAPL "
    "(1998-2021), BAC (1999-2021) and MSFT (2014); the other assets are taken on skfolio's word ('adjusted closing "
    "prices').",
    "When the adjusted prices were read is not stated; as_of is their last session. A later reading scales each "
    "history by a constant and leaves returns as they are, but levels are not the prices that were quoted.",
    "Rounded to 0.001, which is up to 1 % of a close: AAPL before 2003 and BBY before 1992 cost a few tenths.",
    "Twenty companies that were large at the end of the period: a universe of survivors.",
    "Sectors are GICS sectors of 2021 (RRC: 2015), not as of each session, see sp500_sectors.csv beside the loader.",
)


def load_sp500() -> Panel:
    """Load daily closes of twenty S&P 500 stocks, 1990-01-02 to 2022-12-28, bundled with skfolio.

    The card says what is known about them and what is not. RRC is stale before 1995: take the census and apply the
    policies before fitting anything.

    Example:
        >>> panel = load_sp500()
        >>> len(panel.sessions), len(panel.assets), panel.card.declaration.adjustment, panel.card.declaration.universe
        (8313, 20, 'total_return', 'survivors')
    """
    from skfolio.datasets import load_sp500_dataset  # a second of imports that other sources need not pay

    prices = load_sp500_dataset()
    declaration = Declaration(
        source="skfolio, load_sp500_dataset",
        timezone="America/New_York",
        frequency="1D",
        adjustment="total_return",
        calendar="XNYS",
        as_of=prices.index[-1].date(),
        licence="BSD-3-Clause (skfolio); for testing and examples, not for trading",
        universe="survivors",
        sectors=_sectors(),
        currency="USD",
        notes=(
            *_NOTES,
            f"Read through skfolio {version('skfolio')}; the fingerprint tells whether a version changed it.",
        ),
    )
    return panel_from_frame(prices, declaration)


def _sectors() -> dict[str, str]:
    with files("quantdl.market.sources").joinpath("sp500_sectors.csv").open(encoding="utf-8") as table:
        return {row["symbol"]: row["sector"] for row in csv.DictReader(table)}
