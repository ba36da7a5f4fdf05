"""A curve against a benchmark: hand figures, empyrical's printed value, the definition sheet, and its independence."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from quantdl.records import from_plain, to_plain
from quantdl.risk.curves.active_risk import ActiveRisk, active_risk
from quantdl.risk.curves.equity_curves import MeasuredCurve
from quantdl.risk.curves.further_figures import further_figures
from quantdl.risk.curves.metrics import performance_of
from tests.risk.curves import definition_sheet as sheet
from tests.risk.curves.made_curves import heavy_returns, measured


@pytest.fixture(scope="module")
def returns():
    index = heavy_returns(800, seed=1)
    return 0.0001 + 0.7 * index + heavy_returns(800, seed=2, mean=0.0), index


@pytest.fixture(scope="module")
def found(returns):
    own, index = (measured(one, 250, 0.02) for one in returns)
    return active_risk(own, index, "index")


def test_active_figures_are_those_of_the_definition_sheet(found, returns):
    own, index = returns
    active = own - index
    assert found.active_return == pytest.approx(active.mean() * 250, rel=1e-9)
    assert found.tracking_error == pytest.approx(active.std(ddof=1) * math.sqrt(250), rel=1e-9)
    assert found.information.annual == pytest.approx(sheet.sharpe(active) * math.sqrt(250), rel=1e-9)
    assert found.information.annual == pytest.approx(found.active_return / found.tracking_error, rel=1e-12)
    assert found.correlation == pytest.approx(np.corrcoef(own, index)[0, 1], rel=1e-10)
    assert found.up_capture == pytest.approx(sheet.capture(own, index, up=True), rel=1e-9)
    assert found.down_capture == pytest.approx(sheet.capture(own, index, up=False), rel=1e-9)
    assert found.hit_rate == pytest.approx(sheet.hit_rate(active), rel=1e-12)
    assert found.value_at_risk_95 == pytest.approx(sheet.value_at_risk(-active, 0.95), rel=1e-9)
    assert found.expected_shortfall_95 == pytest.approx(sheet.expected_shortfall(-active, 0.95), rel=1e-9)
    assert found.worst_active_return == pytest.approx(active.min(), rel=1e-9)
    relative = np.cumprod((1 + own) / (1 + index))
    deepest = (relative / np.maximum.accumulate(np.concatenate([[1.0], relative]))[1:] - 1).min()
    assert found.relative_drawdown == pytest.approx(deepest, rel=1e-9)


def test_growth_is_compared_over_the_calendar(found, returns):
    curve = measured(returns[0], 250, 0.02)
    years = (curve.end - curve.start).days / 365.25
    own, other = (sheet.growth(one) ** (1 / years) - 1 for one in returns)
    assert found.growth_difference == pytest.approx(own - other, rel=1e-9)


def test_the_excess_sharpe_of_empyrical():
    """REFERENCE_VALUES 3.2: the mixed series against one that stands still, not annualised."""
    mixed = np.array([1, 10, -4, 2, 3, 2, 1, -10]) / 100
    found = active_risk(measured(mixed), measured(np.zeros(8)), "flat")
    assert found.information.per_bar == pytest.approx(0.10859306, abs=5e-9)


def test_a_mix_at_the_benchmarks_volatility_earns_m2_more(returns):
    own, index = (measured(one, 250, 0.02) for one in returns)
    leverage = index.excess.std() / own.excess.std()
    mixed = leverage * own.excess  # the rest in cash, whose excess return is zero
    expected = (mixed.mean() - index.excess.mean()) * 250
    assert active_risk(own, index, "index").m2 == pytest.approx(expected, rel=1e-9)


def test_cash_beside_half_of_the_benchmark_captures_half_of_rises_and_falls():
    index = np.array([0.02, -0.02, 0.02, -0.02] * 10)
    found = active_risk(measured(0.5 * index), measured(index), "index")
    assert (found.up_capture, found.down_capture) == pytest.approx((0.5, 0.5), rel=0.01)


def test_a_benchmark_changes_no_figure_of_the_curve(returns):
    """quantstats 480: adding a benchmark had changed the strategy's own metrics."""
    curve = measured(returns[0])
    before = performance_of(curve), further_figures(curve)
    active_risk(curve, measured(returns[1]), "index")
    assert (performance_of(curve), further_figures(curve)) == before


