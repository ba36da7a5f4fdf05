"""What the conditions that follow a model's forecasts bet on before each session.

The compiled engine only multiplies: what a bet is worth at which loss is worked out here, from what is predicted of the
book at the close before.
"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from quantdl.backtest.book.kernel import Watches
from quantdl.backtest.book.terms import HaltCondition, Terms
from quantdl.backtest.running.view import Forecasts
from quantdl.calendars.labels import bar_text
from quantdl.errors import RunError
from quantdl.risk.backtests.monitoring import (
    RESTART,
    LossBets,
    exception_bets,
    no_bets,
    redivided,
    shortfall_bets,
    transform_bets,
)

if TYPE_CHECKING:
    from quantdl.risk.book.predictions import BookRisk


class ForecastBets:
    """Tells the e-processes of a run what to bet on, session by session."""

    def __init__(self, terms: Terms, forecasts: Forecasts, watches: Watches) -> None:
        """Find the conditions that follow the forecasts.

        Args:
            terms: Of the run.
            forecasts: Of its model.
            watches: The arrays in which the compiled engine reads bets.

        Raises:
            RunError: If a condition needs the whole law of a book, and the forecasts give none.
        """
        self.forecasts, self.watches = forecasts, watches
        self.conditions = [(at, item) for at, item in enumerate(terms.conditions) if item.follows_risk]
        self.whole = any(item.kind != "calibration" for _, item in self.conditions)
        if self.whole and forecasts.book_risk is None:
            raise RunError(
                "plan.invalidation: risk_e_process and pit_drift follow the whole predicted law of a book, and the "
                "forecasts have no book_risk. Fix: give Forecasts book_risk, or take the condition out."
            )

    def tell(self, session: pd.Timestamp, weights: np.ndarray) -> bool:
        """Write down the bets on the next session for a book held after the fills of this one.

        Returns:
            Whether anything was predicted; a condition for which nothing was bets on nothing.

        Raises:
            RunError: If a predicted figure is not finite.
        """
        asked = self.forecasts.book_risk
        risk = asked(session, weights) if self.whole and asked is not None else None
        told = False
        for at, item in self.conditions:
            bets = self._bets(item, risk, session, weights)
            self.watches.watch_lines[at] = _flat(no_bets() if bets is None else bets)
            told |= bets is not None
            if bets is not None and item.kind == "pit_drift":
                self.watches.watch_bets[at] = redivided(self.watches.watch_bets[at], RESTART)
        return told

    def _bets(
        self, item: HaltCondition, risk: "BookRisk | None", session: pd.Timestamp, weights: np.ndarray
    ) -> LossBets | None:
        """Return what one condition bets on, None where too little is known of the book."""
        if item.kind == "pit_drift":
            edges = None if risk is None else risk.edges()
            return None if edges is None else transform_bets(edges)
        if item.kind == "risk_e_process":
            if risk is None or not risk.reaches(item.level):
                return None
            value, shortfall = risk.value_at_risk(item.level), risk.expected_shortfall(item.level)
            _refuse_endless(value + shortfall, "an expected shortfall", "book_risk", item, session)
            return shortfall_bets(value, shortfall, item.level)
        asked = self.forecasts.value_at_risk
        predicted = None if asked is None else asked(session, weights, item.level)
        if predicted is None:
            return None
        _refuse_endless(predicted, "a value at risk", "value_at_risk", item, session)
        return exception_bets(predicted, item.level)


def _refuse_endless(figure: float, what: str, source: str, item: HaltCondition, session: pd.Timestamp) -> None:
    if not np.isfinite(figure):
        raise RunError(
            f"{bar_text(session)}: the forecasts predict {what} of {figure} at {item.level:g} "
            f"for the book held. The {item.kind} condition needs a finite one at every close with positions: "
            f"correct {source} of the forecasts, or take the condition out of plan.invalidation."
        )


def _flat(bets: LossBets) -> np.ndarray:
    """Return (L,) bets in the order in which the compiled engine reads them."""
    return np.concatenate([bets.knots, np.stack([bets.intercepts, bets.slopes], axis=-1).ravel()])
