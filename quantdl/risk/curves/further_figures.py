"""Figures of one curve beside those of `metrics`: the Sharpe ratio's error, returns, falls, months."""

from dataclasses import dataclass

from quantdl.risk.curves.calendar_returns import CalendarReturns, calendar_returns
from quantdl.risk.curves.drawdown_spells import DrawdownFigures, drawdown_figures
from quantdl.risk.curves.equity_curves import MeasuredCurve
from quantdl.risk.curves.return_figures import ReturnFigures, return_figures
from quantdl.risk.curves.sharpe import SharpeEstimate, sharpe_estimate


@dataclass(frozen=True)
class FurtherFigures:
    """Figures of one curve, by subject.

    Attributes:
        sharpe: The Sharpe ratio with its interval.
        returns: What single returns say.
        drawdowns: The falls.
        calendar: Months and years.
    """

    sharpe: SharpeEstimate
    returns: ReturnFigures
    drawdowns: DrawdownFigures
    calendar: CalendarReturns


def further_figures(curve: MeasuredCurve) -> FurtherFigures:
    """Measure a curve by all that stands beside `quantdl.risk.curves.metrics`.

    Example:
        >>> import numpy as np, pandas as pd
        >>> equity = pd.Series(1.0 + 0.1 * np.sin(np.arange(600.0)), pd.bdate_range("2020-01-01", periods=600))
        >>> found = further_figures(MeasuredCurve.of(equity, bars_per_year=252))
        >>> found.drawdowns.count, len(found.calendar.years)
        (6, 3)
    """
    return FurtherFigures(
        sharpe=sharpe_estimate(curve),
        returns=return_figures(curve),
        drawdowns=drawdown_figures(curve),
        calendar=calendar_returns(curve),
    )
