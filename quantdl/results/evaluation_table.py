"""Models side by side as tables: their scores, their books, parts of the span, and how often it was looked at."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from quantdl.results.evaluation import EvaluationRow
from quantdl.risk.scores.book_laws import TailTests
from quantdl.risk.scores.model_scores import AssetTests, GroupScores, HorizonScores
from quantdl.shown import Sheet, block, note, sheet, title

_SCORES = (
    "model",
    "stock-days",
    "NLL",
    "joint NLL",
    "joint NLL a day",
    "CRPS, bp",
    "FZ0 1%",
    "FZ0 5%",
    "energy [bp]",
)
_HITS = (
    "model",
    "below 1%",
    "below 5%",
    "above 95%",
    "above 99%",
    "inside 90%",
    "Kupiec rejects",
    "Christoffersen",
)
_AGAINST = ("model", "NLL less", "t", "Diebold-Mariano t", "its p", "stocks better", "confidence set p")
_BOOK = ("model", "tail", "exceptions", "expected", "Kupiec p", "Christoffersen p", "FZ0", "KS p", "error, bp")
_BOOKS = ("model", "tail", "hits", "Kupiec rejects", "FZ0", "books better")
_HORIZONS = ("model", "bars", "stock-days", "NLL", "CRPS, bp", "inside 90%", "NLL less", "t", "combined p")
_GROUPS = ("model", "by", "group", "stock-days", "NLL", "CRPS, bp", "FZ0 1%", "below 1%", "NLL less", "t")


@dataclass(frozen=True)
class EvaluationTable:
    """Every figure of an evaluation.

    Attributes:
        rows: One per model, the config's own first.
        horizons: Returns of positions over several bars, a row a model and horizon; none for a horizon of one bar, or
            where the span holds fewer than two in each set.
        groups: Scores by asset, year and regime, one a model and group.
        assets: Tests of each asset's value at risk.
        first: First session of the test span.
        last: Last session.
        looks: How often that span of this data was looked at by now, by runs and evaluations, each config, data, seed
            and code once.
        score: What the log score is: of the density, or of the tick interval.
        draws: Joint draws a session behind the books, where a law has no closed form of them.
    """

    rows: tuple[EvaluationRow, ...]
    horizons: tuple[HorizonScores, ...]
    groups: tuple[GroupScores, ...]
    assets: tuple[AssetTests, ...]
    first: date
    last: date
    looks: int
    score: str
    draws: int

    def sheets(self) -> Iterator[Sheet]:
        """Yield what a reader compares models by; the fields have every figure, those of each asset too."""
        rows = self.rows
        first = f"One session ahead, {self.first}..{self.last}, log score of the {self.score}"
        yield Sheet(first, _SCORES, tuple(_scores(rows)))
        yield Sheet("Share of returns beyond their quantiles; assets that tests reject", _HITS, tuple(_hits(rows)))
        against = next((row.against.model for row in rows if row.against), None)
        if against:
            caption = f"Against {against}; negative is better, a session is one cluster"
            yield Sheet(caption, _AGAINST, tuple(_differences(rows)))
        yield Sheet("The equal-weight book", _BOOK, tuple(_book(rows)))
        if rows[0].random_books:
            better = f"; books better: share with a lower FZ0 of losses at 99% than {against}" if against else ""
            yield Sheet(f"Random long-only books, pooled{better}", _BOOKS, tuple(_books(rows)))
        if self.horizons:
            caption = "Positions of several bars, in sets that do not overlap"
            yield Sheet(caption, _HORIZONS, tuple(_horizons(self.horizons)))
        yield Sheet("By year and regime", _GROUPS, tuple(_groups(self.groups)))

    @property
    def looked_at(self) -> str:
        """How often the span was looked at, in a sentence."""
        times = "once" if self.looks == 1 else f"{self.looks} times"
        return f"This span of this data has been looked at {times}; the same config, data, seed and code count once."

    def _repr_html_(self) -> str:
        """Show all of them."""
        return block(title("Models side by side"), *map(sheet, self.sheets()), note(self.looked_at))


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


def _horizons(scores: tuple[HorizonScores, ...]) -> Iterator[tuple[object, ...]]:
    for of in scores:
        yield of.model, of.bars, of.n, of.nll, of.crps_bp, of.coverage_90, of.difference, of.t, of.p_value


def _groups(scores: tuple[GroupScores, ...]) -> Iterator[tuple[object, ...]]:
    for group in scores:
        if group.by != "asset":
            of = group.figures
            figures = of.n, of.nll, of.crps_bp, of.fz0_01, of.hit_01
            yield group.model, group.by, group.group, *figures, group.difference, group.t


def _tail(tail: TailTests) -> str:
    return f"{tail.side} {tail.level:.0%}"
