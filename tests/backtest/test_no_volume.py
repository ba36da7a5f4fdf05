"""A bar of volume 0 is no trade: orders wait, marks keep the last traded price, silence goes on."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from quantdl.backtest import prepare
from quantdl.backtest.book.tape import read_tape
from quantdl.backtest.plan.fast_exit import FastExit
from quantdl.backtest.plan.friction import MeasuredVolume, StatedVolume
from quantdl.backtest.plan.invalidation import DrawdownLimit, StaleDataLimit
from quantdl.backtest.plan.spreads import HighLowSpread
from tests.backtest.judged import failed, judged
from tests.backtest.worlds import NO_COSTS, plan_for, run, span, world

STATED = StatedVolume("stated", {"A00": 1e9, "A01": 1e9}, "a figure made for this test", 0.5, 0.0)


def market(prices, volumes, length=12):
    """Two assets: the first with the given closes and volumes, then as at their ends; the second at 100, unlimited."""
    closes, volume = np.full((length, 2), 100.0), np.full((length, 2), 1e9)
    for column, values in ((closes, prices), (volume, volumes)):
        column[: len(values), 0] = values
        column[len(values) :, 0] = values[-1]
    return world(closes, fields={"volume": volume, "open": closes.copy()})


def play(panel, schedule, liquidity=STATED, **items):
    fields = {"fields": ("close", "volume", "open")}
    terms = NO_COSTS | {"liquidity": liquidity} | items.pop("friction", {})
    return run(panel, schedule, friction=terms, trusted_data=fields, fast_exit=FastExit(5), **items)


@pytest.mark.parametrize("fill_at", ["next_close", "next_open"])
def test_an_order_waits_for_a_bar_with_volume(fill_at):
    panel = market([100, 100, 100, 120, 120], [1e9, 0, 0, 1e9])
    result = play(panel, {0: [0.5, 0.0]}, friction={"fill_at": fill_at})
    fill = result.fills.iloc[0]
    assert (fill["session"], fill["price"]) == (panel.sessions[3], 120.0)


def test_the_mark_is_the_last_traded_price():
    panel = market([100, 100, 150, 150, 110], [1e9, 1e9, 0, 0, 1e9])
    result = play(panel, {0: [0.5, 0.0]})  # five shares at 100 in session 1
    np.testing.assert_allclose(result.equity["equity"].iloc[:6], [1000, 1000, 1000, 1000, 1050, 1050])


def test_stale_data_sees_bars_without_volume():
    panel = market([100], [1e9, 1e9, 1e9, 0])
    result = play(
        panel, {0: [0.5, 0.0]}, invalidation=(DrawdownLimit("drawdown", 0.5), StaleDataLimit("stale_data", 3))
    )
    assert result.halted_on == panel.sessions[6]  # sessions 3 to 6 are four without a trade


def test_a_fill_takes_no_more_than_its_share_of_the_bar_itself():
    # 10,000 shares at 100 a session; the sixth bar trades 8. A tenth of it is 0.8 shares, of the mean before 1,000.
    panel = market([100], [1e4] * 5 + [8, 1e4])
    measured = MeasuredVolume("measured", 2, 0.1, 0.0)
    result = play(panel, {4: [0.5, 0.0]}, liquidity=measured)
    np.testing.assert_allclose(result.fills["quantity"], [0.8, 4.2])
    assert list(result.fills["session"]) == [panel.sessions[5], panel.sessions[6]]


def test_an_unknown_volume_is_a_trade():
    panel = market([100], [np.nan])
    result = play(panel, {0: [0.5, 0.0]})
    assert result.fills["session"].iloc[0] == panel.sessions[1]


@settings(max_examples=20, deadline=None)
@given(volumes=st.lists(st.sampled_from([0.0, 10.0, np.nan]), min_size=12, max_size=12), cut=st.integers(2, 11))
def test_what_comes_later_changes_no_trade(volumes, cut):
    panel = market(list(np.linspace(100, 111, 12)), volumes)
    whole, then = read_tape(panel), read_tape(panel.until(panel.sessions[cut - 1]))
    for name in ("traded", "marks", "silent_bars", "listed", "continuous", "volatility"):
        np.testing.assert_array_equal(getattr(then, name), getattr(whole, name)[:cut])


def test_a_bad_print_to_come_changes_no_term_of_the_bars_before_it():
    """The bars of volume 0 are no trades whether or not a later bar waits to be confirmed."""
    panel = market([100] * 9 + [1000, 100], [0, 1e4, 1e4, 0, 1e4])
    terms = {"liquidity": MeasuredVolume("measured", 2, 0.1, 0.0), "half_spread_bps": HighLowSpread("high_low", 2, 1.0)}
    fields = {**panel.fields, "high": panel.closes * 1.01, "low": panel.closes * 0.99}
    panel = replace(panel, fields=fields)
    found = []
    for seen in (panel, panel.until(panel.sessions[8])):
        plan = plan_for(seen, friction=terms, trusted_data={"fields": ("close", "volume", "high", "low")})
        job = prepare(seen, plan, *span(seen))
        found.append(job)
    whole, then = found
    assert whole.tape.unconfirmed.any() and not then.tape.unconfirmed.any()
    for name in ("bar_dollars", "dollar_volume", "half_spreads", "market_volatility", "regimes"):
        np.testing.assert_array_equal(getattr(whole.terms, name)[:9], getattr(then.terms, name), err_msg=name)


def test_the_checklist_fails_a_fill_without_a_trade():
    closes = np.full((12, 2), 100.0)
    result = run(world(closes), {0: [0.5, 0.0]})
    volume = np.full((12, 2), 1e9)
    traded = world(closes, fields={"volume": volume})
    volume[1, 0] = 0.0
    silent = world(closes, fields={"volume": volume})
    cause = failed(judged(plan_for(silent), result, silent))["friction"]
    assert "1 fills at prices that were not made" in cause
    assert "not made" not in failed(judged(plan_for(traded), result, traded)).get("friction", "")


def test_the_checklist_fails_a_fill_beyond_the_volume_of_its_bar():
    plentiful = market([100], [1e4])
    measured = MeasuredVolume("measured", 2, 0.1, 0.0)
    result = play(plentiful, {4: [0.5, 0.0]}, liquidity=measured)  # five shares in session 5
    scarce = market([100], [1e4] * 5 + [8, 1e4])  # where a tenth of the bar is 0.8 shares
    plan = plan_for(scarce, friction={"liquidity": measured})
    cause = failed(judged(plan, result, scarce))["friction"]
    assert "more traded than the participation allows, 1 times, up to 6.25 times it" in cause
