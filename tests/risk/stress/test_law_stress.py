"""Rows that ask a law: closed forms of a normal law, refusals in words, and what is left out."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from quantdl.risk.book.past_returns import PastReturns
from quantdl.risk.stress.law_stress import conditional_row, law_row, liquidity_row, reverse_row
from quantdl.risk.stress.liquidity import MarketDepth
from quantdl.risk.stress.settings import ConditionalScenario, LawShock, LiquidityStress, ReverseScenario, StressSettings
from quantdl.risk.stress.stressed_book import StressedBook, StressLaw
from tests.risk.stress.known_laws import NORMAL, law, scatter

COUNT, SIZE = 4, 1e-4
NAMES = ("AAA", "BBB", "CCC", "DDD")
WEIGHTS = np.array([0.4, 0.3, 0.2, -0.1])
SETTINGS = StressSettings(draws=20_000)


def book(weights=WEIGHTS, depth=None, present=True):
    past = PastReturns(NAMES, pd.bdate_range("2020-01-01", periods=5), np.zeros((5, COUNT)))
    own = law(COUNT, NORMAL, SIZE)
    own = own if present else own.observed(torch.tensor([[True, True, True, False]]))
    groups = dict.fromkeys(NAMES[:2], "Energy")
    return StressedBook(past, weights, (StressLaw(own, 1, "normal"),), groups, depth)


def deviation(weights):
    return float(np.sqrt(weights @ scatter(COUNT, SIZE).numpy() @ weights))


def test_the_mean_loss_given_a_fall_of_the_market_is_the_closed_form():
    market = np.ones(COUNT) / COUNT
    fall = -4.0 * deviation(market)
    row = conditional_row(book(), ConditionalScenario("c", fall), SETTINGS, 1)
    slope = WEIGHTS @ scatter(COUNT, SIZE).numpy() @ market / deviation(market)
    assert row.loss == pytest.approx(slope * stats.norm.pdf(4) / stats.norm.sf(4), abs=5 * row.error, rel=1e-3)
    assert row.probability == pytest.approx(stats.norm.sf(4), abs=4.5 * row.probability_error, rel=2e-3)
    assert row.effective_number > 1000
    assert row.figure("Market") < fall


def test_weights_of_the_market_may_be_those_of_one_asset():
    fall = -5.0 * float(scatter(COUNT, SIZE)[1, 1].sqrt())
    row = conditional_row(book(), ConditionalScenario("c", fall, weights={"BBB": 2.0}), SETTINGS, 1)
    assert row.probability == pytest.approx(stats.norm.sf(5), abs=4.5 * row.probability_error, rel=2e-3)


def test_a_reverse_stress_states_its_probability_and_its_density():
    loss = 5.0 * deviation(WEIGHTS)
    row = reverse_row(book(), ReverseScenario("r", loss), SETTINGS, 1)
    assert row.loss == pytest.approx(loss, rel=1e-9)
    assert row.figure("Log density relative to the mode") == pytest.approx(-12.5, rel=1e-3)
    assert row.probability == pytest.approx(stats.norm.sf(5), abs=4.5 * row.probability_error, rel=2e-3)
    moves = -scatter(COUNT, SIZE).numpy() @ WEIGHTS * loss / deviation(WEIGHTS) ** 2
    assert {one.asset: one.move for one in row.worst} == pytest.approx(
        {name: move for name, move, weight in zip(NAMES, moves, WEIGHTS, strict=True) if weight * move < 0}, rel=5e-3
    )


def test_doubled_volatility_doubles_the_shortfall_of_a_normal_book():
    row = law_row(book(), LawShock("l", volatility=2.0), SETTINGS, 1)
    quantile = stats.norm.isf(0.025)
    exact = deviation(WEIGHTS) * stats.norm.pdf(quantile) / 0.025
    assert row.figure("Without the shock") == pytest.approx(exact, rel=0.03)
    assert row.loss == pytest.approx(2 * exact, abs=4.5 * row.error, rel=2e-3)


def test_a_shock_within_a_group_is_less_than_one_of_all():
    whole, part = (law_row(book(), LawShock("l", 2.0, group=group), SETTINGS, 1) for group in (None, "Energy"))
    assert part.figure("Without the shock") < part.loss < whole.loss
    assert "within Energy" in part.basis


def test_what_cannot_be_told_is_said_in_words():
    assert "draws count" in conditional_row(book(), ConditionalScenario("c", -0.99), SETTINGS, 1).why_not
    assert "no law over 7 bars" in law_row(book(), LawShock("l", 2.0, bars=7), SETTINGS, 1).why_not
    assert (
        "at most 30.0%"
        in reverse_row(book(np.array([0.1, 0.1, 0.1, 0.0])), ReverseScenario("r", 0.5), SETTINGS, 1).why_not
    )
    assert liquidity_row(book(), LiquidityStress(), SETTINGS, 1).why_not == "no volume is known"
    thin = MarketDepth(1e6, np.array([1e6, np.nan, 1e6, 1e6]))
    assert "volume is known of BBB" in liquidity_row(book(depth=thin), LiquidityStress(), SETTINGS, 1).why_not


def test_a_position_outside_of_the_law_is_named():
    row = law_row(book(present=False), LawShock("l", 2.0), SETTINGS, 1)
    assert "DDD (-10.0%)" in row.notes[0]
    market = ConditionalScenario("c", -1e-4, weights={"DDD": 1.0})
    assert "does not cover DDD" in conditional_row(book(present=False), market, SETTINGS, 1).why_not


def test_a_book_of_which_the_law_covers_nothing_has_no_conditional_loss():
    only = book(np.array([0.0, 0.0, 0.0, 1.0]), present=False)
    row = conditional_row(only, ConditionalScenario("c", -1e-4), SETTINGS, 1)
    assert row.loss is None and row.why_not == "the book holds no asset that the law covers"


def test_a_sale_adds_up_its_parts():
    depth = MarketDepth(1e6, np.full(COUNT, 1e6), np.full(COUNT, 1e-4))
    row = liquidity_row(book(depth=depth), LiquidityStress(), SETTINGS, 1)
    parts = sum(row.figure(name) for name in ("Value at risk until sold", "Impact", "Spread"))
    assert row.loss == pytest.approx(parts)
    assert row.figure("Days to sell") == 8.0 and row.figures[0].when == "AAA"
