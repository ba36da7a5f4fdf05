"""Turnover against money that is followed from session to session."""

import numpy as np
import pandas as pd
import pytest

from quantdl.risk.curves.turnover import annual_turnover, drifted_weights, turnover
from tests.risk.curves import definition_sheet as sheet

DAYS = pd.bdate_range("2024-01-01", periods=120)


@pytest.fixture
def book():
    rng = np.random.default_rng(6)
    weights = rng.dirichlet(np.ones(5), 120) * rng.uniform(-0.3, 1.2, (120, 1))
    returns = rng.normal(0.0, 0.03, (120, 5))
    return pd.DataFrame(weights, DAYS, list("ABCDE")), pd.DataFrame(returns, DAYS, list("ABCDE"))


def test_it_is_the_money_traded_over_the_money_there_is(book):
    weights, returns = book
    expected = sheet.turnover(weights.to_numpy(), returns.to_numpy())
    assert turnover(weights, returns).to_list() == pytest.approx(expected, rel=1e-9)
    assert annual_turnover(weights, returns, 252) == pytest.approx(np.mean(expected[1:]) * 252, rel=1e-9)


def test_a_book_that_is_left_alone_trades_nothing(book):
    _, returns = book
    held = [np.full(5, 0.2)]
    for moves in returns.to_numpy()[1:]:
        grown = held[-1] * (1 + moves)
        held.append(grown / (1 + held[-1] @ moves))
    weights = pd.DataFrame(held, DAYS, list("ABCDE"))
    assert turnover(weights, returns).to_numpy()[1:] == pytest.approx(0.0, abs=1e-12)
    assert turnover(weights, returns).iloc[0] == pytest.approx(1.0)


def test_a_book_that_is_exchanged_trades_twice_its_value():
    weights = pd.DataFrame({"A": [1.0, 0.0], "B": [0.0, 1.0]}, DAYS[:2])
    returns = pd.DataFrame({"A": [np.nan, 0.3], "B": [np.nan, np.nan]}, DAYS[:2])
    assert turnover(weights, returns).to_list() == [1.0, 2.0]


def test_the_first_session_begins_in_cash(book):
    assert (drifted_weights(*book).iloc[0] == 0.0).all()


def test_what_does_not_match_is_named(book):
    weights, returns = book
    with pytest.raises(ValueError, match="same assets; E is in only one of them"):
        turnover(weights, returns.drop(columns="E"))
    with pytest.raises(ValueError, match="same assets; their order differs"):
        turnover(weights, returns[list("BACDE")])
    with pytest.raises(ValueError, match="same sessions; 2024-06-14"):
        turnover(weights, returns.iloc[:-1])
    with pytest.raises(ValueError, match="weights must be finite"):
        turnover(weights.drop(index=DAYS[3]).reindex(DAYS), returns)
    holes = returns.copy()
    holes.iloc[7, 2] = np.nan
    with pytest.raises(ValueError, match="C is held and has no return at 2024-01-10"):
        turnover(weights, holes)
    crash = returns.copy()
    crash.iloc[5] = -1.0
    with pytest.raises(ValueError, match="the book is worth nothing at 2024-01-08"):
        turnover(weights.abs() / weights.abs().sum(axis=1).to_numpy()[:, None], crash)
    with pytest.raises(ValueError, match="needs at least 2 sessions, got 1"):
        annual_turnover(weights.iloc[:1], returns.iloc[:1], 252)
