"""An evaluation on the terminal: tables of models, of books, of parts of the span, and how often it was looked at."""

from collections.abc import Iterator

import typer

from quantdl.cli.printing import print_table
from quantdl.results.evaluation import EvaluationRow, EvaluationTable
from quantdl.risk.scores.book_laws import TailTests

_SCORES = (
    "model",
    "stock-days",
    "NLL",
    "joint NLL",
    "joint NLL a day",
    "CRPS, bp",
    "FZ0 1 %",
    "FZ0 5 %",
    "energy [bp]",
)
_HITS = (
    "model",
    "below 1 %",
    "below 5 %",
    "above 95 %",
    "above 99 %",
    "inside 90 %",
    "Kupiec rejects",
    "Christoffersen",
)
_AGAINST = ("model", "NLL less", "t", "Diebold-Mariano t", "its p", "stocks better", "confidence set p")
_BOOK = ("model", "tail", "exceptions", "expected", "Kupiec p", "Christoffersen p", "FZ0", "KS p", "error, bp")
_BOOKS = ("model", "tail", "hits", "Kupiec rejects", "FZ0", "books better")
_HORIZONS = ("model", "bars", "stock-days", "NLL", "CRPS, bp", "inside 90 %", "NLL less", "t", "combined p")
_GROUPS = ("model", "by", "group", "stock-days", "NLL", "CRPS, bp", "FZ0 1 %", "below 1 %", "NLL less", "t")


def print_evaluation(table: EvaluationTable) -> None:
    """Print what a reader compares models by; ``--json`` has every figure, those of each asset too."""
    rows = table.rows
    print_table(
        f"One session ahead, {table.first}..{table.last}, log score of the {table.score}", _SCORES, _scores(rows)
    )
    print_table("Share of returns beyond their quantiles; assets that tests reject", _HITS, _hits(rows))
    against = next((row.against.model for row in rows if row.against), None)
    if against:
        print_table(f"Against {against}; negative is better, a session is one cluster", _AGAINST, _differences(rows))
    print_table("The equal-weight book", _BOOK, _book(rows))
    if rows[0].random_books:
        better = f"; books better: share with a lower FZ0 of losses at 99 % than {against}" if against else ""
        print_table(f"Random long-only books, pooled{better}", _BOOKS, _books(rows))
    if table.horizons:
        print_table("Positions of several bars, in sets that do not overlap", _HORIZONS, _horizons(table))
    print_table("By year and regime", _GROUPS, _groups(table))
    times = "once" if table.looks == 1 else f"{table.looks} times"
    typer.echo(f"This span of this data has been looked at {times}; the same config, data, seed and code count once.")


def _scores(rows: tuple[EvaluationRow, ...]) -> Iterator[tuple[object, ...]]:
    for row in rows:
        of = row.figures
        yield row.model, of.n, of.nll, of.joint_nll, of.joint_nll_day, of.crps_bp, of.fz0_01, of.fz0_05, row.energy_bp


def _hits(rows: tuple[EvaluationRow, ...]) -> Iterator[tuple[object, ...]]:
    for row in rows:
        of = row.figures
        shares = of.hit_01, of.hit_05, of.above_95, of.above_99, of.coverage_90
        yield row.model, *shares, row.kupiec_rejected_01, row.christoffersen_rejected_01


def _differences(rows: tuple[EvaluationRow, ...]) -> Iterator[tuple[object, ...]]:
    for row in rows:
        of = row.against
        tests: tuple[object, ...] = (None,) * 5
        if of is not None:
            tests = of.difference, of.t, of.diebold_mariano_t, of.diebold_mariano_p, of.stocks_better
        yield row.model, *tests, row.confidence_set_p


def _book(rows: tuple[EvaluationRow, ...]) -> Iterator[tuple[object, ...]]:
    for row in rows:
        for tail in row.book.tails:
            counted = tail.exceptions, tail.expected, tail.kupiec_p, tail.christoffersen_p, tail.fz0
            yield row.model, _tail(tail), *counted, row.book.ks_p, row.book.error_bp


def _books(rows: tuple[EvaluationRow, ...]) -> Iterator[tuple[object, ...]]:
    for row in rows:
        for tail in row.random_books:
            better = row.books_better if (tail.side, tail.level) == ("losses", 0.99) else None
            yield row.model, f"{tail.side} {tail.level:.0%}", tail.hits, tail.rejected, tail.fz0, better


def _horizons(table: EvaluationTable) -> Iterator[tuple[object, ...]]:
    for of in table.horizons:
        yield of.model, of.bars, of.n, of.nll, of.crps_bp, of.coverage_90, of.difference, of.t, of.p_value


def _groups(table: EvaluationTable) -> Iterator[tuple[object, ...]]:
    for group in table.groups:
        if group.by != "asset":
            of = group.figures
            figures = of.n, of.nll, of.crps_bp, of.fz0_01, of.hit_01
            yield group.model, group.by, group.group, *figures, group.difference, group.t


def _tail(tail: TailTests) -> str:
    return f"{tail.side} {tail.level:.0%}"
