"""What an item of the checklist is judged by beside the plan: the model, and the data in the span of the run."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from quantdl.market.panel import Panel


@dataclass(frozen=True)
class ModelTerms:
    """What the plan must fit of the model.

    Attributes:
        horizon_bars: Bars of the model's position window, or None without a model.
        forecasts_risk: Whether a value at risk is predicted for each session.
    """

    horizon_bars: int | None
    forecasts_risk: bool


@dataclass(frozen=True, eq=False)
class RunSpan:
    """The data of a run, and its first and last session."""

    panel: "Panel"
    start: "pd.Timestamp"
    end: "pd.Timestamp"

    @property
    def n_sessions(self) -> int:
        """Bars of the data inside the span."""
        sessions = self.panel.sessions
        return int(((sessions >= self.start) & (sessions <= self.end)).sum())
