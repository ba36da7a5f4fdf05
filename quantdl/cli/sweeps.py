"""A sweep over parameters on the terminal: every set, the best one, and what is left of it once trials are counted."""

from collections.abc import Iterator

from quantdl.cli.printing import print_figures, print_table
from quantdl.cli.saying import say
from quantdl.experiment.parameter_sweep import GridTable

_FIGURES = ("Sharpe", "a bar", "return", "drawdown", "turnover", "costs", "fills", "halted on", "problem")


def print_sweep(table: GridTable) -> None:
    """Print the table of the sets, then how the best of them is to be judged.

    Args:
        table: Of the sweep.
    """
    names = list(table.rows[0].values)
    rows = [
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
        for row in table.rows
    ]
    print_table(f"Sets on the {table.span} span, {table.first}..{table.last}", ["set", *names, *_FIGURES], rows)
    for line in _lines(table):
        say(line)
    if table.best is not None and table.selection is not None:
        print_figures({"best": table.best.values, "trials": table.selection})


def best_line(table: GridTable) -> str:
    """Return the best set in a line, with what it was played on."""
    if table.best is None:
        return "no set has a Sharpe ratio"
    values = ", ".join(f"{name}: {value}" for name, value in table.best.values.items())
    return f"best on the {table.span} span: {values}; Sharpe ratio {table.best.sharpe:.4f} of {len(table.rows):,} sets"


def _lines(table: GridTable) -> Iterator[str]:
    counts = {state: sum(row.state == state for row in table.rows) for state in ("played", "refused", "failed")}
    yield ", ".join(f"{count:,} {state}" for state, count in counts.items()) + f" of {len(table.rows):,} sets"
    if table.equal_weight_sharpe is not None:
        yield f"Sharpe ratio of equal weight over the same sessions: {table.equal_weight_sharpe:.4f}"
    if table.best is None:
        yield "no set has a Sharpe ratio"
        return
    yield f"best by Sharpe ratio: set {table.best.number}; chosen among all, so judge it by what follows"
    if table.span == "validation":
        yield "the test span was not looked at: `quantdl run` does, with its values under strategy.parameters"
    else:
        yield "played on the test span: the best of many sets is no result out of sample"
