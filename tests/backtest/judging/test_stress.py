"""Sharp moves by hand: one purchase of nine tenths of a million at commissions of five and half-spreads of four bps."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from quantdl.backtest import Decision, Hold, prepare, replay, run_backtest
from quantdl.backtest.judging.stress import sharp_sessions, stress_test
from quantdl.backtest.plan.abnormal_volatility import StressWindow
from quantdl.backtest.plan.fast_exit import FastExit
from quantdl.backtest.plan.friction import StatedVolume
from quantdl.backtest.plan.spreads import StatedSpreads
from quantdl.records import from_plain, to_plain
from tests.backtest.judging.books import ITEMS
from tests.backtest.worlds import hours, plan_for, span, world

WINDOW = StressWindow("the storm", date(2018, 1, 11), date(2018, 1, 20))  # sessions 9 to 18


class BuyAt:
    """Buys once, decided at the close of a session, and holds."""

    def __init__(self, at):
        self.at = at

    def decide(self, view):
        t = len(view.sessions) - 1
        return Decision(np.array([0.5, 0.4]), "rebalance") if t == self.at else Hold("rebalance")


def stressed(bought_at, closes=None, windows=(WINDOW,), dollars=1e7, waived=False):
    panel = world(np.full((60, 2), 100.0) if closes is None else closes)
    volume = StatedVolume("stated", dict.fromkeys(panel.assets, dollars), "Stated by hand for this case.", 0.1, 0.0)
    friction = {"commission_bps": 5.0, "half_spread_bps": 4.0} | ({} if waived else {"liquidity": volume})
    fast = FastExit(1 if waived else 5)
    plan = plan_for(panel, **ITEMS, friction=friction, fast_exit=fast, sizing={"max_loss_per_trade": 0.8})
    result = run_backtest(panel, plan, BuyAt(bought_at), *span(panel))
    job = prepare(panel, plan, *span(panel))
    return result, job, stress_test(result, job, windows, lambda other: replay(other, result.decisions))


def test_days_and_costs_of_leaving_in_a_window_are_those_of_the_book_held_there():
    _, _, found = stressed(1)
    (storm,) = found.exits
    assert (storm.name, storm.sessions) == ("the storm", 10)
    assert storm.days == pytest.approx(0.5, rel=1e-3)  # half a million at a tenth of ten million a session
    assert storm.days_half_volume == pytest.approx(1.0, rel=1e-3)
    assert storm.cost == pytest.approx(0.9 * 9e-4, rel=2e-3)
    assert storm.cost_five_spreads == pytest.approx(0.9 * 25e-4, rel=3e-3)


def test_a_book_that_is_bought_after_the_window_is_left_at_once():
    (storm,) = stressed(30)[2].exits
    assert (storm.days, storm.cost, storm.cost_five_spreads) == (0.0, 0.0, 0.0)


def test_a_fill_in_a_sharp_session_pays_five_spreads_and_finds_half_the_volume():
    """Decided at session 9 and filled at 10, in the window: 20 in place of 4 basis points of 0.9 million."""
    result, job, found = stressed(9)
    assert found.thinner.sessions == 10
    paid, more = 1 - result.final_equity / 1e6, 1 - found.thinner.total_return - 1
    assert paid == pytest.approx(0.9 * 9e-4, rel=2e-3)
    assert more == pytest.approx(0.9 * 25e-4, rel=4e-3)
    assert found.thinner.stated_return == pytest.approx(-paid)
    assert found.thinner.worst_trade == pytest.approx(0.5 * 25e-4, rel=4e-3)
    assert found.thinner.max_drawdown == pytest.approx(more)
    slow, _, thin = stressed(9, dollars=6e6)  # 600,000 a session in place of 300,000: two sessions for the larger half
    assert slow.fills["session"].nunique() == 1
    assert thin.thinner.sessions == 10
    assert stressed(30)[2].thinner.total_return == pytest.approx(-paid)  # outside of the window nothing changes


def test_an_order_in_a_thin_session_fills_over_two():
    result, job, _ = stressed(9, dollars=6e6)
    again = []
    stress_test(result, job, (WINDOW,), lambda other: again.append(replay(other, result.decisions)) or again[-1])
    fills = again[0].fills[again[0].fills["asset"] == "A00"]
    assert fills["notional"].iloc[0] == pytest.approx(300_000.0)
    assert fills["session"].tolist() == list(result.equity.index[10:12])


def test_the_market_moves_most_in_the_ten_sharpest_sessions():
    moves = np.zeros(60)
    moves[[5, 7, 11, 20, 21, 33, 40, 44, 50, 51, 52]] = 0.01 * np.array([9, -8, 7, -6, 5, 4, -3, 3.5, 2.5, 2, 1])
    closes = np.repeat(100 * np.cumprod(1 + moves)[:, None], 2, axis=1)
    result, job, _ = stressed(1, closes)
    found = sharp_sessions(result, job, (WINDOW,))
    assert np.flatnonzero(found["the 10 sharpest sessions"]).tolist() == [5, 7, 11, 20, 21, 33, 40, 44, 50, 51]
    assert np.flatnonzero(found["the storm"]).tolist() == list(range(9, 19))


def test_sessions_that_began_stressed_are_looked_at_without_any_window():
    generator = np.random.default_rng(0)
    scale = np.where(np.arange(60) < 20, 0.001, 0.08)[:, None]
    closes = 100 * np.exp(np.cumsum(scale * generator.standard_normal((60, 2)), axis=0))
    result, job, found = stressed(1, closes, windows=())
    stressed_sessions = int((result.regimes["regime"] == "stressed").sum())
    assert stressed_sessions > 5
    assert {one.name: one.sessions for one in found.exits} == {
        "sessions that began stressed": stressed_sessions,
        "the 10 sharpest sessions": 10,
    }


def test_waived_liquidity_leaves_days_unknown_and_still_pays_five_spreads():
    _, _, found = stressed(9, waived=True)
    (storm,) = found.exits
    assert storm.days is storm.days_half_volume is None
    assert storm.cost_five_spreads == pytest.approx(0.9 * 25e-4, rel=3e-3)
    assert found.thinner.total_return == pytest.approx(-0.9 * 25e-4, rel=4e-3)


def left(**friction):
    """Half a million of A00 and 0.4 of A01 at 100 that stand still, in the window from session 9 on."""
    panel = world(np.full((60, 2), 100.0))
    declared = replace(panel.card.declaration, adjustment="raw")
    panel = replace(panel, card=replace(panel.card, declaration=declared))
    plan = plan_for(panel, **ITEMS, friction=friction, fast_exit=FastExit(1), sizing={"max_loss_per_trade": 0.8})
    result, job = run_backtest(panel, plan, BuyAt(1), *span(panel)), prepare(panel, plan, *span(panel))
    return stress_test(result, job, (WINDOW,), lambda other: replay(other, result.decisions)).exits[0]


def test_every_position_pays_its_own_spread():
    storm = left(commission_bps=5.0, half_spread_bps=StatedSpreads("stated", {"A00": 4.0, "A01": 20.0}))
    assert storm.cost == pytest.approx((0.5 * 9 + 0.4 * 25) / 1e4, rel=3e-3)
    assert storm.cost_five_spreads == pytest.approx((0.5 * 25 + 0.4 * 105) / 1e4, rel=3e-3)


def test_fees_by_share_and_the_least_fee_of_a_fill_are_part_of_leaving():
    """Five cents a share of 100 are 5 basis points; a fill of 4,000 shares pays the least 225, one of 5,000 its 250."""
    by_share = left(commission_bps=1.0, half_spread_bps=4.0, commission_per_share=0.05)
    assert by_share.cost == pytest.approx(0.9 * 10e-4, rel=3e-3)
    assert by_share.cost_five_spreads == pytest.approx(0.9 * 26e-4, rel=3e-3)
    least = left(commission_bps=0.0, half_spread_bps=4.0, commission_per_share=0.05, commission_minimum=225.0)
    assert least.cost == pytest.approx(0.9 * 4e-4 + 250e-6 + 225e-6, rel=3e-3)


def test_a_window_of_hours_ends_with_the_last_bar_of_its_last_session():
    panel = hours(100.0)
    items = {"horizon": {"bars": 30, "timeframe": "60min"}, "sample": {"minimum_sessions": 6}}
    plan = plan_for(panel, **items)
    result, job = run_backtest(panel, plan, BuyAt(1), *span(panel)), prepare(panel, plan, *span(panel))
    window = StressWindow("two days", date(2023, 7, 6), date(2023, 7, 7))
    chosen = sharp_sessions(result, job, (window,))["two days"]
    assert np.flatnonzero(chosen).tolist() == list(range(11, 25))  # bars after the 4 of July 3 and the 7 of July 5


def test_what_was_found_is_written_down_and_read_again():
    found = stressed(9)[2]
    assert from_plain(type(found), to_plain(found)) == found
