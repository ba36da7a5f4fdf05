"""A book of laws: what a fitted model forecasts at every close of a span."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from quantdl.calendars.labels import bar_text
from quantdl.errors import ConfigError, did_you_mean
from quantdl.experiment.models import FittedBlock
from quantdl.experiment.preparation import LoadedData
from quantdl.features.settings import FeatureSettings
from quantdl.interface.days import Day, day_of
from quantdl.interface.drawing import Figure
from quantdl.interface.prices import Prices
from quantdl.interface.session_law import SessionLaw
from quantdl.models.settings import ModelSettings
from quantdl.report import charts
from quantdl.risk.scores.book_laws import BookForecasts, forecast_books, long_only_books
from quantdl.risk.scores.forecast_scores import ForecastScores, forecast_scores, forecast_table, window_names
from quantdl.sequences import NEXT_SESSION, Begins, ReturnWindow, position_window
from quantdl.shown import block, counted, facts, note, title
from quantdl.training.forecasting import ForecastBook
from quantdl.training.settings import TrainingSettings

BOOK_DRAWS = 2000
"""Joint draws a session from which the law of the equal-weight book is read, where no number is given."""


@dataclass(frozen=True, eq=False)
class Recipe:
    """What a run has to say beside the settings of a model, so that it would fit the same one.

    Attributes:
        training: How the model was fitted.
        features: What it reads.
        train_end: Training labels end here.
        validation_end: Validation labels end here.
        prices: On which it was fitted.
    """

    training: TrainingSettings
    features: FeatureSettings
    train_end: date
    validation_end: date
    prices: Prices


@dataclass(frozen=True, eq=False, repr=False)
class Laws:
    """The joint law of all assets' log returns, at every close of a span.

    A law made at the close of a session is that of the return of the next one (the window ``next_session``), and of a
    position that is filled then and held over the horizon (``position``; ``position_21`` for a further horizon of 21
    bars). Where nothing is said, the next session is meant.

    Attributes:
        panel: Prices as loaded.
        data: What the model reads of them: policies applied, universe judged, total returns.
        fitted: The fitted model with the histories that it reads.
        book: The laws.
        settings: Of the model.
        seed: Of the fit, and of what is drawn from the laws.
        begins: Price of the bar after the forecast from which a position's return runs.
        recipe: How the model was fitted, for a run that is stored; None where that is not known any more.
    """

    panel: Prices
    data: LoadedData
    fitted: FittedBlock
    book: ForecastBook
    settings: ModelSettings
    seed: int
    begins: Begins = "close"
    recipe: Recipe | None = None

    @property
    def sessions(self) -> pd.DatetimeIndex:
        """(S,) sessions at whose close the forecasts are made."""
        return self.book.sessions

    @property
    def assets(self) -> tuple[str, ...]:
        """(A,) symbols."""
        return self.book.assets

    @property
    def windows(self) -> dict[str, ReturnWindow]:
        """The return windows that the model answers for, by name."""
        return {name: window for window, name in window_names(self.fitted.fitted.windows).items()}

    @property
    def position(self) -> ReturnWindow:
        """The window of a position's return, from the fill to the exit."""
        return position_window(self.settings.horizon, self.begins)

    def at(self, session: Day | None = None, window: str = "next_session") -> SessionLaw:
        """Return the law that stands at the close of a session.

        Args:
            session: The session; None for the last one. At the close of one in which nothing trades, the law of the
                last one before it stands.
            window: Name of a return window, see `windows`.

        Raises:
            ConfigError: If the session is none, or the window is unknown.
            RunError: If the book holds no law for the session.
        """
        label = self.book.through if session is None else pd.Timestamp(day_of(session, "session"))
        made, wanted = self.book.made_at(label), self._window(window)
        law = self.book.law(label, wanted).to("cpu")
        return SessionLaw(made, self.assets, law, wanted, window, self.settings.kind, self.seed)

    def quantiles(self, probability: float | Sequence[float] = 0.01, window: str = "next_session") -> pd.DataFrame:
        """Return quantiles of every asset's log return, a row a session; NaN for an asset that a law leaves out.

        Args:
            probability: Such as .01, below which a return is on one of a hundred days. Of several each has its columns.
            window: Name of a return window, see `windows`.

        Raises:
            ConfigError: If a probability does not lie between 0 and 1, or the window is unknown.

        Shape:
            - output: sessions x assets; x (probabilities, assets) for several
        """
        given: Any = probability
        several = isinstance(given, list | tuple | pd.Series) or (isinstance(given, np.ndarray) and given.ndim == 1)
        asked = [_probability(one) for one in (given if several else [given])]
        wanted = self._window(window)
        frames = {one: self._quantiles(one, wanted) for one in asked}
        if not frames:
            raise ConfigError("probability: given none; expected a number between 0 and 1, such as 0.01, or several.")
        return pd.concat(frames, axis=1, names=["probability", "asset"]) if several else frames[asked[0]]

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row a session, window and asset; see `quantdl.risk.scores.forecast_scores.forecast_table`."""
        return forecast_table(self.book)

    @cached_property
    def scores(self) -> ForecastScores:
        """Every score of the next session's forecasts, by asset and level too."""
        horizons = (self.settings.horizon, *self.settings.also_horizons)
        return forecast_scores(self.table, self.settings.kind, horizons, self.fitted.fitted.fitted_through)

    def score(self) -> pd.DataFrame:
        """Return how good the forecasts of the next session were, in a small frame.

        Returns:
            Rows of figures with their ``unit``; ``value`` is what came, ``promised`` what true laws give, NaN where
            that is not known. Lower scores are better.

        Raises:
            ConfigError: If no return that was forecast was observed.
        """
        self._refuse_unscored()
        found, book = self.scores, self.equal_weight
        exceeded = book.exceeded(("losses", 0.99))[:, 0]
        rows: dict[str, tuple[float, float, str]] = {
            "stock-days": (float(found.n), np.nan, "count"),
            "log score": (found.nll, np.nan, "nats a stock-day"),
            "joint log score": (found.joint_nll, np.nan, "nats a stock-day"),
            "CRPS": (1e4 * found.crps, np.nan, "bp of log return"),
        }
        for one in found.coverage:
            rows[f"inside {100 * one.level:g}%"] = (100 * one.observed, 100 * one.level, "% of stock-days")
        promised = 0.01 * len(exceeded)
        rows["equal weight beyond 99% VaR"] = (float(exceeded.sum()), promised, "sessions")
        return pd.DataFrame.from_dict(rows, orient="index", columns=["value", "promised", "unit"])

    @cached_property
    def equal_weight(self) -> BookForecasts:
        """What was forecast of the equal-weight book by draws, and what came; see `quantdl.risk.scores.book_laws`."""
        weights = long_only_books(len(self.assets), 0)
        return forecast_books(self.book.of(NEXT_SESSION), weights, BOOK_DRAWS, self.seed, with_energy=False)

    def plot(self, asset: str | None = None) -> Figure:
        """Draw the forecasts of the next session against what came.

        Args:
            asset: Symbol, whose quantiles from 1 % to 99 % are drawn as a fan; None for the equal-weight book.

        Raises:
            ConfigError: If there is no such asset, or nothing was observed.
        """
        self._refuse_unscored()
        if asset is None:
            book = self.equal_weight
            bounds = {
                0.01: -book.value_at_risk["losses", 0.99][:, 0],
                0.05: -book.value_at_risk["losses", 0.95][:, 0],
                0.95: book.value_at_risk["gains", 0.95][:, 0],
                0.99: book.value_at_risk["gains", 0.99][:, 0],
            }
            fan, came = pd.DataFrame(bounds, book.sessions), pd.Series(book.outcome[:, 0], book.sessions)
            return charts.figure(charts.fan(fan, came, "Equal weight"))
        own = self.table[(self.table["asset"] == self._asset(asset)) & (self.table["window"] == "next_session")]
        own = own[own["present"]].set_index("session")
        columns = {"q01": 0.01, "q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95, "q99": 0.99}
        return charts.figure(charts.fan(own[list(columns)].rename(columns=columns), own["target"], asset))

    def __repr__(self) -> str:
        """Return what the book holds, in a line."""
        span = f"{bar_text(self.sessions[0])}..{bar_text(self.sessions[-1])}"
        assets, closes = counted(len(self.assets), "asset"), counted(len(self.sessions), "close")
        return f"Laws of {assets} by {self.settings.kind}, made at {closes}, {span}"

    def _repr_html_(self) -> str:
        through = self.fitted.fitted.fitted_through
        pairs = {
            "model": self.settings.kind,
            "fitted through": ", ".join(map(bar_text, through[:5])) + (", ..." if len(through) > 5 else ""),
            "made at the closes of": f"{bar_text(self.sessions[0])} to {bar_text(self.sessions[-1])}, "
            f"{counted(len(self.sessions), 'session')}",
            "assets": ", ".join(self.assets[:12]) + (", ..." if len(self.assets) > 12 else ""),
            "of the log return over": "; ".join(
                f"{counted(window.bars, 'bar')} ({name})" for name, window in self.windows.items()
            ),
        }
        hint = "laws.at(session) is one law, laws.quantiles(0.01) a table, laws.score() how good they were, laws.plot()"
        return block(title(f"Laws of {counted(len(self.assets), 'asset')}"), facts(pairs), note(hint))

    def _quantiles(self, probability: float, window: ReturnWindow) -> pd.DataFrame:
        frames = []
        for piece in self.book.of(window):
            values = piece.law.icdf(probability).detach().cpu().numpy()
            known = np.where(piece.law.present.cpu().numpy(), values, np.nan)
            frames.append(pd.DataFrame(known, piece.sessions, list(self.assets)))
        return pd.concat(frames).rename_axis(index="session", columns="asset")

    def _window(self, name: object) -> ReturnWindow:
        if not isinstance(name, str) or name not in self.windows:
            near = did_you_mean(str(name), self.windows) or "."
            raise ConfigError(f"window: given {name!r}; expected one of {', '.join(self.windows)}{near}")
        return self.windows[name]

    def _asset(self, name: object) -> str:
        if not isinstance(name, str) or name not in self.assets:
            raise ConfigError(f"asset: {name!r} is none of the prices{did_you_mean(str(name), self.assets) or '.'}")
        return name

    def _refuse_unscored(self) -> None:
        if not any(bool(piece.observed.any()) for piece in self.book.of(NEXT_SESSION)):
            raise ConfigError(
                f"no return that was forecast was observed up to {bar_text(self.sessions[-1])}; expected a book that "
                "ends before the prices do. Fix: forecast an earlier span."
            )


def _probability(given: object) -> float:
    is_number = isinstance(given, int | float | np.integer | np.floating) and not isinstance(given, bool)
    if not is_number or not 0.0 < given < 1.0:  # type: ignore[operator]  # a number, as was just seen
        raise ConfigError(f"probability: given {given!r}; expected a number between 0 and 1, such as 0.01.")
    return float(given)  # type: ignore[arg-type]  # likewise
