"""All stress of a book: stated shocks by hand, one row a scenario, the same for the same seed."""

import numpy as np
import pandas as pd
import pytest

from quantdl.risk.book.past_returns import PastReturns
from quantdl.risk.stress.all_scenarios import shock_row, stress_book
from quantdl.risk.stress.settings import ReverseScenario, ShockScenario, StressSettings
from quantdl.risk.stress.stressed_book import StressedBook, StressLaw
from quantdl.risk.stress.windows import NAMED_WINDOWS
from tests.risk.stress.known_laws import law

NAMES = ("AAA", "BBB", "CCC")
WEIGHTS = np.array([0.5, 0.3, -0.2])
GROUPS = {"AAA": "Energy", "BBB": "Energy", "CCC": "Banks"}
SETTINGS = StressSettings(draws=1000)


def book(weights=WEIGHTS):
    market = np.random.default_rng(1).normal(0.0, 0.01, 300)
    returns = market[:, None] * np.array([1.0, 0.5, 1.5])
    past = PastReturns(NAMES, pd.bdate_range("2021-11-01", periods=300), returns)
    return StressedBook(past, weights, (StressLaw(law(3, 5.0), 1, "Student-t"),), GROUPS)


def test_stated_returns_go_before_those_of_the_group_and_both_before_the_market():
    shock = ShockScenario("s", {"AAA": -0.2}, {"Energy": -0.1}, market=-0.4)
    row = shock_row(book(), shock)
    assert row.loss == pytest.approx(0.5 * 0.2 + 0.3 * 0.1 - 0.2 * 1.5 * 0.4)
    assert [one.asset for one in row.worst] == ["AAA", "BBB"]


def test_what_is_not_named_does_not_move_and_the_row_says_how_many():
    row = shock_row(book(), ShockScenario("s", {"AAA": -0.2}))
    assert row.loss == pytest.approx(0.1) and row.notes == ("2 positions are not named and do not move.",)


def test_each_scenario_has_its_row_with_a_loss_or_a_reason():
    report = stress_book(book(), SETTINGS, 1)
    kinds = [row.kind for row in report.rows]
    assert kinds.count("window") == len(NAMED_WINDOWS) and {"calibration", "conditional", "reverse", "law"} <= {*kinds}
    assert all((row.loss is None) == bool(row.why_not) for row in report.rows)
    covered = [row.name for row in report.rows if row.kind == "window" and row.loss is not None]
    assert covered == ["Inflation and rates, 2022"]


def test_the_same_seed_gives_the_same_report_and_a_scenario_less_changes_no_other():
    one, two = (stress_book(book(), SETTINGS, 1) for _ in range(2))
    assert one == two
    less = stress_book(book(), StressSettings(draws=1000, conditional=(), laws=(), calibration=None), 1)
    assert [row for row in one.rows if row.kind in ("window", "reverse", "liquidity")] == list(less.rows)


def test_a_flat_book_is_skipped_with_its_reason():
    report = stress_book(book(np.zeros(3)), SETTINGS, 1)
    assert report.rows == () and "no position" in report.skipped


def test_names_that_do_not_exist_are_refused_before_anything_is_computed():
    settings = StressSettings(shocks=(ShockScenario("s", {"AAAA": -0.1}),), reverse=(ReverseScenario("r", 0.1),))
    with pytest.raises(ValueError, match="shocks.0.assets.AAAA: given 'AAAA'; .*did you mean 'AAA'"):
        stress_book(book(), settings, 1)
