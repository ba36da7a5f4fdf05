from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as some

from quantdl.errors import DataError
from quantdl.market.actions import CorporateActions, Split
from quantdl.market.panel import Panel
from quantdl.market.status import CellStatus
from quantdl.market.universe.eligibility import Standing, universe_as_of, with_universe
from quantdl.market.universe.membership import MembershipInterval
from quantdl.market.universe.rule import UniverseRule
from tests.market.dirty_panels import dirty_panel

PANEL = replace(dirty_panel(80), members=None, actions=CorporateActions(), faults=())
MEMBERSHIP = {name: (MembershipInterval(date(2020, 1, 10), None),) for name in PANEL.assets[:7]}
RULE = UniverseRule(
    minimum_history_bars=5,
    minimum_price=10.0,
    minimum_dollar_volume=500.0,
    window_bars=20,
)


def market(closes, volumes):
    """A raw panel of closes and volumes (T, A); NaN is no bar."""
    closes, volumes = np.asarray(closes, float), np.asarray(volumes, float)
    sessions = pd.bdate_range("2020-01-01", periods=len(closes))
    traded = np.isfinite(closes)
    listed = np.logical_or.accumulate(traded, axis=0)
    status = np.where(traded, CellStatus.TRADED, np.where(listed, CellStatus.MISSING, CellStatus.UNLISTED))
    return Panel(
        sessions=sessions,
        known_at=sessions.tz_localize("UTC") + pd.Timedelta(hours=21),
        assets=tuple("ABCDEFGH"[: closes.shape[1]]),
        fields={"close": closes, "volume": np.where(traded, volumes, np.nan)},
        status=status.astype(np.int8),
        sectors={},
        card=PANEL.card,
    )


def test_the_universe_of_a_bar_is_the_same_bit_for_bit_whatever_comes_later():
    whole = universe_as_of(PANEL, RULE, MEMBERSHIP).standings
    assert len(set(whole.ravel().tolist())) >= 5  # the rule bites in many ways
    for end in range(1, len(PANEL.sessions) + 1):
        view = PANEL.until(PANEL.sessions[end - 1])
        assert universe_as_of(view, RULE, MEMBERSHIP).standings.tobytes() == whole[:end].tobytes()


@given(some.integers(1, 79), some.integers(0, 7), some.floats(0.01, 1e6), some.sampled_from(["close", "volume"]))
def test_a_changed_value_changes_no_universe_before_it(row, column, value, name):
    fields = {key: values.copy() for key, values in PANEL.fields.items()}
    if PANEL.status[row, column] == CellStatus.TRADED:
        fields[name][row, column] = value
    changed = universe_as_of(replace(PANEL, fields=fields), RULE, MEMBERSHIP).standings
    assert changed[:row].tobytes() == universe_as_of(PANEL, RULE, MEMBERSHIP).standings[:row].tobytes()


def test_what_lies_before_the_window_changes_no_dollar_volume():
    rule = UniverseRule(minimum_dollar_volume=500.0, window_bars=10)
    fields = {key: values.copy() for key, values in PANEL.fields.items()}
    fields["volume"][:40] *= 1e9
    changed = universe_as_of(replace(PANEL, fields=fields), rule).standings
    assert changed[50:].tobytes() == universe_as_of(PANEL, rule).standings[50:].tobytes()


def test_history_counts_bars_that_traded():
    closes = np.array([[1, np.nan], [1, np.nan], [np.nan, 1], [1, 1], [1, np.nan]])
    standings = universe_as_of(market(closes, np.ones((5, 2))), UniverseRule(minimum_history_bars=3)).standings
    short, member, nothing = Standing.SHORT_HISTORY, Standing.MEMBER, Standing.NOT_TRADED_YET
    np.testing.assert_array_equal(standings[:, 0], [short, short, short, member, member])
    np.testing.assert_array_equal(standings[:, 1], [nothing, nothing, short, short, short])


