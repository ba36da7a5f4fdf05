"""A sweep over parameters on the terminal: every set, the best one, and what is left of it once trials are counted."""

from quantdl.cli.printing import print_figures, print_table
from quantdl.cli.saying import say
from quantdl.experiment.grid_table import GridTable


def print_sweep(table: GridTable) -> None:
    """Print the table of the sets, then how the best of them is to be judged.

    Args:
        table: Of the sweep.
    """
    sheet = table.sheet()
    print_table(sheet.caption, sheet.columns, sheet.rows)
    for line in table.sentences():
        say(line)
    if table.best is not None and table.selection is not None:
        print_figures({"best": table.best.values, "trials": table.selection})


def best_line(table: GridTable) -> str:
    """Return the best set in a line, with what it was played on."""
    if table.best is None:
        return "no set has a Sharpe ratio"
    values = ", ".join(f"{name}: {value}" for name, value in table.best.values.items())
    return f"best on the {table.span} span: {values}; Sharpe ratio {table.best.sharpe:.4f} of {len(table.rows):,} sets"
