"""A book of laws: what a fitted model forecasts at every close of a span."""

from dataclasses import dataclass

import pandas as pd

from quantdl.experiment.models import FittedBlock
from quantdl.experiment.preparation import LoadedData
from quantdl.interface.prices import Prices
from quantdl.models.settings import ModelSettings
from quantdl.sequences import NEXT_SESSION, Begins, ReturnWindow, position_window
from quantdl.training.forecasting import ForecastBook


@dataclass(frozen=True, eq=False, repr=False)
class Laws:
    """The joint law of all assets' returns, at every close of a span.

    Attributes:
        panel: Prices as loaded.
        data: What the model reads of them: policies applied, universe judged, total returns.
        fitted: The fitted model with the histories that it reads.
        book: The laws.
        settings: Of the model.
        seed: Of the fit, and of what is drawn from the laws.
        begins: Price of the bar after the forecast from which a position's return runs.
    """

    panel: Prices
    data: LoadedData
    fitted: FittedBlock
    book: ForecastBook
    settings: ModelSettings
    seed: int
    begins: Begins = "close"

    @property
    def sessions(self) -> pd.DatetimeIndex:
        """(S,) sessions at whose close the forecasts are made."""
        return self.book.sessions

    @property
    def assets(self) -> tuple[str, ...]:
        """(A,) symbols."""
        return self.book.assets

    @property
    def next_session(self) -> ReturnWindow:
        """The window of the next session's return, from close to close."""
        return NEXT_SESSION

    @property
    def position(self) -> ReturnWindow:
        """The window of a position's return, from the fill to the exit."""
        return position_window(self.settings.horizon, self.begins)
