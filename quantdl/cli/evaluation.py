"""An evaluation on the terminal: tables of models, of books, of parts of the span, and how often it was looked at."""

import typer

from quantdl.cli.printing import print_table
from quantdl.results.evaluation_table import EvaluationTable


def print_evaluation(table: EvaluationTable) -> None:
    """Print what a reader compares models by; ``--json`` has every figure, those of each asset too."""
    for sheet in table.sheets():
        print_table(sheet.caption, sheet.columns, sheet.rows)
    typer.echo(table.looked_at)