def test_the_price_is_the_last_close_as_quoted():
    closes = np.array([[4.99], [5.0], [np.nan], [4.0], [np.nan]])
    standings = universe_as_of(market(closes, np.ones((5, 1))), UniverseRule(minimum_price=5.0)).standings
    low, member = Standing.LOW_PRICE, Standing.MEMBER
    np.testing.assert_array_equal(standings[:, 0], [low, member, member, low, low])


def test_a_split_during_a_halt_changes_the_last_close_as_quoted():
    closes = np.array([[8.0], [np.nan], [np.nan], [2.0]])
    panel = market(closes, np.ones((4, 1)))
    panel = replace(panel, actions=CorporateActions(splits=(Split(panel.sessions[2].date(), "A", 4.0),)))
    standings = universe_as_of(panel, UniverseRule(minimum_price=5.0)).standings
    np.testing.assert_array_equal(
        standings[:, 0], [Standing.MEMBER, Standing.MEMBER, Standing.LOW_PRICE, Standing.LOW_PRICE]
    )


def test_dollar_volume_is_the_mean_over_the_window_and_a_bar_without_a_trade_counts_as_zero():
    closes = np.array([[np.nan], [10.0], [10.0], [np.nan], [10.0], [10.0]])
    volumes = np.array([[np.nan], [3.0], [6.0], [np.nan], [9.0], [12.0]])
    universe = universe_as_of(market(closes, volumes), UniverseRule(minimum_dollar_volume=40.0, window_bars=3))
    means = [universe.at(session)["dollar_volume"]["A"] for session in universe.panel.sessions]
    np.testing.assert_allclose(means, [np.nan, 30.0, 45.0, 30.0, 50.0, 70.0])
    low, member = Standing.LOW_DOLLAR_VOLUME, Standing.MEMBER
    np.testing.assert_array_equal(universe.standings[:, 0], [Standing.NOT_TRADED_YET, low, member, low, member, member])


def test_dollar_volume_that_the_source_states_is_used():
    panel = market([[10.0], [10.0]], [[1.0], [1.0]])
    panel = replace(panel, fields={"close": panel.closes, "dollar_volume": np.array([[99.0], [1.0]])})
    standings = universe_as_of(panel, UniverseRule(minimum_dollar_volume=50.0, window_bars=1)).standings
    np.testing.assert_array_equal(standings[:, 0], [Standing.MEMBER, Standing.LOW_DOLLAR_VOLUME])


def test_a_delisted_asset_is_in_no_universe_of_the_next_day():
    closes = np.ones((20, 1))
    closes[5:] = np.nan
    panel = market(closes, closes)
    panel = replace(panel, silence=replace(panel.silence, ended={"A": panel.sessions[4].date()}))
    members = universe_as_of(panel, UniverseRule()).members[:, 0]
    np.testing.assert_array_equal(members, np.arange(20) < 5)


def test_delisted_names_are_members_while_they_lived():
    """A universe of today's members would not hold B at all."""
    closes = np.ones((20, 2))
    closes[10:, 1] = np.nan
    panel = market(closes, closes)
    membership = {
        "A": (MembershipInterval(panel.sessions[12].date()),),
        "B": (MembershipInterval(panel.sessions[0].date(), panel.sessions[9].date()),),
    }
    members = universe_as_of(panel, UniverseRule(), membership).members
    np.testing.assert_array_equal(members[:, 1], np.arange(20) < 10)
    np.testing.assert_array_equal(members[:, 0], np.arange(20) >= 12)


def test_the_first_reason_is_the_one_told():
    standings = universe_as_of(PANEL, RULE, MEMBERSHIP).standings
    before = PANEL.sessions < pd.Timestamp("2020-01-10")
    assert (standings[before] == Standing.NO_MEMBERSHIP).all()
    assert (standings[:, 7] == Standing.NO_MEMBERSHIP).all()  # never in the table


