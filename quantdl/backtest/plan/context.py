"""What an item of the checklist is judged by beside the plan: the model, the data of the run, the finished run."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from quantdl.backtest.plan.evidence import Evidence
from quantdl.calendars.bars import bar_unit

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from quantdl.backtest.plan.rebuilt import RebuiltBook
    from quantdl.backtest.running.result import BacktestResult
    from quantdl.market.panel import Panel


@dataclass(frozen=True)
class KnownFacts:
    """What the plan must fit and what is known without the data.

    Attributes:
        horizon_bars: Bars of the model's position window, or None without a model.
        forecasts_risk: Whether a value at risk is predicted for each session.
        longest_bars: Bars of the longest position that the model learns; its own horizon where None.
        n_assets: How many assets the data hold at most; None where only the data tell.
    """

    horizon_bars: int | None
    forecasts_risk: bool
    longest_bars: int | None = None
    n_assets: int | None = None

    @property
    def label_bars(self) -> int | None:
        """Bars from fill to exit of the longest return that is learned, or None without a model."""
        return self.horizon_bars if self.longest_bars is None else self.longest_bars


@dataclass(frozen=True, eq=False)
class RunSpan:
    """The data of a run, and its first and last session."""

    panel: "Panel"
    start: "pd.Timestamp"
    end: "pd.Timestamp"

    @property
    def n_bars(self) -> int:
        """Bars of the data inside the span."""
        return len(range(self.rows.start, self.rows.stop))

    @property
    def n_sessions(self) -> int:
        """Sessions in which these bars lie; weeks or months where a bar is one."""
        return int(self.panel.sessions[self.rows].nunique())

    @property
    def unit(self) -> str:
        """What its bars are called, see `quantdl.calendars.bars.bar_unit`."""
        return bar_unit(self.panel.card.declaration.frequency)

    @property
    def rows(self) -> slice:
        """The bars inside the span."""
        sessions = self.panel.sessions
        first, stop = sessions.searchsorted(self.start, side="left"), sessions.searchsorted(self.end, side="right")
        return slice(int(first), int(stop))


@dataclass(frozen=True, eq=False)
class FinishedRun:
    """A run that is over.

    Attributes:
        panel: Its data, without the bars that the plan waits to see confirmed.
        result: Its record.
        evidence: What is known beside the record.
        book: The book as the fills alone say.
        bars_per_year: Bars of the calendar in a year, over the plan's sample.
        unconfirmed: (T, A) the bars of the data that were left out; None where there are none.
    """

    panel: "Panel"
    result: "BacktestResult"
    evidence: Evidence
    book: "RebuiltBook"
    bars_per_year: float
    unconfirmed: "np.ndarray | None" = None

    def day(self, row: int) -> str:
        """Return the session at a position of the run, as text."""
        from quantdl.calendars.labels import bar_text  # loads pandas

        return bar_text(self.result.equity.index[row])
