"""Unadjusted splits against news of the same size, on markets whose truth is known."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from quantdl.calendars import trading_calendar
from quantdl.market.actions import CorporateActions, Split
from quantdl.market.inspection.census import take_census
from quantdl.market.inspection.scale_breaks import reused_history, scan_scales, suspected_split
from quantdl.market.sources.frames import panel_from_frame

N_SESSIONS = 200
DAY = 120


@pytest.fixture(scope="module")
def sessions():
    return trading_calendar("XNYS").sessions("2015-01-02", "2015-12-31")[:N_SESSIONS]


def market(sessions, seed, volatility=0.02):
    """Bars of one stock: a day is opened near the last close, traded through, and its volume strays by half."""
    generator = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(volatility * generator.standard_t(4, len(sessions)) / np.sqrt(2)))
    opening = np.r_[close[0], close[:-1]] * np.exp(0.3 * volatility * generator.standard_normal(len(sessions)))
    reach = np.exp(0.5 * volatility * np.abs(generator.standard_normal((2, len(sessions)))))
    return pd.DataFrame(
        {
            "date": sessions,
            "symbol": "A",
            "open": opening,
            "high": np.maximum(opening, close) * reach[0],
            "low": np.minimum(opening, close) / reach[1],
            "close": close,
            "volume": np.round(1e5 * np.exp(0.5 * generator.standard_normal(len(sessions)))),
        }
    )


def with_split(frame, ratio, volume_too=True):
    """New shares for old from DAY on, the history before it as it was traded."""
    after = frame.index >= DAY
    frame.loc[after, ["open", "high", "low", "close"]] /= ratio
    if volume_too:
        frame.loc[after, "volume"] *= ratio
    return frame


def with_news(frame, factor, money):
    """The price opens near its new level on DAY and stays there; everybody trades."""
    after = frame.index >= DAY
    frame.loc[after, ["open", "high", "low", "close"]] *= factor
    frame.loc[DAY, "volume"] *= money / factor
    return frame


def splits(panel):
    return suspected_split(scan_scales(panel))


def found(frame, declaration, rule=splits):
    panel = panel_from_frame(frame, replace(declaration, on_fault="record"))
    return [panel.sessions[row] for row in np.flatnonzero(rule(panel)[:, 0])]


def found_in_each(frames, declaration):
    """As `found`, of many markets in one panel."""
    whole = pd.concat([frame.assign(symbol=f"S{number:02}") for number, frame in enumerate(frames)], ignore_index=True)
    panel = panel_from_frame(whole, replace(declaration, on_fault="record"))
    return [[panel.sessions[row] for row in np.flatnonzero(column)] for column in splits(panel).T]


@pytest.mark.parametrize("ratio", [2, 3, 10, 31 / 1000, 1 / 25, 1 / 4, 1 / 2])
def test_splits_are_found_on_their_day_in_nearly_every_market(sessions, declaration, ratio):
    hits = found_in_each([with_split(market(sessions, seed), ratio) for seed in range(20)], declaration)
    assert len(hits) == 20
    assert all(days in ([], [sessions[DAY]]) for days in hits)
    assert sum(days == [sessions[DAY]] for days in hits) >= 17


def test_a_split_is_found_whether_or_not_its_volume_was_adjusted(sessions, declaration):
    frames = [with_split(market(sessions, seed), 3, volume_too=False) for seed in range(20)]
    hits = found_in_each(frames, declaration)
    assert sum(days == [sessions[DAY]] for days in hits) >= 17


@pytest.mark.parametrize("factor", [2.0, 0.5, 3.0, 1 / 3])
def test_news_of_the_same_size_is_left_alone(sessions, declaration, factor):
    frames = [with_news(market(sessions, seed), factor, money=14) for seed in range(20)]
    assert found_in_each(frames, declaration) == [[]] * 20


def test_a_fight_over_the_price_is_no_split_however_few_trade(sessions, declaration):
    frame = with_news(market(sessions, 1), 2.0, money=1)
    frame.loc[DAY, "low"] = frame.loc[DAY - 1, "close"]  # it traded at the old scale that day
    assert found(frame, declaration) == []
    frame = with_news(market(sessions, 1), 2.0, money=1)
    frame.loc[DAY, "high"] = 1.5 * frame.loc[DAY, "low"]
    assert found(frame, declaration) == []


def test_the_way_back_from_a_bad_print_is_no_split(sessions, declaration):
    frame = market(sessions, 3)
    frame.loc[DAY, "close"] *= 2.1
    assert found(frame, declaration) == []


def test_a_price_that_stood_still_has_no_ordinary_day(sessions, declaration):
    frame = with_split(market(sessions, 4), 2)
    prices = ["open", "high", "low", "close"]
    frame.loc[DAY - 30 : DAY - 1, prices] = frame.loc[DAY - 30, "close"]
    assert found(frame, declaration) == []


def test_a_split_that_is_recorded_is_not_suspected(sessions, declaration):
    frame = with_split(market(sessions, 0), 7)
    panel = panel_from_frame(frame, replace(declaration, adjustment="raw"))
    assert splits(panel)[DAY, 0]
    stated = replace(panel, actions=CorporateActions(splits=(Split(sessions[DAY].date(), "A", 7.0),)))
    assert not splits(stated).any()
    elsewhere = replace(panel, actions=CorporateActions(splits=(Split(date(2015, 2, 2), "A", 7.0),)))
    assert splits(elsewhere)[DAY, 0]


def test_nothing_later_is_looked_at(sessions, declaration):
    frame = with_split(with_split(market(sessions, 5), 4), 1 / 3)
    frame.loc[frame.index >= 60, ["open", "high", "low", "close"]] *= 5
    frame.loc[frame.index >= 60, "volume"] /= 5
    panel = panel_from_frame(frame, declaration)
    whole = splits(panel)
    assert whole[60, 0]
    for row in range(20, N_SESSIONS, 7):
        np.testing.assert_array_equal(splits(panel.until(sessions[row])), whole[: row + 1])


def test_closes_alone_show_only_what_is_unmistakable(sessions, declaration):
    calm = with_split(market(sessions, 6, volatility=0.004), 2)[["date", "symbol", "close"]]
    assert found(calm, declaration) == [sessions[DAY]]
    wild = with_split(market(sessions, 6, volatility=0.03), 2)[["date", "symbol", "close"]]
    assert found(wild, declaration) == []
    odd = with_split(market(sessions, 6, volatility=0.004), 2.25)[["date", "symbol", "close"]]
    assert found(odd, declaration) == []


@pytest.mark.parametrize("left_out", [["volume"], ["high", "low"]])
def test_with_half_of_the_evidence_the_ratio_must_be_a_common_one(sessions, declaration, left_out):
    calm = 0.004
    assert found(with_split(market(sessions, 7, calm), 3).drop(columns=left_out), declaration) == [sessions[DAY]]
    assert found(with_split(market(sessions, 7, calm), 2.25).drop(columns=left_out), declaration) == []
    assert found(with_split(market(sessions, 7, calm), 2.25), declaration) == [sessions[DAY]]


def test_the_finding_names_both_closes_and_the_nearest_split(sessions, declaration):
    panel = panel_from_frame(with_split(market(sessions, 8), 10), declaration)
    (fault,) = [fault for fault in take_census(panel).faults if fault.kind == "suspected_split"]
    before, after = panel.closes[DAY - 1 : DAY + 1, 0]
    ratio = f"(x {after / before:.4g})"
    assert fault.detail == f"Close {before:g} to {after:g} {ratio}, like a split of 10 for 1."
    assert (fault.symbol, fault.first, fault.last) == ("A", sessions[DAY].date(), sessions[DAY].date())


@pytest.mark.parametrize(("silent", "factor", "reused"), [(63, 1.6, True), (62, 1.6, False), (63, 1.4, False)])
def test_a_symbol_that_comes_back_elsewhere_after_a_quarter_is_a_reused_history(
    sessions, declaration, silent, factor, reused
):
    frame = market(sessions, 9)
    frame.loc[frame.index >= DAY, ["open", "high", "low", "close"]] *= factor * (
        frame.loc[DAY - silent - 1, "close"] / frame.loc[DAY, "close"]
    )
    frame = frame.drop(index=range(DAY - silent, DAY))
    assert found(frame, declaration, reused_history) == ([sessions[DAY]] if reused else [])
    assert found(frame, declaration) == []
