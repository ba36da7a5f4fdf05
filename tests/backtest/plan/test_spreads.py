"""Half the spread by asset and from highs and lows: causal, in the units of the day, and worked out twice alike."""

from dataclasses import replace

import numpy as np
import pytest

from quantdl.backtest.plan.spreads import (
    HighLowSpread,
    StatedSpreads,
    half_spreads,
    is_zero,
    spread_at,
    spread_data_faults,
    spread_faults,
    spread_field_faults,
    spread_words,
)
from tests.backtest.judged import failed, judged
from tests.backtest.worlds import FLAT, plan_for, random_walk, run, world
from tests.raw_panels import raw_world, split_up

HIGH_LOW = HighLowSpread("high_low", 20, 1.0)
STATED = StatedSpreads("stated", {"A00": 3.0, "A01": 8.0})
DATA = plan_for(world(FLAT)).trusted_data
BARS = replace(DATA, fields=("close", "high", "low"))


def bars(n_sessions=120, n_assets=2, seed=3, splits=None, dividends=None):
    """Bars of a market that trades at the bid or at the ask, 0.4 % apart, with a few days without a trade."""
    generator = np.random.default_rng(seed)
    moves = 0.001 * generator.standard_normal((n_sessions, 50, n_assets))
    paths = np.log(100) + np.cumsum(moves.reshape(-1, n_assets), axis=0).reshape(moves.shape)
    prices = np.exp(paths + 0.002 * generator.choice([-1, 1], moves.shape))
    prices[generator.random((n_sessions, n_assets)).argsort(axis=0)[:5], :, np.arange(n_assets)] = np.nan
    splits = splits or {}
    high, low, close = (split_up(values, splits) for values in (prices.max(axis=1), prices.min(axis=1), prices[:, -1]))
    return raw_world(close, splits, dividends, fields={"high": high, "low": low})


def test_terms_that_make_no_sense_are_refused():
    for spread, data, items in (
        (1001.0, DATA, [""]),
        (-1.0, DATA, [""]),
        (StatedSpreads("stated", {"A00": -1.0, "A01": 5.0}), DATA, [".bps.A00"]),
        (HIGH_LOW, DATA, [".kind"]),
        (replace(HIGH_LOW, window_bars=1), BARS, [".window_bars"]),
        (replace(HIGH_LOW, least_bps=0.0), BARS, [".least_bps"]),
        (HIGH_LOW, BARS, []),
        (STATED, DATA, []),
        (2.5, DATA, []),
    ):
        faults = (*spread_faults(spread), *spread_field_faults(spread, data))
        assert [fault.item.removeprefix("friction.half_spread_bps") for fault in faults] == items


def test_every_asset_needs_its_spread_and_a_window_fits_the_data():
    panel = world(FLAT)
    found = spread_data_faults(StatedSpreads("stated", {"A00": 3.0}), panel)
    assert [fault.given for fault in found] == ["nothing for ['A01']"]
    assert [fault.item for fault in spread_data_faults(HIGH_LOW, panel)] == ["friction.half_spread_bps.window_bars"]
    assert list(spread_data_faults(STATED, panel)) == list(spread_data_faults(2.0, panel)) == []


def test_one_asset_without_a_spread_is_one_that_must_be_signed_for():
    assert is_zero(0.0) and is_zero(StatedSpreads("stated", {"A00": 0.0, "A01": 1.0}))
    assert not is_zero(STATED) and not is_zero(HIGH_LOW) and not is_zero(0.1)


def test_a_stated_spread_is_that_of_its_asset():
    panel = world(FLAT)
    assert half_spreads(STATED, panel).tolist() == [[3e-4, 8e-4]]
    assert half_spreads(2.0, panel) is None
    assert spread_at(STATED, panel, np.array([5, 6]), np.array([1, 0])).tolist() == [8e-4, 3e-4]
    assert spread_at(2.0, panel, np.array([5]), np.array([1])).tolist() == [2e-4]


def test_an_estimate_comes_near_the_spread_that_made_the_bars():
    """Half of 0.4 % is 20 basis points; the mean over ten markets of two assets."""
    last = [half_spreads(replace(HIGH_LOW, window_bars=100), bars(seed=seed))[-1] for seed in range(10)]
    assert 1e4 * np.mean(last) == pytest.approx(20.0, abs=2.0)


