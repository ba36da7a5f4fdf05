from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from quantdl.market.actions import CorporateActions, Delisting
from quantdl.market.card import SilenceRule
from quantdl.market.listing import delisted_as_known, last_trades, silent_bars
from quantdl.market.status import CellStatus
from tests.market.dirty_panels import dirty_panel
from tests.panels import in_hours

TEN_SESSIONS = SilenceRule(10)


def silent(start, stop, rule=TEN_SESSIONS, status=CellStatus.MISSING):
    """A panel in which NA does not trade from row ``start`` to before row ``stop``."""
    panel = dirty_panel(60)
    codes, fields = panel.status.copy(), {name: values.copy() for name, values in panel.fields.items()}
    codes[start:stop, 0] = status
    for values in fields.values():
        values[start:stop, 0] = np.nan
    return replace(panel, status=codes, fields=fields, silence=rule, actions=CorporateActions())


def known(panel, after=10):
    return np.flatnonzero(delisted_as_known(panel, after)[:, 0]).tolist()


def test_silence_alone_ends_nothing():
    for start, stop in ((20, 25), (20, 40), (20, 60)):
        for patience in (0, 10):
            assert known(silent(start, stop, SilenceRule(patience)), None) == []


def test_an_asset_counts_as_gone_when_its_silence_is_longer_than_the_plan_says():
    assert known(silent(20, 60)) == list(range(30, 60))
    assert known(silent(20, 60), 39) == [59] and known(silent(20, 60), 40) == []
    assert known(silent(20, 60), 38) == [58, 59]


def test_an_asset_that_comes_back_was_gone_only_while_it_was_silent():
    assert known(silent(20, 40)) == list(range(30, 40))


def test_a_short_silence_and_a_halt_end_nothing():
    assert known(silent(20, 30)) == []
    assert known(silent(20, 60, status=CellStatus.HALTED)) == []


def test_the_sessions_that_the_source_calls_halted_are_no_silence():
    panel = silent(20, 60)
    codes = panel.status.copy()
    codes[20:40, 0] = CellStatus.HALTED
    assert known(replace(panel, status=codes)) == list(range(50, 60))  # row 39 was the last that was accounted for


def test_a_last_day_that_the_source_states_needs_no_count():
    ended = SilenceRule(10, {"NA": dirty_panel(60).sessions[24].date()})
    assert known(silent(20, 60, ended)) == known(silent(20, 60, ended), None) == list(range(25, 60))


def test_a_last_day_still_to_come_is_not_known_and_does_not_put_the_plans_rule_off():
    late = SilenceRule(10, {"NA": date(2030, 1, 1)})
    assert known(silent(20, 60, late)) == known(silent(20, 60)) == list(range(30, 60))


def test_a_stated_end_counts_whatever_the_cells_after_it_are_called():
    ended = SilenceRule(10, {"NA": dirty_panel(60).sessions[24].date()})
    assert known(silent(20, 60, ended, CellStatus.HALTED), None) == list(range(25, 60))


def test_a_delisting_among_the_actions_ends_the_asset_after_its_last_session():
    panel = silent(20, 60, SilenceRule(30))
    actions = CorporateActions(delistings=(Delisting(panel.sessions[22].date(), "NA", 1.0),))
    assert known(replace(panel, actions=actions)) == list(range(23, 60))


def test_bars_of_one_session_are_one_session_of_silence():
    panel = silent(18, 60)
    sessions = pd.DatetimeIndex(np.repeat(panel.sessions[:10], 6))
    known_at = sessions.tz_localize("UTC") + pd.to_timedelta(np.tile(np.arange(15, 21), 10), unit="h")
    bars = replace(panel, sessions=sessions, known_at=known_at, card=in_hours(panel.card))
    assert known(bars) == []
    assert known(bars, 3) == list(range(36, 60))  # row 17 traded last, in session 2


@pytest.mark.parametrize("after", [None, 3])
@pytest.mark.parametrize("stated", [False, True])
def test_what_comes_later_changes_nothing(stated, after):
    panel = dirty_panel(60)
    delistings = (Delisting(panel.sessions[50].date(), "MAR 1", 0.0), Delisting(panel.sessions[33].date(), "1E5"))
    panel = replace(panel, actions=CorporateActions(delistings=delistings if stated else ()))
    panel = replace(panel, silence=replace(panel.silence, ended={}))
    whole, trades = delisted_as_known(panel, after), last_trades(panel)
    for end in range(1, 61):
        view = panel.until(panel.sessions[end - 1])
        np.testing.assert_array_equal(delisted_as_known(view, after), whole[:end])
        np.testing.assert_array_equal(last_trades(view), trades[:end])


def test_no_asset_is_gone_before_the_first_trade():
    panel = dirty_panel(60)
    assert not delisted_as_known(panel, 1)[last_trades(panel) < 0].any()


def test_a_bar_on_which_nothing_trades_is_no_silence_once_something_trades_again():
    """Rows 4 and 5 are dead; NA is silent from row 3 on. While all are silent it may be the feed: they count."""
    panel = dirty_panel(12)
    codes, fields = panel.status.copy(), {name: values.copy() for name, values in panel.fields.items()}
    codes[:] = CellStatus.TRADED
    for values in fields.values():
        values[:] = 1.0
    for rows, columns in ((slice(4, 6), slice(None)), (slice(3, 9), 0)):
        codes[rows, columns] = CellStatus.MISSING
        for values in fields.values():
            values[rows, columns] = np.nan
    panel = replace(panel, status=codes, fields=fields, actions=CorporateActions())
    assert silent_bars(panel)[:, 0].tolist() == [0, 0, 0, 1, 2, 3, 2, 3, 4, 0, 0, 0]
    assert silent_bars(panel)[:, 1].tolist() == [0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0]
