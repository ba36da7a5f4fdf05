"""Forecasts of a fitted model for a span of sessions, none of which the fit may have seen."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor

from quantdl.distributions import Forecast
from quantdl.errors import LookAheadError, RunError
from quantdl.models.forecaster import Forecaster
from quantdl.sequences import Histories, ReturnWindow
from quantdl.training.fit import Progress

_SESSIONS_A_BATCH = 32


@dataclass(frozen=True, eq=False)
class FittedModel:
    """A model and what it has seen.

    Attributes:
        model: Ready to forecast.
        windows: Return windows it answers for, in the order of its outputs.
        context: Observed bars a forecast reads; None for the whole history.
        fitted_through: Last session that each parameter set saw (labels, scaler, early stop), increasing. One entry for
            a network; one per refit for a volatility model, which serves a session by the last set that ended before
            it. A forecast made at the close of that session is the first allowed: it concerns later returns only.
    """

    model: Forecaster
    windows: tuple[ReturnWindow, ...]
    context: int | None
    fitted_through: tuple[pd.Timestamp, ...]

    def check_unseen(self, made_at: pd.Timestamp, first_forecast: pd.Timestamp) -> None:
        """Refuse a forecast of a session that the fit saw.

        Args:
            made_at: Session at whose close the forecast is made.
            first_forecast: First session it concerns.

        Raises:
            LookAheadError: If no parameter set ended by ``made_at``.
        """
        if self.fitted_through[0] > made_at:
            raise LookAheadError(
                f"{first_forecast:%Y-%m-%d} cannot be forecast by a model fitted through "
                f"{self.fitted_through[0]:%Y-%m-%d} (labels, scaler and early stop included). Forecast later sessions, "
                "or train on an earlier span."
            )


@dataclass(frozen=True, eq=False)
class SessionLaws:
    """Laws of consecutive sessions, their realised returns, and where these were observed; row ``b`` of each."""

    sessions: pd.DatetimeIndex
    window: ReturnWindow
    law: Forecast
    target: Tensor
    observed: Tensor


@dataclass(frozen=True, eq=False)
class ForecastBook:
    """The laws of every session of a span, by return window.

    Attributes:
        sessions: (S,) sessions at whose close the forecasts are made.
        assets: (A,) symbols.
        pieces: Laws of consecutive sessions; every window covers every session.
        through: Last session at whose close the last law may be asked for: that of the forecasts, or one after it up to
            which nothing trades.
    """

    sessions: pd.DatetimeIndex
    assets: tuple[str, ...]
    pieces: tuple[SessionLaws, ...]
    through: pd.Timestamp

    def made_at(self, session: pd.Timestamp) -> pd.Timestamp:
        """The session whose law stands at the close of ``session``: itself, or the last one before it.

        In a session in which nothing trades nothing is learnt, and the next return is still that of the next session
        with a trade, so the law of the last one with a trade stands.

        Raises:
            RunError: If the session lies outside the span.
        """
        if not self.sessions[0] <= session <= self.through:
            raise RunError(
                f"no forecast for {session:%Y-%m-%d}. The book runs {self.sessions[0]:%Y-%m-%d}.."
                f"{self.through:%Y-%m-%d}; widen the test span of the config."
            )
        made: pd.Timestamp = self.sessions[int(self.sessions.searchsorted(session, side="right")) - 1]
        return made

    def law(self, session: pd.Timestamp, window: ReturnWindow) -> Forecast:
        """The law that stands at the close of one session, see `made_at`; batch_shape (1,).

        Raises:
            RunError: If the book holds no forecast for that session and window.
        """
        made = self.made_at(session)
        for piece in self.of(window):
            if piece.sessions[0] <= made <= piece.sessions[-1]:
                row = int(piece.sessions.searchsorted(made))
                return piece.law.rows(slice(row, row + 1))
        raise RunError(f"no forecast of {window}; the book's model answers for other windows.")

    def of(self, window: ReturnWindow) -> Iterator[SessionLaws]:
        """The pieces of one return window, in time order."""
        return (piece for piece in self.pieces if piece.window == window)


def forecast_sessions(
    fitted: FittedModel,
    histories: Histories,
    bars: range,
    progress: Progress | None = None,
    through: pd.Timestamp | None = None,
) -> ForecastBook:
    """Forecast every bar of a span in every return window of the model.

    A network reads one history per session, so a session's law does not depend on which others are forecast. Returns
    that end after the span count as not observed.

    Args:
        fitted: The model.
        histories: Of the sessions in which anything trades.
        bars: At whose close a forecast is made.
        progress: Told how far it is.
        through: Last session at which the last law is asked for; the last of ``bars`` where None. Give a later one only
            where nothing trades in between.

    Raises:
        LookAheadError: If the fit saw a session of the span.
    """
    following = min(bars[0] + 1, len(histories.sessions) - 1)
    fitted.check_unseen(histories.sessions[bars[0]], histories.sessions[following])
    fitted.model.eval()
    pieces: list[SessionLaws] = []
    whole = fitted.context is None
    step = len(bars) if whole else _SESSIONS_A_BATCH
    for start in range(bars.start, bars.stop, step):
        if progress:
            progress("forecasting", start - bars.start, len(bars))
        chunk = range(start, min(start + step, bars.stop))
        blocks = [chunk] if whole else [range(bar, bar + 1) for bar in chunk]
        pieces += _laws(fitted, histories, chunk, blocks, bars[-1])
    if progress:
        progress("forecasting", len(bars), len(bars))
    sessions = histories.sessions[bars.start : bars.stop]
    return ForecastBook(sessions, histories.assets, tuple(pieces), sessions[-1] if through is None else through)


def _laws(
    fitted: FittedModel, histories: Histories, chunk: range, blocks: list[range], labels_through: int
) -> list[SessionLaws]:
    context = len(histories.sessions) if fitted.context is None else fitted.context
    batch = histories.batch(blocks, context, labels_through)
    with torch.no_grad():
        law = fitted.model(batch)
    sessions = histories.sessions[chunk.start : chunk.stop]
    rows = [slice(number * len(chunk), (number + 1) * len(chunk)) for number in range(len(fitted.windows))]
    return [
        SessionLaws(sessions, window, law.rows(span), batch.target[span], batch.target_observed[span])
        for window, span in zip(fitted.windows, rows, strict=True)
    ]
