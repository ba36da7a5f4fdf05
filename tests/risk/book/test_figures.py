"""Figures of a book against closed forms of a normal law, and what is said where too little is known."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from quantdl.risk.book.figures import MOST_INCREMENTAL, NO_GROUP, Window, book_figures
from quantdl.risk.book.predictions import MemberLosses
from quantdl.risk.measures.scenarios import Scenarios
from tests.risk.book.test_contributions import WEIGHTS, closed_form, covariance, elliptical

GROUPS = ["x", "x", "y", "y", "", ""]


@pytest.fixture(scope="module")
def figures():
    windows = [Window(elliptical(np.inf, 1)), Window(replace(elliptical(np.inf, 2), bars=10))]
    return book_figures(torch.from_numpy(WEIGHTS), windows, (0.975, 0.99), GROUPS)


def test_value_at_risk_and_shortfall_are_those_of_the_normal_law_within_their_errors(figures):
    deviation = np.sqrt(WEIGHTS @ covariance() @ WEIGHTS)
    assert [(one.bars, one.level) for one in figures.levels] == [(1, 0.975), (1, 0.99), (10, 0.975), (10, 0.99)]
    for one in figures.levels:
        quantile = stats.norm.ppf(one.level)
        assert abs(one.value_at_risk - quantile * deviation) < 4 * one.value_at_risk_error
        beyond = stats.norm.pdf(quantile) / (1 - one.level) * deviation
        assert abs(one.expected_shortfall - beyond) < 4 * one.expected_shortfall_error


@pytest.mark.parametrize("measure", ["value_at_risk", "expected_shortfall"])
@pytest.mark.parametrize("rows", ["positions", "groups", "factors"])
def test_every_division_adds_up_to_its_figure(figures, measure, rows):
    for one in figures.levels:
        parts = [part for part in getattr(figures, rows) if (part.bars, part.level) == (one.bars, one.level)]
        assert sum(getattr(part, measure) for part in parts) == pytest.approx(getattr(one, measure), rel=1e-9)


def test_positions_have_the_closed_form_and_come_largest_first(figures):
    truth = dict(zip("ABCDEF", closed_form("expected_shortfall", np.inf, 0.99), strict=True))
    found = [one for one in figures.positions if (one.bars, one.level) == (1, 0.99)]
    for one in found:
        assert abs(one.expected_shortfall - truth[one.asset]) < 4 * one.expected_shortfall_error
    assert [one.expected_shortfall for one in found] == sorted((one.expected_shortfall for one in found), reverse=True)


def test_positions_without_a_group_are_one_of_their_own(figures):
    found = {one.name: one.exposure for one in figures.groups if (one.bars, one.level) == (1, 0.99)}
    assert found == pytest.approx({"x": 0.5, "y": 0.15, NO_GROUP: 0.25})


def test_a_level_that_so_few_past_returns_do_not_reach_is_undefined_with_the_reason():
    window = Window(elliptical(np.inf, 3, 5000), n_observed=60, basis="past returns of NEW")
    found = book_figures(torch.from_numpy(WEIGHTS), [window], (0.975, 0.99), GROUPS)
    assert found.levels[0].value_at_risk is not None
    assert found.levels[1].value_at_risk is None
    assert found.levels[1].reason == "level 0.99 needs at least 100 observations, got 60 past returns of NEW"
    assert {one.level for one in found.positions} == {0.975}


def test_on_past_returns_only_components_of_value_at_risk_are_undefined_where_too_few_lie_around_it():
    past = Scenarios(tuple("ABCDEF"), elliptical(4.0, 5, 500).returns, 1, source="past returns")
    weights, losses = torch.from_numpy(WEIGHTS), np.sort(past.losses(torch.from_numpy(WEIGHTS)).numpy())[::-1]
    found = book_figures(weights, [Window(past)], (0.9, 0.975, 0.99), GROUPS)
    assert [one.value_at_risk for one in found.levels] == pytest.approx([losses[50], losses[12], losses[5]])
    assert found.levels[2].expected_shortfall == pytest.approx(losses[:5].mean())
    for one in found.levels:
        for rows in (found.positions, found.groups, found.factors):
            parts = [part for part in rows if part.level == one.level]
            assert parts
            assert sum(part.expected_shortfall for part in parts) == pytest.approx(one.expected_shortfall, rel=1e-9)
            if one.level == 0.9:
                assert sum(part.value_at_risk for part in parts) == pytest.approx(one.value_at_risk, rel=1e-9)
                assert {part.value_at_risk_reason for part in parts} == {""}
            else:
                assert {(part.value_at_risk, part.value_at_risk_error) for part in parts} == {(None, None)}
                assert all("of 500 lie there" in part.value_at_risk_reason for part in parts)
    worst = next(one for one in found.positions if (one.asset, one.level) == ("A", 0.99))
    without = np.sort(past.losses(torch.from_numpy(np.where(np.arange(6) == 0, 0.0, WEIGHTS))).numpy())[::-1]
    assert worst.value_at_risk_marginal is None
    assert worst.value_at_risk_incremental == pytest.approx(losses[5] - without[5])


def test_what_members_disagree_on_is_stated_as_a_share():
    scenarios = elliptical(np.inf, 4, 20_000)
    losses = scenarios.losses(torch.from_numpy(WEIGHTS))
    members = MemberLosses(torch.stack([0.8 * losses, 1.2 * losses]), torch.tensor([0.5, 0.5]).double())
    found = book_figures(torch.from_numpy(WEIGHTS), [Window(scenarios, members=members)], (0.975,), GROUPS).levels[0]
    for of, measure in (
        (found.value_at_risk_members, found.value_at_risk),
        (found.expected_shortfall_members, found.expected_shortfall),
    ):
        assert (of.low, of.high) == pytest.approx((0.8 * measure, 1.2 * measure))
        assert of.share == pytest.approx(0.2)


def test_a_book_of_many_positions_leaves_incremental_risk_out():
    count = MOST_INCREMENTAL + 1
    draws = torch.from_numpy(np.random.default_rng(1).normal(size=(2000, count)) * 0.01)
    scenarios = Scenarios(tuple(f"S{number}" for number in range(count)), draws, 1)
    found = book_figures(torch.full((count,), 1.0 / count).double(), [Window(scenarios)], (0.95,), [""] * count)
    assert len(found.positions) == count
    assert all(one.value_at_risk_incremental is None for one in found.positions)
