"""Cash earns the rate that Sharpe subtracts: a posting of the engine, which trades and interest together explain."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from quantdl.backtest import run_backtest
from quantdl.backtest.judging.checklist import assess
from quantdl.backtest.plan.borrowing import Borrow
from quantdl.backtest.plan.terms import cash_rates
from quantdl.backtest.run import prepare
from quantdl.backtest.running.baseline import equal_weight_baseline
from quantdl.backtest.running.replay import replay
from quantdl.errors import RunError
from quantdl.risk.curves.metrics import performance
from tests.backtest.judged import EVIDENCE, failed
from tests.backtest.oracle.accounting import Book
from tests.backtest.oracle.trades import TradeLedger
from tests.backtest.worlds import NO_COSTS, Schedule, plan_for, random_walk, span, world
from tests.raw_panels import raw_world

YEAR = 365.0  # bars a year of a market that never closes, but for leap years: what the terms hold is asked below
SHORT = {
    "sizing": {"long_only": False, "max_gross": 1.5, "max_net": 0.9},
    "related_positions": {"max_group_gross": 0.8, "max_group_net": 0.7},
    "friction": NO_COSTS | {"borrow": Borrow(0.02, 0.3)},
}


def lived(panel, schedule, risk_free, **items):
    """A run and its plan, with the horizon as long as the run."""
    longest = len(panel.sessions) - 1
    items = {"friction": NO_COSTS, **items}
    plan = plan_for(panel, horizon={"bars": longest}, sample={"minimum_sessions": longest + 1}, **items)
    strategy = schedule if hasattr(schedule, "decide") else Schedule(schedule)
    return plan, run_backtest(panel, plan, strategy, *span(panel), None, 1000.0, risk_free=risk_free)


def curve(panel, result):
    before = panel.sessions[0] - pd.Timedelta(days=1)
    return pd.concat([pd.Series([1000.0], index=[before]), result.equity["equity"]])


def explains(result):
    """Equity changes by what trades gained and cash earned; interest is no cost and no trade."""
    change = result.equity["equity"].iloc[-1] - result.initial_equity
    assert result.trades["pnl"].sum() + result.equity["interest"].sum() == pytest.approx(change, abs=1e-9 * 1000)


def test_cash_compounds_at_the_annual_rate():
    panel = world(np.full((366, 2), 100.0), first="2018-01-01")
    plan, result = lived(panel, {}, 0.05)
    bars_per_year = prepare(panel, plan, *span(panel)).terms.bars_per_year
    assert result.equity["equity"].iloc[-1] == pytest.approx(1000 * 1.05 ** (366 / bars_per_year), rel=1e-12)
    assert result.equity["costs"].sum() == 0
    explains(result)


def test_without_a_rate_cash_earns_nothing():
    panel = world(np.full((12, 2), 100.0))
    _, result = lived(panel, {0: [0.5, 0.0]}, None)
    assert (result.equity["interest"] == 0).all() and (result.equity["equity"] == 1000.0).all()
    assert not any("risk-free" in stamp for stamp in result.stamps)


@pytest.mark.parametrize("rate", [0.05, -0.005])
def test_the_ratios_of_a_book_of_cash_are_undefined_and_say_why(rate):
    panel = world(np.full((400, 2), 100.0))
    plan, result = lived(panel, {}, rate)
    bars_per_year = prepare(panel, plan, *span(panel)).terms.bars_per_year
    metrics = performance(curve(panel, result), bars_per_year, rate)
    assert (metrics.sharpe, metrics.sortino) == (None, None)
    assert "zero variance" in metrics.undefined["sharpe"] and "risk-free" in metrics.undefined["sortino"]


@pytest.mark.parametrize("rate", [0.0, 0.03, 0.2])
def test_a_book_half_in_cash_has_the_sharpe_ratio_of_its_asset(rate):
    # With w of the equity in the asset at every close, a bar's excess return is w (R - f), so w cancels in the ratio.
    # Filled at the very close that is decided on and without costs, the book is set to w exactly.
    panel = world(random_walk(400, 1, seed=5, volatility=0.01, drift=0.0008))
    terms = NO_COSTS | {"fill_at": "decision_close"}
    plan, half = lived(panel, {row: [0.5] for row in range(400)}, rate, friction=terms)
    bars_per_year = prepare(panel, plan, *span(panel)).terms.bars_per_year
    asset = pd.Series(panel.closes[:, 0], panel.sessions)
    of_book, of_asset = (performance(values, bars_per_year, rate) for values in (half.equity["equity"], asset))
    assert of_book.sharpe == pytest.approx(of_asset.sharpe, rel=1e-9)
    assert of_book.sortino == pytest.approx(of_asset.sortino, rel=1e-9)
    per_bar = (1 + rate) ** (1 / bars_per_year) - 1
    returns = half.equity["equity"].pct_change().to_numpy()[1:]
    simple = panel.closes[1:, 0] / panel.closes[:-1, 0] - 1
    np.testing.assert_allclose(returns - per_bar, 0.5 * (simple - per_bar), atol=1e-12)


def test_a_bar_earns_the_rate_known_when_it_begins():
    panel = world(np.full((5, 1), 100.0))
    rates = pd.Series([0.1, 0.2, 0.0, 0.4, np.nan], panel.sessions)
    first, last = panel.sessions[1], panel.sessions[4]
    plan = plan_for(panel, first=1, friction=NO_COSTS, horizon={"bars": 3}, sample={"minimum_sessions": 4})
    result = run_backtest(panel, plan, Schedule({}), first, last, None, 1000.0, risk_free=rates)
    bars = prepare(panel, plan, first, last).terms.bars_per_year
    growth = np.cumprod([1.1 ** (1 / bars), 1.2 ** (1 / bars), 1.0, 1.4 ** (1 / bars)])
    np.testing.assert_allclose(result.equity["equity"], 1000 * growth, rtol=1e-14)


def test_a_rate_that_is_not_known_is_refused():
    panel = world(np.full((5, 1), 100.0))
    for rate, named in (
        (pd.Series([0.1], panel.sessions[:1]), "2018-01-03"),
        (-1.0, "2018-01-02"),
        (np.nan, "risk_free"),
    ):
        with pytest.raises(RunError, match=named):
            cash_rates(rate, panel.sessions, 1, 5, YEAR)


def test_cash_owed_pays_the_rate():
    book = Book(-200.0, TradeLedger(1))
    assert (book.earn(0.01), book.cash) == (-2.0, -202.0)


def test_the_cash_of_a_short_sale_earns_too():
    panel = world(np.full((12, 2), 100.0))
    plan, short = lived(panel, {0: [-0.5, 0.0]}, 0.1, **SHORT)
    per_bar = 1.1 ** (1 / prepare(panel, plan, *span(panel)).terms.bars_per_year) - 1
    # 1000 earn in two bars; half of what was there at the decision is sold at the second close and earns from then on.
    cash = 1000 * (1 + per_bar) ** 2 + 500 * (1 + per_bar)
    assert short.equity["interest"].iloc[2] == pytest.approx(cash * per_bar, rel=1e-9)
    explains(short)


def test_a_dividend_earns_interest_from_the_session_after_its_payment():
    panel = raw_world([[100.0]] * 3 + [[90.0]] * 6, dividends={(3, 0): 10.0}, pay_after={(3, 0): 2})
    plan, result = lived(panel, {0: [1.0]}, 0.1)
    per_bar = 1.1 ** (1 / prepare(panel, plan, *span(panel)).terms.bars_per_year) - 1
    before = result.equity["cash"].iloc[4]
    assert result.equity["due"].iloc[4] == pytest.approx(100.0, rel=1e-3)
    after = before * (1 + per_bar) + result.equity["due"].iloc[4]
    assert result.equity["cash"].iloc[5] == pytest.approx(after, rel=1e-12)
    assert result.equity["interest"].iloc[6] == pytest.approx(after * per_bar, rel=1e-12)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), rate=st.floats(-0.05, 0.3))
def test_the_book_rebuilt_from_fills_earns_the_same_interest(seed, rate):
    closes = random_walk(30, 2, seed=seed)
    panel = raw_world(closes, dividends={(8, 0): 1.0, (15, 1): 2.0}, pay_after={(8, 0): 3, (15, 1): 10})
    generator = np.random.default_rng(seed)
    schedule = {row: (generator.uniform(-0.4, 0.4, 2)).tolist() for row in range(0, 28, 3)}
    plan, result = lived(panel, schedule, rate, **SHORT)
    explains(result)
    told = failed(assess(plan, panel, result, EVIDENCE, rate))
    assert "documentation" not in told
    if abs(rate) > 1e-3:
        assert (
            "interest on record and by the fills differ"
            in failed(assess(plan, panel, result, EVIDENCE))["documentation"]
        )


def test_replays_and_the_baseline_earn_the_rate_too():
    panel = world(np.full((12, 2), 100.0))
    plan, result = lived(panel, {0: [0.5, 0.0]}, 0.1)
    job = prepare(panel, plan, *span(panel), 1000.0, 0.1)
    pd.testing.assert_frame_equal(replay(job, result.decisions).equity, result.equity)
    baseline = equal_weight_baseline(job).equity
    assert baseline["interest"].iloc[0] == result.equity["interest"].iloc[0] > 0
