"""What a strategy can see at a close: prices up to now, its book, the caps, and what a model predicts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from quantdl.calendars.labels import bar_text
from quantdl.errors import PlanError, RunError
from quantdl.portfolio.limits import Limits

if TYPE_CHECKING:
    from quantdl.risk.book.predictions import BookRisk


@dataclass(frozen=True, eq=False)
class MarketView:
    """The market at the close of ``session``. Arrays are read-only and hold no later price, not even in their buffers.

    Attributes:
        session: The session that has just closed; where bars are shorter than one, the time at which the bar ended, see
            `quantdl.market.panel.Panel.bars`.
        sessions: (t,) labels up to and including it.
        assets: (A,) symbols.
        fields: The fields the plan declares, each (t, A), NaN where the asset did not trade; raw prices jump at splits
            and dividends.
        continuous_closes: (t, A) closes without those jumps, in shares of the data's first bar with dividends
            reinvested: a ratio of two is what a holder earned. The closes themselves where prices are total returns.
        traded: (t, A) whether the asset traded.
        listed: (A,) whether the asset has traded before, is not delisted and belongs to the universe as of now: what
            may be held. One that is held and has left the universe must be sold at the next decision.
        weights: (A,) weights held at this close, drifted with prices; the rest to one is cash.
        shares: (A,) shares held, negative when sold short: what a single order adds to.
        share_units: (A,) what one share of the data's first bar has become by splits.
        equity: Money.
        bars_since_decision: Bars with a trade since the last decision, or None before the first.
        rebalance_due: Whether the plan's cadence allows new positions now.
        limits: The plan's caps.
        cost_fraction: Commission and half-spread each way, as a fraction of notional. Where each asset has a spread of
            its own it is the mean of all assets at this close; fees per share and the least of a fill are not in it.
        horizon_bars: Bars from fill to exit.
        bars_per_year: Bars with a trade in a year: those of the calendar, times their share so far.
        law: Draws the position window, or None without a model; read `draws`.

    Shape:
        - t sessions so far, A assets, S draws.
    """

    session: pd.Timestamp
    sessions: pd.DatetimeIndex
    assets: tuple[str, ...]
    fields: Mapping[str, np.ndarray]
    continuous_closes: np.ndarray
    traded: np.ndarray
    listed: np.ndarray
    weights: np.ndarray
    shares: np.ndarray
    share_units: np.ndarray
    equity: float
    bars_since_decision: int | None
    rebalance_due: bool
    limits: Limits
    cost_fraction: float
    horizon_bars: int
    bars_per_year: float
    law: Callable[[], np.ndarray] | None

    @property
    def closes(self) -> np.ndarray:
        """(t, A) closing prices, NaN where the asset did not trade."""
        return self.fields["close"]

    def field(self, name: str) -> np.ndarray:
        """Return a declared field, (t, A).

        Raises:
            PlanError: If the plan does not list the field under trusted data.
        """
        if name not in self.fields:
            raise PlanError(
                f"The strategy reads '{name}' on {bar_text(self.session)}, but the plan trusts only "
                f"{sorted(self.fields)}. Add '{name}' to trusted_data.fields if the data has it."
            )
        return self.fields[name]

    @cached_property
    def draws(self) -> np.ndarray | None:
        """(S, A) log returns of the position window, from fill to exit; None without a model.

        They run from close t+1 to close t+1+h, or from open to open where the plan fills at the next open.

        An asset the model does not serve at this session is a column of NaN. Drawn on first use.

        Raises:
            RunError: If the law does not give one column per asset.
        """
        if self.law is None:
            return None
        draws = np.asarray(self.law(), dtype=np.float64)
        if draws.ndim != 2 or draws.shape[1] != len(self.assets):
            raise RunError(
                f"The law for {bar_text(self.session)} has shape {draws.shape}, expected (draws, {len(self.assets)})."
            )
        draws = draws.view()
        draws.flags.writeable = False
        return draws

    def simple_returns(self, n_bars: int) -> np.ndarray:
        """Return each asset's last ``n_bars`` simple returns, trade to trade: over splits and with dividends.

        An asset that was halted, or whose exchange had a holiday, looks further back, so a row is not the same session
        for every asset: see `shared_closes` for what moves together. NaN above the first return of an asset with
        fewer; fewer rows where no asset has as many.

        Shape:
            - output: (N, A), N at most ``n_bars``
        """
        recent = self.continuous_closes[-(n_bars + 1) :]
        known = np.isfinite(recent)
        if not known.all():  # some closes lie further back
            recent = self.continuous_closes
            known = np.isfinite(recent)
        behind = np.cumsum(known[::-1], axis=0)[::-1]  # closes from here to the newest
        n_rows = min(n_bars + 1, int(known.sum(axis=0).max(initial=0)))
        rows, columns = np.nonzero(known & (behind <= n_rows))
        closes = np.full((n_rows, len(self.assets)), np.nan)
        closes[n_rows - behind[rows, columns], columns] = recent[rows, columns]
        return np.asarray(closes[1:] / closes[:-1] - 1.0)

    def shared_closes(self, n_bars: int) -> np.ndarray:
        """Return the last ``n_bars`` continuous closes of bars on which all listed assets traded that trade regularly.

        An asset trades regularly that did so on nine of ten of the last bars; the others may be NaN.

        Shape:
            - output: (N, A), N at most ``n_bars``
        """
        known = np.isfinite(self.continuous_closes)
        some = known[:, self.listed].any(axis=1)
        recent = known[some][-n_bars:]
        regular = self.listed & (recent.sum(axis=0) >= 0.9 * max(len(recent), 1))
        rows = some & known[:, regular].all(axis=1)
        return np.asarray(self.continuous_closes[rows][-n_bars:])

    def trailing_returns(self, n_bars: int) -> np.ndarray:
        """Return the last log returns over the plan's horizon, overlapping: what stands in for draws without a model.

        Rows are the bars on which all listed assets that have nine tenths of these returns have one; another asset is a
        column of NaN.

        Args:
            n_bars: Shared bars to look back, beside those of the horizon.

        Shape:
            - output: (S, A), S at most ``n_bars``
        """
        closes = self.shared_closes(n_bars + self.horizon_bars)
        returns = np.log(closes[self.horizon_bars :] / closes[: -self.horizon_bars])
        finite = np.isfinite(returns) & self.listed
        served = finite.sum(axis=0) >= 0.9 * max(len(returns), 1)
        return np.asarray(np.where(served, returns, np.nan)[finite[:, served].all(axis=1)])


@dataclass(frozen=True, eq=False)
class MarketHistory:
    """The market over all sessions of a run: what a strategy makes a table of targets from. Arrays are read-only.

    Row t holds what was known at close t, as `MarketView` shows it then. That a target of row t reads rows up to t only
    is for whoever computes it to see to; a sweep compares sets with what ``decide`` answers.

    Attributes:
        sessions: (T,) labels.
        first: Position of the first session that decides; what comes before is history.
        assets: (A,) symbols.
        fields: The fields the plan declares, each (T, A), see `MarketView`.
        continuous_closes: (T, A) closes without the jumps of splits and dividends, see `MarketView`.
        traded: (T, A) whether the asset traded.
        listed: (T, A) whether it may be held.
        rebalance_due: (T,) whether the plan's cadence allows new positions.
        limits_at: The plan's caps as of the close at a position.
        horizon_bars: Bars from fill to exit.

    Shape:
        - T sessions, A assets.
    """

    sessions: pd.DatetimeIndex
    first: int
    assets: tuple[str, ...]
    fields: Mapping[str, np.ndarray]
    continuous_closes: np.ndarray
    traded: np.ndarray
    listed: np.ndarray
    rebalance_due: np.ndarray
    limits_at: Callable[[int], Limits]
    horizon_bars: int


@dataclass(frozen=True)
class Forecasts:
    """Predictions on demand; what they raise (`LookAheadError` for a session the model has seen) passes through.

    Attributes:
        horizon_bars: Bars of the position window; must equal the plan's horizon.
        draws: Session to (S, A) log returns from fill to exit (close t+1 to close t+1+h, or open to open where the plan
            fills at the next open), a column of NaN for an absent asset.
        value_at_risk: Session, weights (A,) held after its fills, and level, to the predicted loss of the next session
            as a positive fraction of equity, or to None where too little is known of the book: such a session is left
            out. None when no value at risk is predicted.
        book_risk: Session and weights to the losses that the book may make in the next session, for conditions that
            follow its whole law. None where only a value at risk is predicted.
    """

    horizon_bars: int
    draws: Callable[[pd.Timestamp], np.ndarray]
    value_at_risk: Callable[[pd.Timestamp, np.ndarray, float], float | None] | None
    book_risk: "Callable[[pd.Timestamp, np.ndarray], BookRisk] | None" = None