def test_no_asset_becomes_a_member_that_was_not():
    members = np.random.default_rng(0).random(PANEL.status.shape) < 0.5
    universe = universe_as_of(replace(PANEL, members=members), UniverseRule())
    assert (universe.standings[~members] == Standing.NO_MEMBERSHIP).all()
    assert not (universe.members & ~members).any()


@pytest.mark.parametrize("width", [1, 3, 100])
def test_assets_are_judged_each_by_itself(monkeypatch, width):
    whole = universe_as_of(PANEL, RULE, MEMBERSHIP).standings
    monkeypatch.setattr("quantdl.market.universe.eligibility._ASSETS_AT_ONCE", width)
    assert universe_as_of(PANEL, RULE, MEMBERSHIP).standings.tobytes() == whole.tobytes()


def test_the_universe_of_a_session_can_be_read():
    universe = universe_as_of(PANEL, RULE, MEMBERSHIP)
    table = universe.at("2020-02-20")
    row = PANEL.sessions.get_loc("2020-02-20")
    assert list(table.columns) == ["member", "standing", "history_bars", "last_close", "dollar_volume"]
    assert table["member"].is_monotonic_decreasing
    assert set(table.index[table["member"]]) == {
        name for name, member in zip(PANEL.assets, universe.members[row], strict=True) if member
    }
    assert table["standing"]["Ü\udc80\n"] == "no membership"
    assert table["last_close"]["NA"] == PANEL.closes[row, 0]
    assert table["history_bars"]["NA"] == row + 1


def test_the_universe_before_the_first_session_is_refused():
    with pytest.raises(DataError, match="no session"):
        universe_as_of(PANEL, RULE, MEMBERSHIP).at("2019-12-31")


def test_the_summary_says_how_many_and_by_what():
    text = repr(universe_as_of(PANEL, RULE, MEMBERSHIP))
    assert text.startswith("Universe: ")
    assert "a last close of at least 10" in text
    assert "a mean dollar volume of at least 500 over 20 bars" in text


def test_prices_that_were_adjusted_are_refused_for_a_price_filter_with_the_fix():
    for adjustment in ("split", "total_return"):
        panel = replace(PANEL, card=PANEL.card.restated(adjustment=adjustment))
        with pytest.raises(DataError, match="Fix: load raw prices"):
            universe_as_of(panel, UniverseRule(minimum_price=5.0))


def test_dollar_volume_takes_raw_and_split_adjusted_prices_and_no_others():
    rule = UniverseRule(minimum_dollar_volume=1.0, window_bars=5)
    universe_as_of(replace(PANEL, card=PANEL.card.restated(adjustment="split")), rule)
    with pytest.raises(DataError, match="total returns"):
        universe_as_of(replace(PANEL, card=PANEL.card.restated(adjustment="total_return")), rule)


def test_a_missing_field_is_named():
    closes = replace(PANEL, fields={"close": PANEL.closes})
    with pytest.raises(DataError, match="needs the field 'volume' or 'dollar_volume', and the panel has close"):
        universe_as_of(closes, UniverseRule(minimum_dollar_volume=1.0, window_bars=5))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"minimum_history_bars": 0}, "minimum_history_bars: given 0; expected 1 or more"),
        ({"minimum_price": 0.0}, "minimum_price: given .*; expected a number above zero"),
        ({"minimum_price": float("nan")}, "minimum_price: given .*; expected a number above zero"),
        (
            {"minimum_dollar_volume": -1.0, "window_bars": 5},
            "minimum_dollar_volume: given -1.0; expected a number above zero",
        ),
        ({"minimum_dollar_volume": 1.0}, "given together"),
        ({"window_bars": 5}, "given together"),
        ({"minimum_dollar_volume": 1.0, "window_bars": 0}, "window_bars: given 0; expected 1 or more"),
    ],
)
def test_a_rule_that_means_nothing_is_refused(arguments, told):
    with pytest.raises(DataError, match=told):
        UniverseRule(**arguments)


