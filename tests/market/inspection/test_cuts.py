"""Histories cut in two: nothing runs over the cut, nothing else changes, nothing is known before its day."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from quantdl.calendars import trading_calendar
from quantdl.errors import DataError
from quantdl.market.actions import CashDividend, CorporateActions, Delisting, Rename, Split
from quantdl.market.inspection.census import take_census
from quantdl.market.inspection.cuts import Cut, cut_histories, symbol_before_cuts
from quantdl.market.inspection.policies import Policies
from quantdl.market.inspection.treatment import apply_policies
from quantdl.market.sources.frames import panel_from_frame
from quantdl.market.status import CellStatus

UNLISTED, TRADED, MISSING, DELISTED = (
    CellStatus.UNLISTED,
    CellStatus.TRADED,
    CellStatus.MISSING,
    CellStatus.DELISTED,
)


@pytest.fixture(scope="module")
def sessions():
    return trading_calendar("XNYS").sessions("2016-01-04", "2016-06-30")


@pytest.fixture
def panel(sessions, declaration):
    closes = pd.DataFrame({"A": np.arange(100.0, 100 + len(sessions)), "B": 50.0}, index=sessions)
    closes.iloc[30:50, 0] = np.nan
    return panel_from_frame(closes, replace(declaration, sectors={"A": "Energy"}))


def test_the_later_part_keeps_the_symbol_and_the_earlier_one_is_named_by_its_last_session(panel, sessions):
    cut = cut_histories(panel, [Cut(0, 50, same_share=False)])
    assert cut.assets == ("A", "B", f"A~{sessions[29]:%Y-%m-%d}")
    assert cut.status[:50, 0].tolist() == [UNLISTED] * 50
    assert cut.status[50:, 0].tolist() == [TRADED] * (len(sessions) - 50)
    assert cut.status[:30, 2].tolist() == [TRADED] * 30
    assert cut.status[30:, 2].tolist() == [DELISTED] * (len(sessions) - 30)
    np.testing.assert_array_equal(cut.closes[:30, 2], panel.closes[:30, 0])
    np.testing.assert_array_equal(cut.closes[50:, 0], panel.closes[50:, 0])
    np.testing.assert_array_equal(cut.closes[:, 1], panel.closes[:, 1])
    assert cut.sectors == {"A": "Energy", cut.assets[2]: "Energy"}


def test_no_return_runs_over_a_cut_and_every_other_return_stays(panel):
    cut = cut_histories(panel, [Cut(0, 50, same_share=False), Cut(0, 70, same_share=True)])
    before, after = panel.log_returns(), cut.log_returns()
    own = [0, 2, 3]
    assert np.isnan(after[[50, 70]][:, own]).all()
    kept = np.nansum(after[:, own], axis=1)
    expected = np.nan_to_num(before[:, 0])
    expected[[50, 70]] = 0
    np.testing.assert_array_equal(kept, expected)
    assert cut.traded.sum() == panel.traded.sum()


def test_after_a_split_the_earlier_part_ends_at_once_at_its_last_close(panel, sessions):
    cut = cut_histories(panel, [Cut(0, 20, same_share=True)])
    part = cut.assets[2]
    assert cut.actions.delistings == (Delisting(sessions[19].date(), part, panel.closes[19, 0]),)
    assert cut.until(sessions[19]).status[-1].tolist() == [UNLISTED, TRADED, TRADED]
    assert cut.until(sessions[20]).status[-1].tolist() == [TRADED, TRADED, DELISTED]


def test_the_beginning_of_a_silence_is_not_known_for_one(panel, sessions):
    cut = cut_histories(panel, [Cut(0, 50, same_share=False)])
    assert cut.actions.delistings == ()
    view = cut.until(sessions[35])
    assert view.status[-1, 2] == MISSING
    assert cut.until(sessions[41]).status[-1, 2] == DELISTED  # eleven silent sessions: as for any asset


def test_actions_go_to_the_part_they_happened_to(panel, sessions):
    early, late = sessions[10].date(), sessions[90].date()
    actions = CorporateActions(
        splits=(Split(early, "A", 2.0), Split(late, "A", 3.0)),
        dividends=(CashDividend(early, "A", 1.0), CashDividend(late, "B", 1.0)),
        renames=(Rename(early, "A", "X"),),
    )
    cut = cut_histories(replace(panel, actions=actions), [Cut(0, 50, same_share=False)])
    part = cut.assets[2]
    assert [item.asset for item in cut.actions.splits] == [part, "A"]
    assert [item.asset for item in cut.actions.dividends] == [part, "B"]
    assert [item.asset for item in cut.actions.renames] == [part]


def test_membership_follows_both_parts(panel):
    members = np.arange(panel.status.size).reshape(panel.status.shape) % 3 == 0
    cut = cut_histories(replace(panel, members=members), [Cut(0, 50, same_share=False)])
    np.testing.assert_array_equal(cut.members, members[:, [0, 1, 0]])


def test_a_part_without_a_trade_is_left_out(panel):
    cut = cut_histories(panel, [Cut(0, 40, same_share=False), Cut(0, 50, same_share=False), Cut(1, 0, same_share=True)])
    assert len(cut.assets) == 3
    assert cut_histories(panel, []) is panel


def jump_over_a_gap(sessions, declaration):
    closes = pd.DataFrame({"A": 10.0 + 0.01 * np.arange(len(sessions)), "B": 50.0}, index=sessions)
    closes.iloc[20:90, 0] = np.nan
    closes.iloc[90:, 0] *= 7
    return panel_from_frame(closes, declaration)


def test_a_reused_history_is_cut_by_default_and_the_card_says_so(sessions, declaration):
    panel = jump_over_a_gap(sessions, declaration)
    treated = apply_policies(panel, take_census(panel), Policies())
    part = f"A~{sessions[19]:%Y-%m-%d}"
    assert treated.assets == ("A", "B", part)
    day = sessions[90].date()
    assert f"Policy split_at_gap for reused_history (1): A {day}." in treated.card.declaration.notes
    assert treated.card.fingerprint == panel.card.fingerprint


def test_a_cut_needs_no_hindsight(sessions, declaration):
    panel = jump_over_a_gap(sessions, declaration)
    treated = apply_policies(panel, take_census(panel), Policies(), judged_through=sessions[30])
    assert len(treated.assets) == 3


def test_long_gaps_are_cut_when_asked_for(sessions, declaration):
    closes = pd.DataFrame({"A": 10.0, "B": 50.0 + np.arange(len(sessions))}, index=sessions)
    closes.iloc[20:25, 1] = np.nan
    closes.iloc[40:44, 1] = np.nan
    panel = panel_from_frame(closes, declaration)
    assert len(apply_policies(panel, take_census(panel), Policies()).assets) == 2
    treated = apply_policies(panel, take_census(panel), Policies(long_gap="split_at_gap"))
    assert treated.assets == ("A", "B", f"B~{sessions[19]:%Y-%m-%d}")


def test_a_cut_panel_still_obeys_its_own_views(sessions, declaration):
    panel = jump_over_a_gap(sessions, declaration)
    treated = apply_policies(panel, take_census(panel), Policies())
    np.testing.assert_array_equal(treated.until(sessions[-1]).status, treated.status)
    assert date.fromisoformat(treated.assets[2].removeprefix("A~")) == sessions[19].date()


def test_a_part_whose_name_another_asset_has_is_refused_by_name(panel, sessions, declaration):
    name = f"A~{sessions[29]:%Y-%m-%d}"
    frame = pd.DataFrame(panel.closes, index=sessions, columns=["A", name])
    with pytest.raises(
        DataError, match=rf"would be called '{name}', as an asset of the panel is already\. Fix: rename"
    ):
        cut_histories(panel_from_frame(frame, declaration), [Cut(0, 50, same_share=False)])


def test_the_symbol_of_a_part_is_found_whatever_it_is_made_of():
    assert [symbol_before_cuts(f"{symbol}~2018-05-24") for symbol in ("A", "../x", "A\n~", "A~2017-01-03")] == [
        "A",
        "../x",
        "A\n~",
        "A~2017-01-03",
    ]
