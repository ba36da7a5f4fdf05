"""What is known and decided at a close, as a record and as tables."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

import pandas as pd

from quantdl.shown import Sheet, block, facts, note, sheet, title

_FACTS = ("session", "next_session", "fitted_through", "equity", "cash", "fill_at", "halted")
_ORDER = (
    "asset",
    "rule",
    "kind",
    "side",
    "quantity",
    "reference_price",
    "worst_price",
    "trigger_price",
    "target_weight",
)
_EXITS = ("asset", "rule", "stop_price", "target_price", "trail")
_RISK = ("book", "window", "level", "value_at_risk", "expected_shortfall", "value_at_risk_money", "basis")
_LAW = ("asset", "window", "mean", "q01", "q05", "median", "q95", "q99")


@dataclass(frozen=True, eq=False)
class AsOf:
    """What is known and decided at a close.

    Attributes:
        session: The session that has just closed, with all of its bars.
        next_session: The next one of the calendar, in whose first bar the orders go on; None where the calendar ends.
        fitted_through: Last session that the model's last fit saw; None without a model.
        equity: Money, at the close.
        cash: Money that is not invested then.
        fill_at: Where the orders are to be filled, as the plan states.
        halted: Why a condition of the plan has ended the strategy; empty where none has.
        law: Columns ``asset, window, bars, present, mean`` and quantiles ``q01`` to ``q99`` (log returns); one row an
            asset and return window; no rows without a model.
        risk: Columns ``book, window, level, value_at_risk, value_at_risk_error, expected_shortfall,
            expected_shortfall_error, value_at_risk_money, basis``: fractions of equity, positive when money is lost;
            the errors are those of the simulation. The book is the one held at the close, or the one after the orders.
        orders: Columns ``asset, rule, kind, side, quantity, reference_price, worst_price, trigger_price, trail, value,
            target_weight, decided``; the quantity is what is left to fill, signed. A limit or a stop waits for its
            trigger price; that of a trailing stop follows at the fraction ``trail``. The worst price is the one
            beyond which the plan lets the order not fill, since it would lose too much by its stop: no limit order.
        exits: Columns ``asset, rule, stop_price, target_price, trail``: where the strategy has said that positions are
            left. The stop of the plan (`sizing.stop_loss`) is looked at by close and is no order.
        positions: Columns ``asset, shares, price, value, weight, weight_after_orders``; assets held or ordered.
        events: Columns ``item, condition, detail``: what the plan did in the session.
    """

    session: date
    next_session: date | None
    fitted_through: date | None
    equity: float
    cash: float
    fill_at: str
    halted: str
    law: pd.DataFrame
    risk: pd.DataFrame
    orders: pd.DataFrame
    exits: pd.DataFrame
    positions: pd.DataFrame
    events: pd.DataFrame = field(repr=False)

    def facts(self) -> dict[str, object]:
        """Return all that is no table, by name."""
        return {name: getattr(self, name) for name in _FACTS}

    def said_facts(self) -> dict[str, object]:
        """Return those that are known, by their names in words, and that nothing is ordered where that is so."""
        said = {name.replace("_", " "): value for name, value in self.facts().items() if value not in (None, "")}
        return said if len(self.orders) else {**said, "orders": "none"}

    def sheets(self) -> Iterator[Sheet]:
        """Yield the law of the next session, the risk of the book, the orders and the exits of positions, if any."""
        law = self.law[self.law["window"] == "next_session"]
        for caption, table, columns in (
            ("Log return of the next session", law, _LAW),
            ("Risk, as a fraction of equity", self.risk, _RISK),
            (f"Orders, to fill at {self.fill_at}", self.orders, _ORDER),
            ("Exits", self.exits, _EXITS),
        ):
            if len(table):
                cells = table[list(columns)].astype(object)
                rows = cells.where(cells.notna(), None).to_numpy().tolist()
                yield Sheet(caption, columns, tuple(map(tuple, rows)))

    def happened(self) -> Iterator[str]:
        """Yield what the plan did in the session, a sentence each."""
        for _, event in self.events.iterrows():
            yield f"{event['item']}: {event['detail']}"

    def _repr_html_(self) -> str:
        """Show all of it."""
        heading = title(f"As of the close of {self.session}")
        said = self.said_facts() | {"equity": f"{self.equity:,.2f}", "cash": f"{self.cash:,.2f}"}
        return block(heading, facts(said), *map(sheet, self.sheets()), *map(note, self.happened()))