def test_a_curve_is_measured_alike_as_itself_and_as_a_benchmark(returns):
    """quantstats 189: one series gave different numbers in both columns."""
    own, index = (measured(one) for one in returns)
    there, back = active_risk(own, index, "index"), active_risk(index, own, "own")
    assert (there.active_return, there.tracking_error, there.correlation) == pytest.approx(
        (-back.active_return, back.tracking_error, back.correlation), rel=1e-12
    )
    assert there.growth_difference == pytest.approx(-back.growth_difference, rel=1e-12)


def test_a_curve_against_itself_has_no_information_ratio(returns):
    own = measured(returns[0])
    found = active_risk(own, own, "itself")
    assert (found.tracking_error, found.active_return, found.relative_drawdown) == (0.0, 0.0, 0.0)
    assert found.information.annual is None and "zero variance" in found.information.undefined["annual"]
    assert (found.up_capture, found.down_capture) == pytest.approx((1.0, 1.0), rel=1e-12)
    assert found.undefined["hit_rate"] == "every active return is zero"


def series(days, bars_per_year=252):
    return MeasuredCurve.of(pd.Series(np.linspace(1.0, 1.1, len(days)), pd.DatetimeIndex(days)), bars_per_year)


@pytest.mark.parametrize(
    ("lacks", "message"),
    [
        ([3], "benchmark index has no value at 2024-01-04, where the curve has one"),
        ([0, 5], "benchmark index has no value at 2024-01-01, where the curve has one"),
        ([9], "benchmark index has no value at 2024-01-12, where the curve has one"),
    ],
)
def test_a_benchmark_that_lacks_a_session_is_refused_with_the_first(lacks, message):
    days = pd.bdate_range("2024-01-01", periods=10)
    with pytest.raises(ValueError, match=message):
        active_risk(series(days), series(days.delete(lacks)), "index")


def test_a_benchmark_with_a_session_of_its_own_is_refused_with_it():
    days = pd.bdate_range("2024-01-01", periods=10)
    with pytest.raises(
        ValueError, match=r"the curve has no value at 2024-01-06, where benchmark index has one \(10 and 11"
    ):
        active_risk(series(days), series(days.append(pd.DatetimeIndex(["2024-01-06"])).sort_values()), "index")


def test_a_benchmark_of_another_calendar_year_is_refused():
    days = pd.bdate_range("2024-01-01", periods=10)
    with pytest.raises(ValueError, match="bars a year of the curve, 252, got 365"):
        active_risk(series(days), series(days, 365), "index")


def test_a_constant_benchmark_has_no_beta_and_one_that_never_falls_no_capture_of_falls(returns):
    own = measured(returns[0])
    flat = active_risk(own, measured(np.zeros(800)), "cash")
    assert "zero variance" in flat.regression.undefined["beta"] and "zero variance" in flat.undefined["correlation"]
    assert flat.undefined["up_capture"] == "the benchmark gained in no bar"
    assert flat.undefined["down_capture"] == "the benchmark lost in no bar"


def test_the_record_comes_back_from_json(found):
    assert from_plain(ActiveRisk, to_plain(found)) == found


@settings(max_examples=60)
@given(st.lists(st.tuples(st.floats(-0.9, 1.0), st.floats(-0.9, 1.0)), min_size=1, max_size=50))
def test_a_figure_is_a_finite_number_or_has_a_reason(pairs):
    own, index = (measured(list(side)) for side in zip(*pairs, strict=True))
    rendered = to_plain(active_risk(own, index, "index"))
    json.dumps(rendered, allow_nan=False)
    for record in (rendered, rendered["regression"], rendered["information"]):
        assert {name for name, value in record.items() if value is None} == set(record["undefined"])
