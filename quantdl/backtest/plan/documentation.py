"""Documentation: who answers for the run, and where its record is kept."""

from dataclasses import dataclass

import numpy as np

from quantdl.backtest.plan.context import FinishedRun
from quantdl.backtest.plan.evidence import ItemVerdict, ReportRow
from quantdl.backtest.plan.stated import Stated
from quantdl.backtest.plan.texts import Folder, PersonName

ROW = ReportRow("Documentation", "environment", "Environment")

# Of the money or shares that were summed up: what the sums of a run may round.
_ROUNDING = 1e-7


@dataclass(frozen=True)
class Documentation(metaclass=Stated):
    """Who answers for the run and where its record is kept.

    Attributes:
        author: Who answers for it.
        run_folder: Where run folders are kept.
    """

    author: PersonName
    run_folder: Folder


def judge(documentation: Documentation, run: FinishedRun) -> ItemVerdict:
    """Look whether the run can be repeated, and whether its record follows from its own fills."""
    statement = f"{documentation.author} answers for the run, kept under {documentation.run_folder}"
    failures = [] if run.evidence.reproduced_by.strip() else ["nothing says how to repeat the run"]
    figure = run.evidence.reproduced_by.strip() or "not stated"
    return ItemVerdict(statement, figure, (*failures, *_contradictions(run)))


def _contradictions(run: FinishedRun) -> list[str]:
    """Return where shares and money of the record are not those of the fills, dividends, interest and fees.

    Weights and returns of the book held are among them: what the book may lose, and lost, is judged by these.
    """
    book, record = run.book, run.result
    shares = np.abs(record.quantities.to_numpy() - book.shares)
    costs = np.zeros(book.n_sessions)
    np.add.at(costs, book.fills.row, book.fills.cost)
    money = np.abs(record.equity["equity"].to_numpy() - book.equity)
    paid = np.abs(record.equity["costs"].to_numpy() - costs - book.fees.sum(axis=1))
    positions = np.abs(record.weights_after_fill.to_numpy() - book.weights).max(axis=1) * np.abs(book.equity)
    start = np.concatenate([[record.initial_equity], book.equity[:-1]])
    earned = np.where(start > 0, book.equity_before - start, 0.0)
    gains = np.abs(record.equity["held_return"].to_numpy() * np.maximum(start, 0.0) - earned)
    found = []
    for what, off, scale in (
        ("shares held", shares.max(axis=1), np.abs(book.shares).max(initial=0.0)),
        ("equity", money, np.abs(book.equity).max()),
        ("interest", np.abs(record.equity["interest"].to_numpy() - book.interest), np.abs(book.equity).max()),
        ("costs", paid, np.abs(book.equity).max()),
        ("money in positions", np.where(book.equity > 0, positions, 0.0), np.abs(book.equity).max()),
        ("gains of the book held", gains, np.abs(book.equity).max()),
    ):
        wrong = ~(off <= _ROUNDING * max(float(scale), record.initial_equity * _ROUNDING))
        if wrong.any():
            first = run.day(int(wrong.argmax()))
            found.append(f"{what} on record and by the fills differ by up to {off.max():,.4g}, first on {first}")
    return found
