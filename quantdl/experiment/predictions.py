"""What the forecasts say of a book: draws for sizing, value at risk and shortfall for the next session."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import torch

from quantdl.backtest import Forecasts
from quantdl.market.panel import Panel
from quantdl.risk.measures import draw_returns, expected_shortfall, portfolio_losses, value_at_risk
from quantdl.sequences import NEXT_SESSION, ReturnWindow, position_window
from quantdl.training.forecasting import ForecastBook

HISTORY_SESSIONS = 500


@dataclass(frozen=True, eq=False)
class BookRisk:
    """Losses a book may make in the next session.

    Attributes:
        losses: (S,) equally likely losses as fractions of equity, positive when money is lost.
    """

    losses: torch.Tensor

    def reaches(self, level: float) -> bool:
        """Whether there are enough losses for a quantile at ``level``: at least one beyond it."""
        return round(len(self.losses) * (1.0 - level), 6) >= 1.0

    def value_at_risk(self, level: float) -> float:
        """Smallest loss not exceeded with probability ``level``."""
        return float(value_at_risk(self.losses, level))

    def expected_shortfall(self, level: float) -> float:
        """Mean of the worst ``1 - level`` share of the losses."""
        return float(expected_shortfall(self.losses, level))

    def probability_of_less(self, loss: float) -> float:
        """Where a realised loss falls among the predicted ones, between 0 and 1: uniform if the law is right."""
        return float((self.losses < loss).double().mean() + 0.5 * (self.losses == loss).double().mean())


@dataclass(frozen=True, eq=False)
class ModelPredictions:
    """Draws from a book of forecasts, seeded by the run and the session, so that asking twice gives the same.

    Attributes:
        book: Laws of the next session and of the position window.
        horizon: Bars of the position window.
        seed: Of the run.
        n_draws: ``S``.
        panel: Prices, for assets that a law leaves out.
        source: What the predictions are called in the report.
    """

    book: ForecastBook
    horizon: int
    seed: int
    n_draws: int
    panel: Panel
    source: str = "model"

    def position_draws(self, session: pd.Timestamp) -> np.ndarray:
        """(S, A) log returns from the fill to the horizon; a column of NaN for an absent asset."""
        return self._draws(session, position_window(self.horizon))

    def book_risk(self, session: pd.Timestamp, weights: np.ndarray) -> BookRisk:
        """Losses in the session after ``session`` of the book held after its fills, (A,) weights.

        A held asset that the model cannot forecast, because it did not trade, is not riskless: it is given its own
        trailing returns, ordered to be worst where the rest of the book is worst.
        """
        draws = self._draws(session, NEXT_SESSION)
        weights = np.array(weights, dtype=np.float64)
        absent = np.isnan(draws).all(axis=0)
        losses = portfolio_losses(
            torch.from_numpy(np.nan_to_num(draws)), torch.from_numpy(np.where(absent, 0, weights))
        )
        for asset in np.flatnonzero(absent & (weights != 0)):
            losses = losses + self._worst_with_the_book(losses, -weights[asset] * self._trailing(session, int(asset)))
        return BookRisk(losses)

    def _trailing(self, session: pd.Timestamp, asset: int) -> np.ndarray:
        """The asset's last simple returns up to ``session``."""
        alone = self.panel.select([self.panel.assets[asset]]).until(session)
        returns = alone.log_returns()[:, 0]
        return np.asarray(np.expm1(returns[np.isfinite(returns)][-HISTORY_SESSIONS:]))

    def _worst_with_the_book(self, book: torch.Tensor, own: np.ndarray) -> torch.Tensor:
        """Quantiles of the own losses, as many as there are draws, in the order of the book's losses."""
        if not len(own):
            return torch.zeros_like(book)
        quantiles = np.quantile(own, (np.arange(len(book)) + 0.5) / len(book))
        return torch.from_numpy(quantiles)[book.argsort().argsort()]

    def value_at_risk(self, session: pd.Timestamp, weights: np.ndarray, level: float) -> float:
        """As the engine asks for it."""
        return self.book_risk(session, weights).value_at_risk(level)

    def for_engine(self) -> Forecasts:
        """What a backtest needs."""
        return Forecasts(self.horizon, self.position_draws, self.value_at_risk)

    def _draws(self, session: pd.Timestamp, window: ReturnWindow) -> np.ndarray:
        law = self.book.law(session, window)
        key = [self.seed, int(session.value), window.starts_after, window.bars]
        seed = int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> np.uint64(1))
        draws = draw_returns(law, self.n_draws, seed)[:, 0].cpu().numpy()
        return np.where(law.present[0].cpu().numpy(), draws, np.nan)


@dataclass(frozen=True, eq=False)
class HistoricalSimulation:
    """The book of today under each session of the trailing window: what stands in where there is no model."""

    panel: Panel
    source: str = f"historical simulation, {HISTORY_SESSIONS} sessions"

    def book_risk(self, session: pd.Timestamp, weights: np.ndarray) -> BookRisk:
        """Losses of the (A,) weights in each of the last sessions up to and including ``session``.

        A return over a halt or a gap counts in the session of the first trade after it; without a price, an asset
        neither gains nor loses.
        """
        stop = int(self.panel.sessions.searchsorted(session, side="right"))
        returns = self._returns[max(1, stop - HISTORY_SESSIONS) : stop]
        return BookRisk(torch.from_numpy(-(returns @ weights)))

    @cached_property
    def _returns(self) -> np.ndarray:
        return np.asarray(np.nan_to_num(self.panel.closes / self.panel.previous_closes() - 1.0))


Predictions = ModelPredictions | HistoricalSimulation
LEVELS = (0.95, 0.99)


def risk_table(
    predictions: Predictions, weights_after_fill: pd.DataFrame, held_return: pd.Series
) -> tuple[pd.DataFrame, pd.Series]:
    """Hold each session's loss against what was predicted at the close before.

    Sessions entered without positions are left out: they can neither lose nor fail.

    Args:
        predictions: What is asked for the losses.
        weights_after_fill: (T, A) book held after each close's fills.
        held_return: (T,) simple return of the book held into each session.

    Returns:
        Rows ``session, level, value_at_risk, expected_shortfall, loss, exception, source``, and the probability of each
        session's loss under its prediction, indexed by session.
    """
    rows, places = [], {}
    sessions = weights_after_fill.index
    for before, session in zip(sessions[:-1], sessions[1:], strict=True):
        weights = weights_after_fill.loc[before].to_numpy(dtype=np.float64)
        if not weights.any():
            continue
        risk, loss = predictions.book_risk(before, weights), -float(held_return.loc[session])
        places[session] = risk.probability_of_less(loss)
        for level in LEVELS:
            if not risk.reaches(level):
                continue
            limit = risk.value_at_risk(level)
            shortfall = risk.expected_shortfall(level)
            rows.append((session, level, limit, shortfall, loss, loss > limit, predictions.source))
    names = ["session", "level", "value_at_risk", "expected_shortfall", "loss", "exception", "source"]
    table = pd.DataFrame(rows, columns=names).astype({"exception": bool, "level": float, "loss": float})
    return table, pd.Series(places, dtype=np.float64, name="pit")
