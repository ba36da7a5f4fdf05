"""Stated actions against the prices: what each should do to a price is arithmetic, and the faults are planted."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from quantdl.calendars import trading_calendar
from quantdl.errors import DataError
from quantdl.market.actions import CashDividend, CorporateActions, Split
from quantdl.market.inspection.census import take_census
from quantdl.market.inspection.policies import Policies
from quantdl.market.inspection.treatment import apply_policies
from quantdl.market.sources.frames import panel_from_frame

DAY = 21  # Monday, 2014-06-02


@pytest.fixture(scope="module")
def sessions():
    return trading_calendar("XNYS").sessions("2014-05-01", "2014-06-30")


def panel_of(sessions, declaration, jump, actions, adjustment="raw"):
    """Closes near 645 that change by the factor ``jump`` on DAY."""
    closes = 645.0 * np.exp(0.005 * np.sin(np.arange(len(sessions))))
    closes[DAY:] *= jump
    frame = pd.DataFrame({"AAPL": closes, "OTHER": 30.0 + np.arange(len(sessions)) / 100}, index=sessions)
    return replace(panel_from_frame(frame, replace(declaration, adjustment=adjustment)), actions=actions)


def splits(sessions, ratio, asset="AAPL"):
    return CorporateActions(splits=(Split(sessions[DAY].date(), asset, ratio),))


def found(panel):
    kinds = ("split_contradicts_price", "dividend_exceeds_price", "large_return_without_action")
    return [(fault.kind, fault.symbol, fault.first) for fault in take_census(panel).faults if fault.kind in kinds]


def test_a_split_that_the_price_made_is_no_fault(sessions, declaration):
    assert found(panel_of(sessions, declaration, 1 / 7, splits(sessions, 7.0))) == []
    assert found(panel_of(sessions, declaration, 10.0, splits(sessions, 0.1))) == []


@pytest.mark.parametrize(
    ("jump", "ratio", "adjustment"),
    [
        (1 / 7, 1 / 7, "raw"),  # a forward split recorded as a reverse one
        (1.0, 7.0, "raw"),  # recorded, but the price never moved: it was made already
        (1 / 49, 7.0, "raw"),  # made twice
        (1000 / 31, 31.0, "raw"),  # 31 for 1000 recorded as 31 for 1
        (1 / 7, 7.0, "split"),  # declared as adjusted, but it is not
        (7.0, 7.0, "total_return"),  # adjusted the wrong way
    ],
)
def test_a_split_that_contradicts_the_price_is_named_with_both(sessions, declaration, jump, ratio, adjustment):
    panel = panel_of(sessions, declaration, jump, splits(sessions, ratio), adjustment)
    assert ("split_contradicts_price", "AAPL", sessions[DAY].date()) in found(panel)
    (fault,) = [fault for fault in take_census(panel).faults if fault.kind == "split_contradicts_price"]
    before, after = panel.closes[DAY - 1 : DAY + 1, 0]
    stated = f"Stated: {ratio:g} new for 1 old share on {sessions[DAY].date()}; "
    assert fault.detail == f"{stated}close {before:g} to {after:g} ({adjustment} prices)."


def test_an_adjusted_price_does_not_move_at_a_split(sessions, declaration):
    assert found(panel_of(sessions, declaration, 1.0, splits(sessions, 7.0), "split")) == []


def test_bad_news_on_the_day_of_a_split_does_not_contradict_it(sessions, declaration):
    assert found(panel_of(sessions, declaration, 0.7 / 7, splits(sessions, 7.0))) == []


def test_a_stock_dividend_is_too_small_to_judge(sessions, declaration):
    assert found(panel_of(sessions, declaration, 1.0, splits(sessions, 1.05))) == []


def test_an_ex_date_without_a_bar_is_judged_at_the_next_one(sessions, declaration):
    saturday = (sessions[DAY] - pd.Timedelta(days=1)).date()
    actions = CorporateActions(splits=(Split(saturday, "AAPL", 1 / 7),))
    assert ("split_contradicts_price", "AAPL", sessions[DAY].date()) in found(
        panel_of(sessions, declaration, 1 / 7, actions)
    )


def test_an_action_outside_the_data_or_of_another_asset_is_no_matter(sessions, declaration):
    actions = CorporateActions(
        splits=(
            Split(date(2010, 1, 4), "AAPL", 2.0),
            Split(date(2020, 8, 31), "AAPL", 4.0),
            Split(date(2014, 6, 2), "X", 9.0),
        )
    )
    assert found(panel_of(sessions, declaration, 1.0, actions)) == []


@pytest.mark.parametrize(("amount", "wrong"), [(3.29, False), (640.0, False), (651.0, True)])
def test_no_dividend_is_worth_the_whole_price(sessions, declaration, amount, wrong):
    actions = CorporateActions(dividends=(CashDividend(sessions[DAY].date(), "AAPL", amount),))
    panel = panel_of(sessions, declaration, 1.0, actions, "split")
    faults = [fault for fault in take_census(panel).faults if fault.kind == "dividend_exceeds_price"]
    assert bool(faults) == wrong
    if wrong:
        before, after = panel.closes[DAY - 1 : DAY + 1, 0]
        closes = f"close {before:g} to {after:g}"
        assert faults[0].detail == f"Stated: 651 a share on {sessions[DAY].date()}; {closes}."


def test_a_large_return_that_a_recorded_action_explains_is_explained(sessions, declaration):
    other = Split(date(2014, 5, 5), "OTHER", 1.0)
    lost = panel_of(sessions, declaration, 1 / 7, CorporateActions(splits=(other,)))
    assert found(lost) == [("large_return_without_action", "AAPL", sessions[DAY].date())]
    assert found(panel_of(sessions, declaration, 1 / 7, splits(sessions, 7.0))) == []
    paid = CorporateActions(dividends=(CashDividend(sessions[DAY].date(), "AAPL", 0.6 * 645),))
    assert found(panel_of(sessions, declaration, 0.4, paid)) == []


def test_where_no_action_is_known_none_is_missed(sessions, declaration):
    assert found(panel_of(sessions, declaration, 1 / 7, CorporateActions())) == []


def test_actions_that_contradict_prices_are_refused_by_default(sessions, declaration):
    panel = panel_of(sessions, declaration, 1 / 7, splits(sessions, 1 / 7))
    with pytest.raises(DataError, match="split_contradicts_price: AAPL, 2014-06-02: Stated: 0.142857 new for 1 old"):
        apply_policies(panel, take_census(panel), Policies())