def test_splits_and_dividends_are_no_spread():
    """The same market, split two for one and by 1:100: the same estimates, as over an ex-date."""
    plain = half_spreads(HIGH_LOW, bars())
    split = half_spreads(HIGH_LOW, bars(splits={(40, 0): 2.0, (80, 1): 0.01}))
    np.testing.assert_allclose(split, plain, rtol=1e-9)
    paying = bars()
    high, low, close = (paying.fields[name].copy() for name in ("high", "low", "close"))
    for values in (high, low, close):
        values[60:, 0] *= 0.9
    before = paying.closes[:60, 0]
    amount = 0.1 * before[np.isfinite(before)][-1]
    paying = raw_world(close, dividends={(60, 0): amount}, fields={"high": high, "low": low})
    np.testing.assert_allclose(half_spreads(HIGH_LOW, paying), plain, rtol=1e-9)


def test_later_bars_change_no_bit_of_an_estimate():
    panel = bars()
    whole = half_spreads(HIGH_LOW, panel)
    for cut in (2, 37, 90):
        fields = {name: values.copy() for name, values in panel.fields.items()}
        for values in fields.values():
            values[cut:] *= 7.0
        changed = replace(panel, fields=fields)
        np.testing.assert_array_equal(half_spreads(HIGH_LOW, changed)[:cut], whole[:cut])


def test_before_the_second_bar_and_below_the_least_there_is_the_least():
    found = half_spreads(HIGH_LOW, bars())
    assert (found[0] == 1e-4).all() and (found >= 1e-4).all()
    still = world(FLAT, fields={"high": FLAT * 1.01, "low": FLAT / 1.01})
    assert (half_spreads(replace(HIGH_LOW, window_bars=5), still) == 1e-4).all()


def test_the_evidence_works_out_the_same_estimate_by_itself():
    panel = bars(splits={(40, 0): 2.0}, dividends={(70, 1): 1.5})
    engine = half_spreads(HIGH_LOW, panel)
    rows, columns = np.divmod(np.arange(2 * len(panel.sessions)), 2)
    np.testing.assert_allclose(spread_at(HIGH_LOW, panel, rows, columns), engine.reshape(-1), rtol=1e-9)
    assert len(spread_at(HIGH_LOW, panel, np.zeros(0, int), np.zeros(0, int))) == 0


def test_fills_are_charged_the_spread_that_was_known_before_them():
    panel = bars()
    result = run(
        panel,
        {30: [0.4, 0.3], 60: [0.1, 0.6]},
        friction={"half_spread_bps": HIGH_LOW},
        trusted_data={"fields": ("close", "high", "low")},
    )
    known = half_spreads(HIGH_LOW, panel)
    rows = panel.sessions.get_indexer(result.fills["session"]) - 1
    columns = [panel.assets.index(asset) for asset in result.fills["asset"]]
    np.testing.assert_allclose(result.fills["spread"], result.fills["notional"] * known[rows, columns], rtol=1e-12)
    assert len(result.fills) >= 4


def test_fills_charged_another_assets_spread_fail():
    panel = world(random_walk(60, 2))
    plan = {"friction": {"half_spread_bps": STATED}}
    mixed = StatedSpreads("stated", {"A00": 8.0, "A01": 3.0})
    result = run(panel, {3: [0.4, 0.3], 30: [0.1, 0.6]}, **plan)
    items = {"horizon": {"bars": 59}, "sample": {"minimum_sessions": 60}}
    assert "otherwise" not in failed(judged(plan_for(panel, **plan, **items), result, panel)).get("friction", "")
    other = plan_for(panel, friction={"half_spread_bps": mixed}, **items)
    off = 5e-4 * result.fills["notional"].sum()
    cause = failed(judged(other, result, panel))["friction"]
    assert f"{len(result.fills)} fills were charged otherwise than stated, {off:,.2f} in all" in cause


def test_a_strategy_sees_the_mean_of_what_is_known_at_its_close():
    seen = []

    class Look:
        def decide(self, view):
            seen.append(view.cost_fraction)

    panel, trusted = bars(), {"fields": ("close", "high", "low")}
    run(panel, Look(), friction={"half_spread_bps": HIGH_LOW}, trusted_data=trusted)
    np.testing.assert_allclose(seen, 5e-4 + half_spreads(HIGH_LOW, panel).mean(axis=1), rtol=1e-12)


def test_the_terms_are_said():
    assert spread_words(2.5) == "half the spread 2.5 bps"
    assert spread_words(STATED) == "half the spread by asset, 3 to 8 bps"
    assert spread_words(HIGH_LOW) == "half the spread from the highs and lows of 20 bars, at least 1 bps"
