"""The rules on bars that tests/market/test_census.py does not plant one by one."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from quantdl.calendars import trading_calendar
from quantdl.errors import DataError
from quantdl.market.inspection.bar_checks import mixed_adjustment, penny_price, zero_volume_with_moves
from quantdl.market.inspection.census import take_census
from quantdl.market.inspection.policies import Policies
from quantdl.market.inspection.treatment import apply_policies
from quantdl.market.sources.frames import panel_from_frame


@pytest.fixture
def bars():
    """Sixty sessions whose close, open and range all belong together."""
    days = trading_calendar("XNYS").sessions("2023-01-03", "2023-03-31")[:60]
    close = 100 + 3 * np.sin(np.arange(60.0))
    return pd.DataFrame(
        {
            "symbol": "A",
            "date": days,
            "open": close + 0.2,
            "high": close + 1,
            "low": close - 1,
            "close": close,
        }
    )


def test_adjusted_closes_beside_raw_bars_are_named_where_the_scales_differ(bars, declaration):
    bars.loc[:39, "close"] *= 0.97  # dividends paid up to row 39
    panel = panel_from_frame(bars, declaration)
    assert mixed_adjustment(panel)[:, 0].tolist() == [True] * 40 + [False] * 20
    (fault,) = [fault for fault in take_census(panel).faults if fault.kind == "mixed_adjustment"]
    assert (fault.symbol, fault.count, fault.first) == ("A", 1, panel.sessions[0].date())


def test_mixed_scales_are_refused_by_default_and_may_be_emptied(bars, declaration):
    bars.loc[:39, "close"] *= 0.9
    panel = panel_from_frame(bars, declaration)
    with pytest.raises(DataError, match="mixed_adjustment: A, 2023-01-03"):
        apply_policies(panel, take_census(panel), Policies())
    treated = apply_policies(panel, take_census(panel), Policies(mixed_adjustment="mask"))
    assert np.isnan(treated.fields["open"][:40]).all()
    np.testing.assert_array_equal(treated.closes, panel.closes)


def test_a_few_bad_closes_are_not_another_scale(bars, declaration):
    bars.loc[10:13, "close"] *= 0.9
    bars.loc[[20, 22, 24, 26, 28, 30], "close"] *= 0.9
    assert not mixed_adjustment(panel_from_frame(bars, declaration)).any()


def test_closes_that_fall_out_on_both_sides_are_not_another_scale(bars, declaration):
    bars.loc[10:19, "close"] *= np.where(np.arange(10) % 2, 0.9, 1.1)
    assert not mixed_adjustment(panel_from_frame(bars, declaration)).any()


def test_penny_prices_are_those_below_one(bars, declaration):
    bars.loc[5, ["open", "high", "low", "close"]] = [0.9, 1.1, 0.8, 0.99]
    bars.loc[6, ["open", "high", "low", "close"]] = [1, 1, 1, 1]
    bars.loc[7, ["open", "high", "low", "close"]] = 0
    panel = panel_from_frame(bars, replace(declaration, on_fault="record"))
    assert np.flatnonzero(penny_price(panel)[:, 0]).tolist() == [5]
    (fault,) = [fault for fault in take_census(panel).faults if fault.kind == "penny_price"]
    assert fault.detail == "Lowest 0.99 on 2023-01-10."


def test_a_volume_of_0_beside_a_move_contradicts_itself(bars, declaration):
    bars["volume"] = 10.0
    bars.loc[20, ["open", "high", "low", "close"]] = bars.loc[19, "close"]  # nothing moved: no contradiction
    bars.loc[30, ["open", "high", "low"]] = bars.loc[30, "close"]  # no range, but another close than before
    bars.loc[[20, 30, 40], "volume"] = 0.0
    panel = panel_from_frame(bars, declaration)
    assert np.flatnonzero(zero_volume_with_moves(panel)[:, 0]).tolist() == [30, 40]
    counts = {fault.kind: fault.count for fault in take_census(panel).faults}
    assert (counts["zero_volume"], counts["zero_volume_with_moves"]) == (3, 2)


def test_a_bar_of_volume_0_that_is_masked_is_gone_and_not_of_unknown_volume(bars, declaration):
    bars["volume"] = 10.0
    bars.loc[20, "volume"] = 0.0
    panel = panel_from_frame(bars, declaration)
    treated = apply_policies(panel, take_census(panel), replace(Policies(), zero_volume="mask"))
    assert not treated.has_bar[20, 0] and np.isnan(treated.closes[20, 0])
    assert apply_policies(panel, take_census(panel), Policies()).has_bar[20, 0]
