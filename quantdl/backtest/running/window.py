"""What the strategy is shown: arrays into which one session after another is copied, and that are looked at again.

The strategy's arrays are slices of buffers that hold nothing where the future will be, and whose length follows from
what has been shown, so that neither a later price nor the number of later sessions can be reached through a base.
"""

import numpy as np
import pandas as pd

from quantdl.backtest.book.tape import Tape
from quantdl.backtest.book.terms import Terms
from quantdl.backtest.running.decisions import Moment
from quantdl.backtest.running.view import Forecasts, MarketView
from quantdl.calendars.labels import bar_text
from quantdl.errors import RunError

_LEAST_ROWS = 64


class Window:
    """Reveals the tape session by session."""

    def __init__(self, tape: Tape, terms: Terms, forecasts: Forecasts | None) -> None:
        """Start with nothing revealed."""
        self.tape, self.terms, self.forecasts = tape, terms, forecasts
        self.labels = _Shown(tape.sessions.to_numpy())
        self.fields = {name: _Shown(tape.fields[name]) for name in terms.fields}
        self.traded, self.continuous = _Shown(tape.traded), _Shown(tape.continuous)
        self.prices = {**self.fields, "continuous_closes": self.continuous}
        self.units = np.ones(len(tape.assets))
        self.units.flags.writeable = False
        self.revealed = 0

    def view(self, now: Moment) -> MarketView:
        """Reveal everything up to the close of a session and return what the strategy sees then."""
        t, book, forecasts = now.t, now.book, self.forecasts
        self._split(t + 1)
        session = self.tape.sessions[t]
        return MarketView(
            session=session,
            sessions=pd.DatetimeIndex(self.labels.until(t + 1), copy=False),
            assets=self.tape.assets,
            fields={name: values.until(t + 1) for name, values in self.fields.items()},
            continuous_closes=self.continuous.until(t + 1),
            traded=self.traded.until(t + 1),
            listed=_read_only(self.tape.listed[t].copy()),
            weights=_read_only(book.weights()),
            shares=_read_only(book.shares.copy()),
            share_units=self.units,
            equity=book.equity(),
            bars_since_decision=now.bars_since_decision,
            rebalance_due=now.due,
            limits=now.limits,
            cost_fraction=self.terms.cost_fraction(t),
            horizon_bars=self.terms.horizon_bars,
            bars_per_year=self.terms.bars_per_year * float(self.tape.bars_so_far[t] / (t + 1)),
            law=None if forecasts is None else lambda: forecasts.draws(session),
        )

    def check(self, whole: bool = False) -> None:
        """Look whether what was shown is still what the market was; arrays that are read-only can be written to.

        Args:
            whole: Look at every row of every array, not at the first and the last row of prices alone.

        Raises:
            RunError: If something was written into it, naming the array and the first session.
        """
        looked_at = {**self.prices, "traded": self.traded, "sessions": self.labels} if whole else self.prices
        for name, values in looked_at.items():
            row = values.changed() if whole else values.changed_end()
            if row is not None:
                raise RunError(
                    f"the strategy has changed the array {name!r} that a view shows, in the row of "
                    f"{bar_text(self.tape.sessions[row])}: later views, also of other strategies, would show what it "
                    "wrote. Work on a copy: `numpy.array(view.closes)`, `torch.tensor(view.closes)`; "
                    "`torch.from_numpy` shares the memory."
                )

    def _split(self, stop: int) -> None:
        effects = self.tape.effects
        splits = [item for row in range(self.revealed, stop) for item in effects.get(row, ()) if item.ratio != 1]
        if splits:
            units = self.units.copy()
            for item in splits:
                units[item.column] *= item.ratio
            self.units = _read_only(units)
        self.revealed = stop


class _Shown:
    """Rows of an array (T, *), copied one after another into a buffer that holds zeros behind them."""

    def __init__(self, source: np.ndarray) -> None:
        self.source, self.rows = source, 0
        self.buffer = source[:0].copy()

    def until(self, stop: int) -> np.ndarray:
        """Return the first rows, read-only."""
        if stop > len(self.buffer):
            rows = max(2 * stop, _LEAST_ROWS)
            larger = np.zeros((rows, *self.source.shape[1:]), self.source.dtype)  # memory is taken where it is written
            larger[: self.rows] = self.buffer[: self.rows]
            self.buffer = larger
        self.buffer[self.rows : stop] = self.source[self.rows : stop]
        self.rows = max(self.rows, stop)
        return _read_only(self.buffer[:stop])

    def changed_end(self) -> int | None:
        """Return the first row, or the last, if it is not what it was copied from; None where both are."""
        last = self.rows - 1
        if self.buffer[0].tobytes() != self.source[0].tobytes():
            return 0
        return last if self.buffer[last].tobytes() != self.source[last].tobytes() else None

    def changed(self) -> int | None:
        """Return the first row that is not what it was copied from, bit for bit; None where there is none."""
        rows = (row for row in range(self.rows) if self.buffer[row].tobytes() != self.source[row].tobytes())
        return next(rows, None)


def _read_only(values: np.ndarray) -> np.ndarray:
    view = values.view()
    view.flags.writeable = False
    return view
