"""Every kind of fault planted once and counted; the kinds are listed in quantdl/market/inspection/checks.py."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from quantdl.calendars import trading_calendar
from quantdl.market.inspection.census import take_census
from quantdl.market.inspection.checks import CHECKS
from quantdl.market.inspection.policies import Policies
from quantdl.market.sources.frames import panel_from_frame
from quantdl.records import to_plain
from quantdl.results.census import census_record

N_SESSIONS = 120


@pytest.fixture
def bars():
    """Two assets with sound bars, as a long frame that a test may spoil: `frame.loc[(symbol, row), column] = value`."""
    generator = np.random.default_rng(5)
    days = trading_calendar("XNYS").sessions("2023-01-03", "2023-12-29")[:N_SESSIONS]
    parts = []
    for symbol in ("A", "B"):
        close = np.round(100 * np.exp(0.01 * np.cumsum(generator.standard_normal(N_SESSIONS))), 4)
        opening = np.round(close * (1 + 0.001 * generator.standard_normal(N_SESSIONS)), 4)
        parts.append(
            pd.DataFrame(
                {
                    "symbol": symbol,
                    "date": days,
                    "open": opening,
                    "high": np.maximum(opening, close) + 0.5,
                    "low": np.minimum(opening, close) - 0.5,
                    "close": close,
                    "volume": generator.integers(1000, 2000, N_SESSIONS).astype(float),
                },
                index=pd.MultiIndex.from_product([[symbol], range(N_SESSIONS)]),
            )
        )
    return pd.concat(parts)


def census_of(frame, declaration):
    return take_census(panel_from_frame(frame.reset_index(drop=True), replace(declaration, on_fault="record")))


def found(census):
    return {kind: count for kind, count in census.counts().items() if count}


def test_sound_bars_have_no_fault(bars, declaration):
    census = census_of(bars, declaration)
    assert found(census) == {}
    assert census.faults == ()
    assert (census.n_sessions, census.n_assets) == (N_SESSIONS, 2)
    assert census.coverage == {"A": 1.0, "B": 1.0}


@pytest.mark.parametrize("column", ["open", "high", "low", "close"])
def test_a_price_of_zero_or_less_is_counted_and_takes_no_other_kind_with_it(bars, declaration, column):
    bars.loc[("A", 7), column] = 0
    bars.loc[("B", 8), column] = -1
    counts = found(census_of(bars, declaration))
    others = {"high_below_low"} if column == "high" else set()
    assert counts.pop(f"zero_{column}") == counts.pop(f"negative_{column}") == 1
    assert set(counts) <= others


def test_volumes_of_zero_and_less_are_counted(bars, declaration):
    bars.loc[("A", 3), "volume"] = 0
    bars.loc[("A", 4), "volume"] = -5
    counts = {"zero_volume": 1, "zero_volume_with_moves": 1, "negative_volume": 1}  # its range is that of a trade
    assert found(census_of(bars, declaration)) == counts


def test_high_below_low_is_not_counted_as_outside_the_range_as_well(bars, declaration):
    bars.loc[("A", 3), "high"] = bars.loc[("A", 3), "low"] - 1
    assert found(census_of(bars, declaration)) == {"high_below_low": 1}


@pytest.mark.parametrize("column", ["open", "close"])
def test_prices_outside_the_range_are_counted(bars, declaration, column):
    bars.loc[("A", 3), "high"] = bars.loc[("A", 3), ["open", "close"]].min() - 0.1
    bars.loc[("A", 3), "low"] = bars.loc[("A", 3), "high"] - 1
    bars.loc[("A", 3), "open" if column == "close" else "close"] = bars.loc[("A", 3), "low"] + 0.1
    assert found(census_of(bars, declaration)) == {f"{column}_outside_range": 1}


def test_missing_sessions_are_those_between_the_first_and_the_last_bar(bars, declaration):
    frame = bars.drop(index=[("A", 0), ("A", 5), ("A", 6), ("A", N_SESSIONS - 1)])
    census = census_of(frame, declaration)
    assert found(census) == {"missing_session": 2}
    (fault,) = census.faults
    assert (fault.symbol, str(fault.first), str(fault.last)) == ("A", "2023-01-10", "2023-01-11")
    assert fault.detail == "Longest run 2 from 2023-01-10."


def test_a_session_that_no_asset_has_is_named(bars, declaration):
    census = census_of(bars.drop(index=[("A", 9), ("B", 9)]), declaration)
    assert found(census) == {"missing_session": 2, "session_missing_for_all": 1}
    assert [(fault.kind, fault.symbol) for fault in census.faults][0] == ("session_missing_for_all", None)


@pytest.mark.parametrize("factor", [2.0, 0.25])
def test_a_large_return_is_counted_on_the_day_it_happens(bars, declaration, factor):
    later = [("A", row) for row in range(50, N_SESSIONS)]
    bars.loc[later, ["open", "high", "low", "close"]] *= factor
    bars.loc[("A", 50), "volume"] *= 40  # news raises the money traded
    census = census_of(bars, declaration)
    assert found(census) == {"return_above_50pct": 1}
    assert census.faults[0].first == bars.loc[("A", 50), "date"].date()


def test_a_return_of_exactly_half_is_not_above_it(declaration):
    days = trading_calendar("XNYS").sessions("2023-01-03", "2023-01-05")
    frame = pd.DataFrame({"A": [10.0, 15.0, 7.5]}, index=days)
    assert take_census(panel_from_frame(frame, declaration)).counts()["return_above_50pct"] == 0


def test_repeated_bars_are_counted_over_gaps_too(bars, declaration):
    columns = ["open", "high", "low", "close", "volume"]
    bars.loc[("A", 11), columns] = bars.loc[("A", 10), columns].to_numpy()
    bars.loc[("A", 31), columns] = bars.loc[("A", 29), columns].to_numpy()
    census = census_of(bars.drop(index=[("A", 30)]), declaration)
    assert found(census) == {"repeated_row": 2, "missing_session": 1}


def test_runs_are_counted_once_each(bars, declaration):
    for start, length in ((10, 5), (40, 9)):
        bars.loc[[("A", row) for row in range(start, start + length + 1)], "close"] = bars.loc[("A", start), "close"]
    frame = bars.drop(columns=["open", "high", "low"])
    census = census_of(frame, declaration)
    assert found(census) == {"stale_run_5": 2}
    assert census.faults[0].detail.startswith("Longest run 9 from ")


def test_prices_near_the_step_of_the_data_are_coarse(declaration):
    days = trading_calendar("XNYS").sessions("2023-01-03", "2023-01-06")
    frame = pd.DataFrame({"A": [0.1, 0.19, 0.2, 0.201], "B": [10.001, 10.2, 10.3, 10.4]}, index=days)
    census = take_census(panel_from_frame(frame, declaration))
    coarse = [fault for fault in census.faults if fault.kind == "coarse_price"]
    assert [(fault.symbol, fault.count) for fault in coarse] == [("A", 2)]  # 0.001 is 0.5 % of 0.2, and not more


def test_what_the_loader_recorded_is_repeated(bars, declaration):
    frame = bars.reset_index(drop=True)
    frame.loc[5, "close"] = np.inf
    frame = pd.concat([frame, frame.iloc[[200]], frame.iloc[[201]].assign(date=pd.Timestamp("2023-01-07"))])
    counts = found(census_of(frame, declaration))
    assert counts == {
        "non_finite_close": 1,
        "unsorted": 2,
        "duplicate": 1,
        "non_session": 1,
        "missing_session": 1,
    }


def test_an_assumed_delisting_is_named(bars, declaration):
    census = census_of(bars.drop(index=[("A", row) for row in range(80, N_SESSIONS)]), declaration)
    assert found(census) == {"assumed_delisted": 40}


def test_the_census_is_plain_json(bars, declaration):
    bars.loc[("A", 3), ["open", "high", "low", "close"]] = bars.loc[("A", 2), "close"]
    bars.loc[("A", 3), "volume"] = 0
    document = json.loads(json.dumps(to_plain(census_record(census_of(bars, declaration))), allow_nan=False))
    assert document["schema_version"] == 1
    assert document["counts"]["zero_volume"] == 1
    assert document["counts"]["zero_close"] == document["counts"]["duplicate"] == 0
    assert document["assets_affected"]["zero_volume"] == 1
    assert document["faults"] == [
        {
            "kind": "zero_volume",
            "symbol": "A",
            "first": "2023-01-06",
            "last": "2023-01-06",
            "count": 1,
            "detail": "First value 0.",
        }
    ]
    assert document["first"] == "2023-01-03"


def test_every_kind_has_a_policy(bars, declaration):
    assert {check.kind for check in CHECKS} | {"session_missing_for_all"} <= set(Policies().actions())
    assert set(census_of(bars, declaration).counts()) == set(Policies().actions())
