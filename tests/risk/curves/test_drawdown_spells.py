"""Falls of a curve, by hand and against the definition sheet."""

import json
from datetime import date

import numpy as np
import pandas as pd
import pytest
from arch.data import sp500
from hypothesis import given, strategies as st

from quantdl.records import to_plain
from quantdl.risk.curves.drawdown_spells import drawdown_figures, drawdown_spells
from quantdl.risk.curves.equity_curves import MeasuredCurve
from quantdl.risk.curves.metrics import performance_of, worst_drawdown
from tests.risk.curves import definition_sheet as sheet
from tests.risk.curves.made_curves import heavy_returns, measured


def curve_of(values, bars_per_year=252):
    return MeasuredCurve.of(
        pd.Series(values, pd.bdate_range("2024-01-01", periods=len(values)), dtype=float), bars_per_year
    )


def test_the_falls_of_a_hand_table_have_their_lengths_and_ends():
    """quantstats 233, 354: a spell ends with the first session back at the peak, which is not under water itself.

    Monday 1 January is the capital; the peaks are on the 2nd and the 8th, and the second fall is not over.
    """
    spells = drawdown_spells(curve_of([100, 120, 90, 108, 120, 130, 117, 104, 110]))
    assert [(s.peak, s.trough, s.recovery) for s in spells] == [
        (date(2024, 1, 2), date(2024, 1, 3), date(2024, 1, 5)),
        (date(2024, 1, 8), date(2024, 1, 10), None),
    ]
    assert [(s.depth, s.bars_down, s.bars_under_water) for s in spells] == [
        (pytest.approx(-0.25), 1, 2),
        (pytest.approx(-0.20), 2, 3),
    ]


def test_a_curve_that_falls_from_its_first_session_on_has_its_capital_as_the_peak():
    (spell,) = drawdown_spells(curve_of([100, 90, 95, 100]))
    assert (spell.peak, spell.recovery, spell.bars_under_water) == (date(2024, 1, 1), date(2024, 1, 4), 2)


def test_every_figure_is_that_of_the_definition_sheet():
    returns = heavy_returns(600)
    curve = measured(returns, risk_free=0.01)
    found, depths = drawdown_figures(curve), sheet.drawdowns(returns)
    spells = sheet.spells(depths)
    assert found.count == len(spells)
    assert found.ulcer_index == pytest.approx(sheet.ulcer(returns), rel=1e-9)
    assert found.pain_index == pytest.approx(sheet.pain(returns), rel=1e-9)
    assert found.average_depth == pytest.approx(np.mean([one[0] for one in spells]), rel=1e-9)
    assert found.average_bars == pytest.approx(np.mean([one[1] for one in spells]))
    assert found.share_under_water == pytest.approx(np.mean(np.array(depths) < 0))
    assert found.current_depth == pytest.approx(depths[-1], rel=1e-9)
    assert [one.depth for one in found.deepest] == pytest.approx(sorted(one[0] for one in spells)[:5], rel=1e-9)
    assert found.longest.bars_under_water == max(one[1] for one in spells)
    years = (curve.end - curve.start).days / 365.25
    growth = sheet.growth(returns) ** (1 / years) - 1 - 0.01
    assert found.ulcer_performance == pytest.approx(growth / sheet.ulcer(returns), rel=1e-9)
    assert found.pain_ratio == pytest.approx(growth / sheet.pain(returns), rel=1e-9)
    assert found.recovery_factor == pytest.approx((sheet.growth(returns) - 1) / -min(depths), rel=1e-9)


def test_the_two_falls_of_the_sp500_are_the_known_ones():
    """The peak of 2000 was regained on 2007-05-30, and that of 2007 on 2013-03-28 (REFERENCE_VALUES 3.3)."""
    close = sp500.load()["Close"].astype(float)
    found = drawdown_figures(MeasuredCurve.of(close, 252))
    deepest, second = found.deepest[:2]
    assert deepest.depth == pytest.approx(-0.567753878, abs=5e-10)
    assert (deepest.peak, deepest.trough, deepest.recovery) == (
        date(2007, 10, 9),
        date(2009, 3, 9),
        date(2013, 3, 28),
    )
    assert (second.peak, second.trough, second.recovery) == (date(2000, 3, 24), date(2002, 10, 9), date(2007, 5, 30))
    assert (
        found.longest == second and second.bars_under_water == close[str(second.peak) : str(second.recovery)].size - 2
    )


def test_the_deepest_spell_is_the_worst_drawdown():
    for seed in range(20):
        returns = heavy_returns(300, seed)
        curve = measured(returns)
        deepest = drawdown_figures(curve).deepest[0]
        fall = worst_drawdown(pd.Series(curve.values, curve.sessions))
        assert (deepest.depth, deepest.peak, deepest.trough, deepest.recovery) == (
            fall.depth,
            fall.peak,
            fall.trough,
            fall.recovery,
        )
        assert performance_of(curve).max_drawdown == deepest.depth


def test_a_curve_that_never_fell_has_no_spell():
    found = drawdown_figures(measured([0.01] * 300))
    assert (found.count, found.deepest, found.longest) == (0, (), None)
    assert (found.ulcer_index, found.share_under_water) == (0.0, 0.0)
    for name in ("average_depth", "average_bars", "ulcer_performance", "pain_ratio", "recovery_factor", "longest"):
        assert getattr(found, name) is None and found.undefined[name] == "the curve never fell"


@given(st.lists(st.floats(-0.9, 1.0), max_size=60))
def test_the_spells_hold_every_session_under_water_once(returns):
    curve = measured(returns) if returns else curve_of([1.0])
    found, rendered = drawdown_spells(curve), to_plain(drawdown_figures(curve))
    assert sum(one.bars_under_water for one in found) == sum(depth < 0 for depth in sheet.drawdowns(curve.returns))
    assert all(one.peak < one.trough and (one.recovery is None or one.trough < one.recovery) for one in found)
    assert sum(one.recovery is None for one in found) <= 1
    json.dumps(rendered, allow_nan=False)
    assert {name for name, value in rendered.items() if value is None} == set(rendered["undefined"])
