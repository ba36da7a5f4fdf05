"""The rows of an evaluation, from models whose worth is known."""

import numpy as np
import pandas as pd
import pytest

from quantdl.records import to_plain
from quantdl.results.evaluation import ScoredModel, evaluation_rows
from quantdl.risk.scores.book_laws import TAILS, BookForecasts
from quantdl.risk.scores.model_scores import asset_tests

N = 300
SESSIONS = pd.bdate_range("2020-01-01", periods=N + 1)


def model(scale, seed, volatility=True):
    """A normal law of given scale for returns of scale 1, with the books {equal weight, two others} of one asset."""
    outcome = np.random.default_rng(0).standard_normal((N, 1))
    noise = 0.01 * np.random.default_rng(seed).standard_normal(N)
    days = pd.DataFrame(
        {
            "session": SESSIONS[:N],
            "ends": SESSIONS[1:],
            "asset": np.full(N, "A", dtype=object),
            "nll": np.log(scale) + 0.5 * (outcome[:, 0] / scale) ** 2 + noise,
            "joint_nll": 1.0,
            "crps": 0.5,
            "pit": 0.5,
            "fz0_01": 1.0,
            "fz0_05": 1.0,
        }
    )
    books = np.repeat(outcome, 3, axis=1)
    quantile = {tail: np.full_like(books, scale * {0.99: 2.326, 0.95: 1.645}[tail[1]]) for tail in TAILS}
    beyond = {tail: np.full_like(books, scale * {0.99: 2.665, 0.95: 2.063}[tail[1]]) for tail in TAILS}
    figures = BookForecasts(
        SESSIONS[:N], books, np.full_like(books, 0.5), quantile, beyond, 0 * books, np.full(N, 0.02)
    )
    return ScoredModel(volatility, days, {5: days}, pd.DataFrame(), figures, SESSIONS[:N])


@pytest.fixture(scope="module")
def rows():
    models = {"right": model(1.0, 1), "narrow": model(0.5, 2)}
    tests = {name: asset_tests(name, scored.days) for name, scored in models.items()}
    return {row.model: row for row in evaluation_rows(models, "narrow", 1, tests)}


def test_a_model_is_held_against_the_one_named_and_that_one_against_none(rows):
    assert list(rows) == ["right", "narrow"]
    assert rows["narrow"].against is None
    assert rows["right"].against.model == "narrow"
    assert rows["right"].against.t < -5
    assert rows["right"].confidence_set_p == 1.0
    assert rows["narrow"].confidence_set_p < 0.05


def test_books_are_tested_and_compared(rows):
    losses = rows["right"].book.tails[0]
    assert (losses.side, losses.level, losses.n) == ("losses", 0.99, N)
    assert losses.kupiec_p > 0.05
    assert rows["narrow"].book.tails[0].kupiec_p < 0.001
    assert rows["right"].books_better == 1.0
    assert rows["narrow"].books_better is None
    assert [(tail.side, tail.level) for tail in rows["narrow"].random_books] == list(TAILS)
    assert rows["narrow"].energy_bp == pytest.approx(200)


def test_a_row_in_json_has_its_figures_beside_its_name(rows):
    plain = to_plain(rows["right"])
    assert {"model", "n", "nll", "joint_nll_day", "crps_bp", "fz0_01", "fz0_05", "against", "book"} <= set(plain)
