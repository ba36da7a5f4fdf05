"""A price that opens far lower and stays there calmly: a distribution, a spin-off or a special dividend."""

from dataclasses import replace

import numpy as np
import pytest

from quantdl.calendars import trading_calendar
from quantdl.market.actions import CashDividend, CorporateActions
from quantdl.market.inspection.census import take_census
from quantdl.market.inspection.moves import suspected_distribution
from quantdl.market.inspection.policies import Policies
from quantdl.market.inspection.treatment import apply_policies
from quantdl.market.sources.frames import panel_from_frame
from tests.market.inspection.test_scale_breaks import market

PRICES = ["open", "high", "low", "close"]
DAY = 100


@pytest.fixture(scope="module")
def sessions():
    return trading_calendar("XNYS").sessions("2023-01-03", "2023-12-29")[:150]


def fund(sessions, seed, ratio=1.231, volatility=0.005):
    """A calm fund around 24 whose prices leave a payment in: all four are lower by the ratio from DAY on."""
    frame = market(sessions, seed, volatility)
    frame[PRICES] *= 24 / frame.loc[DAY - 1, "close"]
    frame.loc[frame.index >= DAY, PRICES] /= ratio
    return frame


def named(frame, declaration, **card):
    panel = panel_from_frame(frame, replace(declaration, **card))
    return panel, [panel.sessions[row] for row in np.flatnonzero(suspected_distribution(panel)[:, 0])]


def test_a_fund_at_24_that_pays_out_a_fifth_is_named_on_that_day(sessions, declaration):
    for seed in range(20):
        assert named(fund(sessions, seed), declaration)[1] == [sessions[DAY]]


def test_it_is_reported_and_never_repaired(sessions, declaration):
    panel, _ = named(fund(sessions, 1), declaration)
    census = take_census(panel)
    (fault,) = [fault for fault in census.faults if fault.kind == "suspected_distribution"]
    before, opening = panel.closes[DAY - 1, 0], panel.fields["open"][DAY, 0]
    assert fault.first == fault.last == sessions[DAY].date()
    paid = f"as if {before - opening:.4g} a share was paid out."
    assert fault.detail == f"Close {before:g}, then open {opening:g} ({opening / before - 1:+.1%}): {paid}"
    treated = apply_policies(panel, census, Policies())
    np.testing.assert_array_equal(treated.closes, panel.closes)
    assert treated.assets == panel.assets


@pytest.mark.parametrize("deviations", [9.9, 10.1])
def test_a_gap_within_ten_deviations_is_an_ordinary_one(sessions, declaration, deviations):
    for seed in range(20):
        frame = fund(sessions, seed, 1.0)
        returns = np.diff(np.log(frame.loc[DAY - 22 : DAY - 1, "close"]))
        frame.loc[frame.index >= DAY, PRICES] *= frame.loc[DAY - 1, "close"] / frame.loc[DAY, "open"]
        frame.loc[frame.index >= DAY, PRICES] *= np.exp(-deviations * np.std(returns, ddof=1))
        frame.loc[DAY, ["high", "low", "close"]] = frame.loc[DAY, "open"] * np.array([1.001, 0.999, 1.0])
        assert named(frame, declaration)[1] == ([sessions[DAY]] if deviations > 10 else [])


def test_a_fight_over_the_price_is_news(sessions, declaration):
    for seed in range(20):
        frame = fund(sessions, seed)
        frame.loc[DAY, "high"] = 1.1 * frame.loc[DAY, "low"]
        assert named(frame, declaration)[1] == []


def test_a_price_that_comes_back_to_the_old_level_in_the_session_is_news(sessions, declaration):
    frame = fund(sessions, 2)
    frame.loc[DAY, ["high", "close"]] = frame.loc[DAY - 1, "close"]
    assert sessions[DAY] not in named(frame, declaration)[1]


def test_a_fall_on_much_more_money_than_usual_is_news(sessions, declaration):
    for seed in range(20):
        frame = fund(sessions, seed)
        frame.loc[DAY, "volume"] *= 30
        assert named(frame, declaration)[1] == []
        assert named(frame.drop(columns="volume"), declaration)[1] == [sessions[DAY]]


def test_a_rise_pays_nothing_out(sessions, declaration):
    assert all(named(fund(sessions, seed, 1 / 1.231), declaration)[1] == [] for seed in range(10))


def test_half_of_the_price_is_judged_as_a_split(sessions, declaration):
    panel, days = named(fund(sessions, 3, 2.0), declaration)
    assert days == []
    assert take_census(panel).counts()["suspected_split"] == 1


@pytest.mark.parametrize("columns", [["close"], ["close", "volume"], ["high", "low", "close"], ["open", "close"]])
def test_without_the_range_or_the_open_nothing_is_claimed(sessions, declaration, columns):
    assert named(fund(sessions, 4)[["date", "symbol", *columns]], declaration)[1] == []


def test_a_price_that_stood_still_has_no_deviation(sessions, declaration):
    frame = fund(sessions, 5)
    frame.loc[DAY - 30 : DAY - 1, "close"] = 24.0
    frame.loc[DAY - 30 : DAY - 1, ["open", "high", "low"]] = [24.0, 24.1, 23.9]
    assert named(frame, declaration)[1] == []


def test_a_payment_that_is_stated_is_not_suspected(sessions, declaration):
    panel, _ = named(fund(sessions, 6), declaration, adjustment="raw")
    for day, found in ((sessions[DAY].date(), 0), (sessions[DAY - 5].date(), 1)):
        stated = CorporateActions(dividends=(CashDividend(day, "A", 4.5),))
        assert suspected_distribution(replace(panel, actions=stated)).sum() == found


def test_nothing_later_is_looked_at(sessions, declaration):
    panel, _ = named(fund(sessions, 7), declaration)
    whole = suspected_distribution(panel)
    for row in range(20, len(sessions), 9):
        np.testing.assert_array_equal(suspected_distribution(panel.until(sessions[row])), whole[: row + 1])
    assert suspected_distribution(panel.until(sessions[DAY]))[DAY, 0]


def test_a_gap_over_missing_sessions_is_not_one_night(sessions, declaration):
    assert named(fund(sessions, 8).drop(index=[DAY - 2, DAY - 1]), declaration)[1] == []


def test_a_stock_that_is_wild_every_day_is_not_surprised(sessions, declaration):
    assert all(named(fund(sessions, seed, 1.231, 0.06), declaration)[1] == [] for seed in range(10))


def restless(sessions, **logarithms):
    """A fund that trades over 8 % every day, so that its fall of 20.8 % is calm; on DAY, prices in logs of the last."""
    frame = fund(sessions, 9)
    middle = np.sqrt(frame["open"] * frame["close"])
    frame["high"], frame["low"] = middle * np.exp(0.04), middle * np.exp(-0.04)
    for name, logarithm in logarithms.items():
        frame.loc[DAY, name] = frame.loc[DAY - 1, "close"] * np.exp(logarithm)
    return frame


@pytest.mark.parametrize(
    ("prices", "found"),
    [
        ({"high": -0.11, "close": -0.2}, True),
        ({"high": -0.09, "close": -0.2}, False),
        ({"high": -0.15, "close": -0.11}, True),  # a close above its high, as bad data have it
        ({"high": -0.15, "close": -0.09}, False),
    ],
)
def test_each_price_lies_beyond_half_of_the_way(sessions, declaration, prices, found):
    frame = restless(sessions, open=-0.2078, low=-0.22, **prices)
    assert (sessions[DAY] in named(frame, declaration, on_fault="record")[1]) is found
