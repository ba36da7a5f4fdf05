"""The typed record of an evaluation: models side by side, and what each of them said."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pandas as pd

from quantdl.records import INLINE
from quantdl.risk.scores.book_laws import (
    TAILS,
    BookForecasts,
    BookTests,
    PooledTail,
    book_tests,
    pooled_tails,
    share_better,
)
from quantdl.risk.scores.model_scores import (
    AgainstOne,
    AssetTests,
    MeanFigures,
    against_one,
    confidence_set,
    mean_figures,
    rejected_assets,
)


@dataclass(frozen=True)
class EvaluationRow:
    """One model, one session ahead, over all stock-days of the test span.

    Attributes:
        model: Kind of the model; numbered from the second of a kind on.
        figures: Mean scores.
        energy_bp: Mean energy score of the joint law, in basis points.
        kupiec_rejected_01: Assets whose number of returns below the 1 % quantile Kupiec's test rejects at 5 %.
        christoffersen_rejected_01: Assets rejected by Christoffersen's test of number and clustering at once.
        confidence_set_p: P-value in the model confidence set of log scores; None where no two models differ.
        against: Its log scores against those of the model compared with; None for that model, and without one.
        book: Tests of the equal-weight book.
        random_books: Tails of the random long-only books, pooled.
        books_better: Share of the random books with a better FZ0 of losses at 99 % than the model compared with.
    """

    model: str
    figures: MeanFigures = field(metadata=INLINE)
    energy_bp: float
    kupiec_rejected_01: int
    christoffersen_rejected_01: int
    confidence_set_p: float | None
    against: AgainstOne | None
    book: BookTests
    random_books: tuple[PooledTail, ...]
    books_better: float | None


@dataclass(frozen=True, eq=False)
class ScoredModel:
    """What one model said and how good it was.

    Attributes:
        is_volatility: Whether it is a volatility model, of which the best is compared with by default.
        days: Stock-days of the next session.
        positions: Stock-days of each position window, by the bars from fill to exit; the model's own horizon first.
        quantiles: Grid of the next session's quantiles.
        books: Forecasts of books.
        sessions: At whose close forecasts were made.
    """

    is_volatility: bool
    days: pd.DataFrame
    positions: Mapping[int, pd.DataFrame]
    quantiles: pd.DataFrame
    books: BookForecasts
    sessions: pd.DatetimeIndex


def evaluation_rows(
    models: Mapping[str, ScoredModel], against: str | None, seed: int, tests: Mapping[str, tuple[AssetTests, ...]]
) -> Iterator[EvaluationRow]:
    """Summarise scored models, each against one of them.

    Args:
        models: By name.
        against: Name of the model that the others are held against; None for no comparison.
        seed: Of the bootstrap of the model confidence set.
        tests: Of each model's assets.
    """
    kept = confidence_set({name: scored.days for name, scored in models.items()}, seed)
    rival = None if against is None else models[against]
    for name, scored in models.items():
        kupiec, christoffersen = rejected_assets(tests[name], 0.99)
        other = None if rival is scored else rival
        yield EvaluationRow(
            model=name,
            figures=mean_figures(scored.days),
            energy_bp=1e4 * float(scored.books.energy.mean()),
            kupiec_rejected_01=kupiec,
            christoffersen_rejected_01=christoffersen,
            confidence_set_p=kept.get(name),
            against=None if other is None or against is None else against_one(scored.days, other.days, against),
            book=book_tests(scored.books),
            random_books=pooled_tails(scored.books) if scored.books.outcome.shape[1] > 1 else (),
            books_better=None if other is None else _books_better(scored.books, other.books),
        )


def _books_better(own: BookForecasts, rival: BookForecasts) -> float | None:
    """Share of the random books, in the sessions that both predicted."""
    mine, theirs = own.sessions.isin(rival.sessions), rival.sessions.isin(own.sessions)
    scores = own.fz0(TAILS[0])[mine, 1:], rival.fz0(TAILS[0])[theirs, 1:]
    return share_better(*scores) if scores[0].size else None
