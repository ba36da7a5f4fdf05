"""The book laid out for stress: laws by their windows, what they leave out, and names that do not exist."""

import numpy as np
import pandas as pd
import pytest
import torch

from quantdl.risk.book.past_returns import PastReturns
from quantdl.risk.stress.settings import ConditionalScenario, LawShock, ShockScenario, StressSettings
from quantdl.risk.stress.stressed_book import StressedBook, StressLaw, scenario_faults
from tests.risk.stress.known_laws import law

NAMES = ("AAA", "BBB", "CCC")


def past(n=200):
    returns = np.random.default_rng(1).normal(0.0, 0.01, (n, 3))
    return PastReturns(NAMES, pd.bdate_range("2020-01-01", periods=n), returns)


def test_the_longest_law_is_asked_where_no_window_is_named():
    book = StressedBook(past(), np.ones(3) / 3, (StressLaw(law(3), 10, "ten"), StressLaw(law(3), 1, "one")))
    assert book.law_over(None).source == "ten" and book.law_over(1).source == "one"
    assert book.law_over(5) == "no law over 5 bars; there are laws over 1, 10"


def test_without_a_law_a_student_t_law_of_the_past_stands_in():
    book = StressedBook(past(), np.ones(3) / 3)
    assert [one.described for one in book.known_laws] == ["Student-t law fitted to 200 sessions, 1 bar"]
    assert "it takes 100 of the last 500" in StressedBook(past(80), np.ones(3) / 3).law_over(None)


def test_absent_assets_are_dropped_from_a_law_and_named_where_they_are_held():
    partial = law(3).observed(torch.tensor([[True, False, True]]))
    book = StressedBook(past(), np.array([0.5, 0.3, 0.2]), (StressLaw(partial, 1, "some"),))
    (only,) = book.known_laws
    assert only.columns == (0, 2) and only.law.event_shape == (2,)
    assert book.held_in(only).tolist() == [0.5, 0.2]
    assert "BBB (30.0%)" in book.outside(only)[0]
    assert book.scenarios(only, 50, 1).assets == ("AAA", "CCC")


def test_weights_and_laws_of_other_assets_are_refused():
    with pytest.raises(ValueError, match="one for each of 3 assets"):
        StressedBook(past(), np.ones(2))
    with pytest.raises(ValueError, match="one row and 3 assets"):
        StressedBook(past(), np.ones(3), (StressLaw(law(2), 1, "x"),))


def test_all_names_that_do_not_exist_are_told_with_the_nearest():
    settings = StressSettings(
        shocks=(ShockScenario("s", assets={"AAB": -0.1}, groups={"Enrgy": -0.1}),),
        conditional=(ConditionalScenario("c", -0.1, weights={"ZZZ": 1.0}),),
        laws=(LawShock("l", 2.0, group="Tech"),),
    )
    found = dict(scenario_faults(settings, NAMES, ["Energy"]))
    assert "did you mean 'AAA'" in found["shocks", 0, "assets", "AAB"]
    assert "did you mean 'Energy'" in found["shocks", 0, "groups", "Enrgy"]
    assert {("conditional", 0, "weights", "ZZZ"), ("laws", 0, "group")} < set(found)
