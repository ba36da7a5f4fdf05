"""Forecasts of a fitted model for a span of sessions, none of which the fit may have seen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor

from quantdl.calendars.labels import bar_text
from quantdl.distributions import Forecast
from quantdl.errors import LookAheadError, RunError
from quantdl.models.ensemble import EnsembleForecaster, mixed
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
        fitted_through: Last session that each parameter set saw (labels, scaler, early stop), increasing; one per
            refit. A session is served by the last set that ended before it. A forecast made at the close of that
            session is the first allowed: it concerns later returns only. For an ensemble the first entry is the first
            session through which all members are fitted.
        members: The members of an ensemble, in the order of its model's; none for another model.
    """

    model: Forecaster
    windows: tuple[ReturnWindow, ...]
    context: int | None
    fitted_through: tuple[pd.Timestamp, ...]
    members: tuple["FittedModel", ...] = ()

    @staticmethod
    def ensemble(model: EnsembleForecaster, members: Sequence["FittedModel"]) -> "FittedModel":
        """The members of an ensemble as one model."""
        first = max(member.fitted_through[0] for member in members)
        later = {session for member in members for session in member.fitted_through if session > first}
        contexts = [member.context for member in members if member.context is not None]
        context = max(contexts) if len(contexts) == len(members) else None
        return FittedModel(model, members[0].windows, context, (first, *sorted(later)), tuple(members))

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
                f"{bar_text(first_forecast)} cannot be forecast by a model fitted through "
                f"{bar_text(self.fitted_through[0])} (labels, scaler and early stop included). Forecast later "
                "sessions, or train on an earlier span."
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
                f"no forecast for {bar_text(session)}. The book runs {bar_text(self.sessions[0])}.."
                f"{bar_text(self.through)}; forecast a wider span (the test span of a config)."
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
        fitted: The model; the members of an ensemble all read these histories.
        histories: Of the sessions in which anything trades.
        bars: At whose close a forecast is made.
        progress: Told how far it is.
        through: Last session at which the last law is asked for; the last of ``bars`` where None. Give a later one only
            where nothing trades in between.

    Raises:
        LookAheadError: If the fit saw a session of the span.
    """
    if fitted.members:
        return forecast_members(fitted, [histories] * len(fitted.members), bars, progress, through)
    following = min(bars[0] + 1, len(histories.sessions) - 1)
    fitted.check_unseen(histories.sessions[bars[0]], histories.sessions[following])
    fitted.model.eval()
    pieces: list[SessionLaws] = []
    whole = fitted.context is None
    for chunk in [bars] if whole else _chunks(fitted, histories, bars):
        if progress:
            progress("forecasting", chunk.start - bars.start, len(bars))
        blocks = [chunk] if whole else [range(bar, bar + 1) for bar in chunk]
        pieces += _laws(fitted, histories, chunk, blocks, bars[-1])
    if progress:
        progress("forecasting", len(bars), len(bars))
    sessions = histories.sessions[bars.start : bars.stop]
    return ForecastBook(sessions, histories.assets, tuple(pieces), sessions[-1] if through is None else through)


def forecast_members(
    fitted: FittedModel,
    histories: Sequence[Histories],
    bars: range,
    progress: Progress | None = None,
    through: pd.Timestamp | None = None,
) -> ForecastBook:
    """Forecast with an ensemble whose members each read histories of their own; as `forecast_sessions` otherwise.

    Args:
        fitted: The ensemble.
        histories: For each member, of the same sessions, assets and targets.
        bars: See `forecast_sessions`.
        progress: See `forecast_sessions`.
        through: See `forecast_sessions`.

    Raises:
        LookAheadError: If the fit of a member saw a session of the span.
    """
    assert isinstance(fitted.model, EnsembleForecaster)
    books = [
        forecast_sessions(member, own, bars, progress, through)
        for member, own in zip(fitted.members, histories, strict=True)
    ]
    first = books[0]
    pieces = [
        _mixed_piece([list(book.of(window)) for book in books], start, stop, fitted.model.weights)
        for start, stop in _common_spans(books)
        for window in fitted.windows
    ]
    return ForecastBook(first.sessions, first.assets, tuple(pieces), first.through)


def _common_spans(books: Sequence[ForecastBook]) -> list[tuple[int, int]]:
    """Spans of sessions, by their numbers, inside which no book begins another piece."""
    sessions = books[0].sessions
    starts = {int(sessions.searchsorted(piece.sessions[0])) for book in books for piece in book.pieces}
    borders = [*sorted(starts), len(sessions)]
    return list(zip(borders[:-1], borders[1:], strict=True))


def _mixed_piece(pieces: Sequence[Sequence[SessionLaws]], start: int, stop: int, weights: Tensor) -> SessionLaws:
    """The mixture over the members, whose pieces of one window these are, of the sessions of a common span."""
    parts = [_part(own, start, stop) for own in pieces]
    first, law = parts[0], mixed([part.law for part in parts], weights)
    return SessionLaws(first.sessions, first.window, law, first.target, first.observed)


def _part(pieces: Sequence[SessionLaws], start: int, stop: int) -> SessionLaws:
    """Sessions ``start`` to ``stop`` of a book, which lie in one of its pieces."""
    for piece in pieces:
        if start < len(piece.sessions):
            rows = slice(start, stop)
            found = piece.law.rows(rows), piece.target[rows], piece.observed[rows]
            return SessionLaws(piece.sessions[rows], piece.window, *found)
        start, stop = start - len(piece.sessions), stop - len(piece.sessions)
    raise AssertionError("the spans are those of the books")


def _chunks(fitted: FittedModel, histories: Histories, bars: range) -> Iterator[range]:
    """Cut bars into batches, each of which one parameter set serves."""
    refits = histories.sessions.searchsorted(pd.DatetimeIndex(fitted.fitted_through)).tolist()
    for start, stop in _between(bars, refits):
        yield from (range(at, min(at + _SESSIONS_A_BATCH, stop)) for at in range(start, stop, _SESSIONS_A_BATCH))


def _between(bars: range, borders: Sequence[int]) -> list[tuple[int, int]]:
    inside = [bars.start, *(border for border in borders if bars.start < border < bars.stop), bars.stop]
    return list(zip(inside[:-1], inside[1:], strict=True))


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
