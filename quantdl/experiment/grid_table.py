"""What a sweep over parameters leaves behind: every set, the best one, and how much of it many trials leave."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from quantdl.runs.selection import Selection
from quantdl.shown import Sheet, block, cell_text, facts, note, sheet, title

_FIGURES = ("Sharpe", "a bar", "return", "drawdown", "turnover", "costs", "fills", "halted on", "problem")


@dataclass(frozen=True)
class SetRow:
    """One set of a sweep.

    Attributes:
        number: From 0, in the order of the grid.
        values: Of the parameters.
        state: Whether it was played, refused by the constructor of the strategy, or failed on the way.
        sharpe: Annualised, over the span; None where it is undefined or the set was not played.
        sharpe_per_bar: The same per bar, by which the best is chosen.
        total_return: Of the span.
        max_drawdown: Largest fall of equity from its peak, as a negative fraction.
        turnover: Money traded over equity, summed over the span.
        costs: Money.
        fills: Number of them.
        halted_on: Session at whose close a condition of the plan ended it.
        trial: Its hash in the ledger; empty where it does not count: it was refused, or nothing was seen of it.
        problem: Why the set has no Sharpe ratio, else empty.
    """

    number: int
    values: Mapping[str, object]
    state: Literal["played", "refused", "failed"]
    sharpe: float | None = None
    sharpe_per_bar: float | None = None
    total_return: float | None = None
    max_drawdown: float | None = None
    turnover: float | None = None
    costs: float | None = None
    fills: int | None = None
    halted_on: date | None = None
    trial: str = ""
    problem: str = ""


@dataclass(frozen=True)
class GridTable:
    """A sweep: every set, the best one, and how much of it many trials leave.

    Attributes:
        span: ``validation`` or ``test``.
        first: First session played.
        last: Last one.
        rows: Every set, in the order of the grid.
        equal_weight_sharpe: Annualised, of equal weight over the same sessions at the same costs.
        best: The row with the highest Sharpe ratio, the first of equals; None where no set has one.
        selection: What is left of its Sharpe ratio once trials are counted: those of the ledger on the same data and
            span, of earlier sweeps and runs too.
    """

    span: str
    first: date
    last: date
    rows: tuple[SetRow, ...]
    equal_weight_sharpe: float | None
    best: SetRow | None
    selection: Selection | None

    def sheet(self) -> Sheet:
        """Return every set as a table."""
        names = tuple(self.rows[0].values) if self.rows else ()
        rows = tuple(
            (
                row.number,
                *row.values.values(),
                row.sharpe,
                row.sharpe_per_bar,
                row.total_return,
                row.max_drawdown,
                row.turnover,
                row.costs,
                row.fills,
                row.halted_on or "",
                row.problem,
            )
            for row in self.rows
        )
        return Sheet(f"Sets on the {self.span} span, {self.first}..{self.last}", ("set", *names, *_FIGURES), rows)

    def sentences(self) -> Iterator[str]:
        """Yield how the sets and the best of them are to be judged."""
        counts = {state: sum(row.state == state for row in self.rows) for state in ("played", "refused", "failed")}
        yield ", ".join(f"{count:,} {state}" for state, count in counts.items()) + f" of {len(self.rows):,} sets"
        if self.equal_weight_sharpe is not None:
            yield f"Sharpe ratio of equal weight over the same sessions: {self.equal_weight_sharpe:.4f}"
        if self.best is None:
            yield "no set has a Sharpe ratio"
            return
        yield f"best by Sharpe ratio: set {self.best.number}; chosen among all, so judge it by what follows"
        if self.span == "validation":
            yield "the test span was not looked at: `quantdl run` does, with its values under strategy.parameters"
        else:
            yield "played on the test span: the best of many sets is no result out of sample"

    def _repr_html_(self) -> str:
        """Show the same."""
        chosen = "" if self.best is None or self.selection is None else facts(_judged(self.best, self.selection))
        return block(title("A sweep over parameters"), sheet(self.sheet()), *map(note, self.sentences()), chosen)


def _judged(best: SetRow, selection: Selection) -> Mapping[str, object]:
    """What is left of the best set once trials are counted."""
    reasons = {name: f"undefined: {reason}" for name, reason in selection.undefined.items()}
    left = {
        name.replace("_", " "): reasons.get(name, cell_text(value))
        for name, value in vars(selection).items()
        if name != "undefined"
    }
    return {**best.values, **left}