def test_a_complete_membership_makes_the_universe_point_in_time():
    membership = {name: (MembershipInterval(date(2020, 1, 1)),) for name in PANEL.assets}
    universe = universe_as_of(PANEL, UniverseRule(), membership)
    panel = with_universe(PANEL, universe)
    assert panel.card.declaration.universe == "point_in_time"
    np.testing.assert_array_equal(panel.eligible, universe.members)
    assert panel.card.declaration.notes[-1] == "Universe as of each bar: membership as of each day."
    assert panel.until("2020-02-03").members.tobytes() == universe.members[:24].tobytes()


def test_members_without_prices_are_named_and_the_card_keeps_what_it_said():
    membership = {name: (MembershipInterval(date(2020, 1, 1)),) for name in (*PANEL.assets, "LEH", "WCOM")}
    membership["OLD"] = (MembershipInterval(date(2000, 1, 1), date(2001, 1, 1)),)  # before the panel's time
    universe = universe_as_of(PANEL, UniverseRule(), membership)
    assert universe.absent == ("LEH", "WCOM")
    panel = with_universe(PANEL, universe)
    assert panel.card.declaration.universe == PANEL.card.declaration.universe
    assert "2 members of that time have no prices here" in panel.card.declaration.notes[-1]
    assert "survivorship is not controlled: LEH, WCOM." in panel.card.declaration.notes[-1]


@pytest.mark.parametrize(("left_on", "told"), [(None, "survivors"), (date(2020, 2, 20), "point_in_time")])
def test_a_membership_that_no_asset_leaves_does_not_hide_that_the_assets_are_survivors(left_on, told):
    alive = [name for name, status in zip(PANEL.assets, PANEL.status[-1], strict=True) if status == CellStatus.TRADED]
    chosen = replace(PANEL.select(alive), card=PANEL.card.restated(universe="survivors"))
    membership = {name: (MembershipInterval(date(2020, 1, 1)),) for name in alive}
    membership[alive[0]] = (MembershipInterval(date(2020, 1, 1), left_on),)
    card = with_universe(chosen, universe_as_of(chosen, UniverseRule(), membership)).card
    assert card.declaration.universe == told
    assert ("No asset ever leaves that membership" in card.declaration.notes[-1]) == (told == "survivors")


def test_filters_alone_do_not_make_a_universe_point_in_time():
    panel = with_universe(PANEL, universe_as_of(PANEL, UniverseRule(minimum_history_bars=5)))
    assert panel.card.declaration.universe == PANEL.card.declaration.universe


def test_a_universe_of_another_panel_is_refused():
    with pytest.raises(DataError, match="Fix: judge the universe of this panel"):
        with_universe(PANEL.until("2020-02-03"), universe_as_of(PANEL, UniverseRule()))
    with pytest.raises(DataError, match="Fix: judge the universe of this panel"):
        with_universe(PANEL.select(PANEL.assets[::-1]), universe_as_of(PANEL, UniverseRule()))


def test_a_panel_of_ever_more_assets_keeps_the_standing_of_each():
    few = PANEL.select(PANEL.assets[2:5])
    np.testing.assert_array_equal(
        universe_as_of(few, RULE, MEMBERSHIP).standings, universe_as_of(PANEL, RULE, MEMBERSHIP).standings[:, 2:5]
    )


def test_the_changes_tell_the_whole_universe():
    universe = universe_as_of(PANEL, RULE, MEMBERSHIP)
    changes = universe.changes()
    assert changes["known_at"].is_monotonic_increasing
    for number, asset in enumerate(PANEL.assets):
        own = changes[changes["asset"] == asset].set_index("session")
        told = own["member"].reindex(PANEL.sessions).ffill().astype(bool)
        np.testing.assert_array_equal(told, universe.members[:, number])
        assert (own["standing"] != own["standing"].shift()).all()
