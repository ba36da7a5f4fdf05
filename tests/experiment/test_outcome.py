"""An outcome names what its parts hold: the two books, the figures and the verdict."""

from dataclasses import replace

import pytest

from quantdl.experiment.outcome import Outcome


def test_the_books_are_told_apart(small_outcome):
    assert small_outcome.result is small_outcome.books.strategy
    assert small_outcome.baseline is small_outcome.books.baseline
    assert small_outcome.result is not small_outcome.baseline


def test_another_book_of_the_strategy_changes_the_result_and_nothing_else(small_outcome):
    swapped = replace(small_outcome, books=replace(small_outcome.books, strategy=small_outcome.baseline))
    assert swapped.result is swapped.baseline is small_outcome.baseline
    assert swapped.metrics is small_outcome.metrics


def test_figures_and_verdict_are_those_of_the_judgement(small_outcome):
    judgement = small_outcome.judgement
    other = replace(judgement, checklist=replace(judgement.checklist, items=()))
    changed = replace(small_outcome, judgement=other)
    assert changed.checklist.items == () != small_outcome.checklist.items
    assert changed.metrics is small_outcome.metrics is judgement.metrics


def test_the_figures_are_those_of_the_books(small_outcome):
    for book, figures in (
        (small_outcome.result, small_outcome.metrics.strategy),
        (small_outcome.baseline, small_outcome.metrics.baseline),
    ):
        assert figures.total_return == pytest.approx(book.equity["equity"].iloc[-1] / 1_000_000.0 - 1.0, rel=1e-12)


def test_a_strategy_without_a_model_has_neither_model_nor_forecasts(small_outcome):
    bare = Outcome(small_outcome.data, None, None, small_outcome.books, small_outcome.judgement)
    assert bare.fitted is bare.forecasts is None
    assert bare != small_outcome  # outcomes are compared by identity: tables have no truth value
    assert small_outcome.forecasts is not None and small_outcome.fitted is not None
