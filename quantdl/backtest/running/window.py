"""What the strategy is shown: arrays into which one session after another is copied.

The strategy's arrays are slices of buffers that hold NaN wherever the future will be, so nothing later can be reached
through them, not even through their base.
"""

import numpy as np

from quantdl.backtest.book.tape import Tape
from quantdl.backtest.book.terms import Terms
from quantdl.backtest.running.decisions import Moment
from quantdl.backtest.running.view import Forecasts, MarketView


class Window:
    """Reveals the tape session by session."""

    def __init__(self, tape: Tape, terms: Terms, forecasts: Forecasts | None) -> None:
        """Start with nothing revealed."""
        self.tape, self.terms, self.forecasts = tape, terms, forecasts
        self.known = {name: tape.fields[name] for name in terms.fields}
        self.fields = {name: np.full(values.shape, np.nan) for name, values in self.known.items()}
        self.traded = np.zeros(tape.traded.shape, dtype=bool)
        self.continuous = np.full(tape.continuous.shape, np.nan)
        self.units = np.ones(len(tape.assets))
        self.units.flags.writeable = False
        self.revealed = 0

    def view(self, now: Moment) -> MarketView:
        """Reveal everything up to the close of a session and return what the strategy sees then."""
        t, book, forecasts = now.t, now.book, self.forecasts
        self._reveal(t + 1)
        session = self.tape.sessions[t]
        return MarketView(
            session=session,
            sessions=self.tape.sessions[: t + 1],
            assets=self.tape.assets,
            fields={name: _read_only(values[: t + 1]) for name, values in self.fields.items()},
            continuous_closes=_read_only(self.continuous[: t + 1]),
            traded=_read_only(self.traded[: t + 1]),
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

    def _reveal(self, stop: int) -> None:
        rows = slice(self.revealed, stop)
        for name, values in self.known.items():
            self.fields[name][rows] = values[rows]
        self.traded[rows] = self.tape.traded[rows]
        self.continuous[rows] = self.tape.continuous[rows]
        effects = self.tape.effects
        splits = [item for row in range(self.revealed, stop) for item in effects.get(row, ()) if item.ratio != 1]
        if splits:
            units = self.units.copy()
            for item in splits:
                units[item.column] *= item.ratio
            self.units = _read_only(units)
        self.revealed = stop


def _read_only(values: np.ndarray) -> np.ndarray:
    view = values.view()
    view.flags.writeable = False
    return view
