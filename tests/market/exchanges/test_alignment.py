"""Exchanges side by side: a decision sees what was known, all of it once, and nothing more."""

from dataclasses import replace
from datetime import date
from functools import cache, partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from quantdl.calendars import trading_calendar
from quantdl.errors import DataError
from quantdl.market.actions import CashDividend, CorporateActions, Delisting, Rename, Split
from quantdl.market.card import DataCard, Declaration, IntradayBars, SilenceRule, content_fingerprint
from quantdl.market.data_fault import DataFault
from quantdl.market.exchanges.alignment import align
from quantdl.market.exchanges.decisions import DecisionTimes
from quantdl.market.listing import delisted_as_known
from quantdl.market.panel import Panel
from quantdl.market.status import CellStatus

NEW_YORK = DecisionTimes("XNYS", "close")
FIELDS = ("open", "high", "low", "close", "volume")


@cache
def sessions_of(calendar, start, end):
    exchange = trading_calendar(calendar)
    sessions = exchange.sessions(start, end)
    return sessions, exchange.closes(sessions), exchange.timezone


def card_of(calendar, fields=FIELDS, adjustment="split", frequency="1D"):
    return DataCard(
        Declaration(
            source=f"prices of {calendar}",
            timezone=sessions_of(calendar, "2024-01-02", "2024-12-30")[2],
            frequency=frequency,
            intraday=None if frequency == "1D" else IntradayBars("end", "open"),
            adjustment=adjustment,
            calendar=calendar,
            as_of=date(2025, 12, 31),
            licence="none",
            currency="USD",  # one for all: what is tested here is when bars are known
        ),
        fields=fields,
        fingerprint="sha256:0",
    )


def simulated(calendar, start, end, assets=("A",), seed=0, missing=0.0):
    """Daily bars of made-up assets on the real sessions of an exchange; symbols carry its name."""
    sessions, closes, _ = sessions_of(calendar, start, end)
    generator = np.random.default_rng([seed, len(calendar)])
    shape = len(sessions), len(assets)
    close = 100 * np.exp(np.cumsum(generator.normal(0, 0.01, shape), axis=0))
    opened = close * np.exp(generator.normal(0, 0.005, shape))
    fields = {
        "open": opened,
        "high": np.maximum(opened, close) * 1.01,
        "low": np.minimum(opened, close) * 0.99,
        "close": close,
        "volume": generator.integers(1, 1000, shape).astype(float),
    }
    gone = generator.random(shape) < missing
    gone[0] = gone[-1] = False
    return Panel(
        sessions=sessions,
        known_at=closes,
        assets=tuple(f"{calendar}:{asset}" for asset in assets),
        fields={name: np.where(gone, np.nan, values) for name, values in fields.items()},
        status=np.where(gone, CellStatus.MISSING, CellStatus.TRADED).astype(np.int8),
        sectors={},
        card=card_of(calendar),
    )


def world(start="2024-01-02", end="2024-12-30", seed=0, missing=0.0):
    return [simulated(name, start, end, seed=seed, missing=missing) for name in ("XNYS", "XLON", "XTKS", "24/7")]


spring = partial(world, "2024-02-01", "2024-06-05")  # both changes of clocks, and enough holidays


def cell(aligned, session, asset, field="close"):
    row = aligned.panel.sessions.get_loc(pd.Timestamp(session))
    return aligned.panel.fields[field][row, aligned.panel.assets.index(asset)]


def status(aligned, session, asset):
    row = aligned.panel.sessions.get_loc(pd.Timestamp(session))
    return CellStatus(aligned.panel.status[row, aligned.panel.assets.index(asset)])


def own(panel, session, field="close"):
    return panel.fields[field][panel.sessions.get_loc(pd.Timestamp(session)), 0]


@pytest.mark.parametrize("calendar", ["XNYS", "XLON", "XTKS", "24/7"])
@pytest.mark.parametrize("at", ["close", "open"])
def test_every_value_was_known_at_its_decision_and_not_at_the_one_before(calendar, at):
    aligned = align(world(), DecisionTimes(calendar, at))
    known = pd.DataFrame(aligned.value_known_at)
    decided = aligned.panel.known_at.tz_localize(None).to_numpy()[:, None]
    traded = aligned.panel.traded
    assert (np.isnat(aligned.value_known_at) == ~traded).all()
    assert (known.to_numpy() <= decided)[traded].all()
    assert (known.to_numpy()[1:] > decided[:-1])[traded[1:]].all()


@pytest.mark.parametrize("calendar", ["XNYS", "XLON", "XTKS", "24/7"])
def test_every_bar_is_seen_exactly_once(calendar):
    panels = world(missing=0.1)
    aligned = align(panels, DecisionTimes(calendar))
    start, end = aligned.panel.known_at[0], aligned.panel.known_at[-1]
    for column, panel in enumerate(panels):
        seen = panel.known_at <= end
        assert (panel.known_at[panel.traded[:, 0]] <= start).sum() <= 2
        assert aligned.bars[:, column].sum() == panel.traded[seen].sum()
        total = np.nansum(aligned.panel.fields["volume"][:, column])
        assert total == np.nansum(panel.fields["volume"][seen])


def test_tokyo_is_known_before_new_york_opens():
    panels = world()
    aligned = align(panels, DecisionTimes("XNYS", "open"))
    assert cell(aligned, "2024-06-05", "XTKS:A") == own(panels[2], "2024-06-05")
    assert cell(aligned, "2024-06-05", "XNYS:A") == own(panels[0], "2024-06-04")
    assert cell(aligned, "2024-06-05", "XLON:A") == own(panels[1], "2024-06-04")


def test_new_york_is_known_in_tokyo_a_day_later():
    panels = world()
    aligned = align(panels, DecisionTimes("XTKS"))
    assert cell(aligned, "2024-06-05", "XNYS:A") == own(panels[0], "2024-06-04")
    assert cell(aligned, "2024-06-05", "XTKS:A") == own(panels[2], "2024-06-05")


def test_a_decision_at_a_quarter_past_six_sees_tokyos_close_until_its_day_became_longer():
    panels = [simulated("XTKS", "2024-10-28", "2024-11-08")]
    aligned = align(panels, DecisionTimes("XTKS", "15:15"))
    assert aligned.panel.known_at[-1].strftime("%H:%M") == "06:15"
    assert cell(aligned, "2024-11-01", "XTKS:A") == own(panels[0], "2024-11-01")
    assert status(aligned, "2024-11-05", "XTKS:A") == CellStatus.MISSING
    assert cell(aligned, "2024-11-06", "XTKS:A") == own(panels[0], "2024-11-05")


@pytest.mark.parametrize(("day", "seen"), [("2024-03-08", True), ("2024-03-12", False), ("2024-04-02", True)])
def test_london_closes_before_noon_in_new_york_only_while_the_clocks_are_out_of_step(day, seen):
    # London closes at 16:30: 11:30 in New York, and 12:30 from the second Sunday of March to its last one.
    panels = world()
    aligned = align(panels, DecisionTimes("XNYS", "12:00"))
    assert (cell(aligned, day, "XLON:A") == own(panels[1], day)) == seen


def test_an_early_close_decides_early():
    panels = world()
    aligned = align(panels, NEW_YORK)
    row = aligned.panel.sessions.get_loc(pd.Timestamp("2024-11-29"))
    assert aligned.panel.known_at[row] == pd.Timestamp("2024-11-29 18:00", tz="UTC")
    assert cell(aligned, "2024-11-29", "XNYS:A") == own(panels[0], "2024-11-29")


def test_a_holiday_elsewhere_is_missing_and_never_yesterdays_price():
    panels = world()
    aligned = align(panels, NEW_YORK)
    assert status(aligned, "2024-05-06", "XLON:A") == CellStatus.MISSING  # early May bank holiday
    assert status(aligned, "2024-05-03", "XTKS:A") == CellStatus.MISSING  # Constitution Day
    assert np.isnan(cell(aligned, "2024-05-06", "XLON:A"))
    returns = aligned.panel.log_returns()[:, 1]
    assert returns[aligned.panel.sessions.get_loc(pd.Timestamp("2024-05-07"))] == pytest.approx(
        np.log(own(panels[1], "2024-05-07") / own(panels[1], "2024-05-03"))
    )


def test_a_holiday_at_home_merges_what_happened_abroad():
    panels = world()
    aligned = align(panels, NEW_YORK)
    tokyo = panels[2].between("2024-07-04", "2024-07-05")  # New York rested on the 4th
    assert cell(aligned, "2024-07-05", "XTKS:A", "open") == tokyo.fields["open"][0, 0]
    assert cell(aligned, "2024-07-05", "XTKS:A", "high") == tokyo.fields["high"].max()
    assert cell(aligned, "2024-07-05", "XTKS:A", "low") == tokyo.fields["low"].min()
    assert cell(aligned, "2024-07-05", "XTKS:A", "close") == tokyo.closes[-1, 0]
    assert cell(aligned, "2024-07-05", "XTKS:A", "volume") == tokyo.fields["volume"].sum()


def test_a_weekend_of_crypto_is_one_cell_on_monday():
    panels = world()
    aligned = align(panels, NEW_YORK)
    row = aligned.panel.sessions.get_loc(pd.Timestamp("2024-06-10"))
    weekend = panels[3].between("2024-06-07", "2024-06-09")  # Friday's bar ends at midnight UTC, after New York's close
    assert aligned.bars[row].tolist() == [1, 1, 1, 3]
    # Friday's bar began twenty hours before New York's close of Friday: who decided then could not have its open.
    assert cell(aligned, "2024-06-10", "24/7:A", "open") == weekend.fields["open"][1, 0]
    assert cell(aligned, "2024-06-10", "24/7:A") == weekend.closes[-1, 0]
    assert aligned.value_session[row, 3] == np.datetime64("2024-06-09")
    assert aligned.value_known_at[row, 3] == np.datetime64("2024-06-10T00:00")


@pytest.mark.parametrize("calendar", ["XNYS", "XLON", "XTKS", "24/7"])
@pytest.mark.parametrize("at", ["close", "open"])
def test_no_open_was_made_before_the_decision_that_could_trade_at_it(calendar, at):
    """An order decided at one decision may fill at the open of the next cell, so that price must lie after it."""
    panels = world(missing=0.1)
    aligned = align(panels, DecisionTimes(calendar, at)).panel
    decided = aligned.known_at
    for column, panel in enumerate(panels):
        exchange = trading_calendar(panel.card.declaration.calendar)
        made_at = pd.Series(exchange.opens(panel.sessions), panel.fields["open"][:, 0])
        opens = pd.Series(aligned.fields["open"][1:, column], decided[:-1]).dropna()
        assert (made_at[opens.to_numpy()].to_numpy() >= opens.index.to_numpy()).all()
        own_decisions = (panel.card.declaration.calendar, at) == (calendar, "close")
        assert own_decisions <= (len(opens) == aligned.traded[1:, column].sum())
    assert np.isfinite(aligned.fields["open"]).any()


def test_the_bar_after_lunch_begins_after_lunch():
    panel = halves("2024-06-03", "2024-06-05")
    opened = replace(panel, fields={"close": panel.closes, "open": panel.closes - 0.5})
    opens = align([opened], DecisionTimes("XTKS", "12:00")).panel.fields["open"]
    assert opens[:, 0].tolist() == [99.5, 100.5, 102.5]  # the afternoon before begins at 12:30, after the decision


def test_a_value_unknown_in_one_bar_is_unknown_in_their_union():
    panel = simulated("24/7", "2024-06-03", "2024-06-10")
    fields = {name: values.copy() for name, values in panel.fields.items()}
    row = panel.sessions.get_loc(pd.Timestamp("2024-06-08"))
    for name in ("high", "volume"):
        fields[name][row] = np.nan
    aligned = align([replace(panel, fields=fields)], NEW_YORK)
    assert np.isnan(cell(aligned, "2024-06-10", "24/7:A", "high"))
    assert np.isnan(cell(aligned, "2024-06-10", "24/7:A", "volume"))
    assert cell(aligned, "2024-06-10", "24/7:A", "low") == np.nanmin(fields["low"][row - 1 : row + 2])


def halves(start, end):
    """Bars of Tokyo's mornings and afternoons."""
    schedule = trading_calendar("XTKS").schedule(start, end)
    known = pd.DatetimeIndex(np.column_stack([schedule["break_start"], schedule["close"]]).ravel(), tz="UTC")
    close = 100.0 + np.arange(len(known))[:, None]
    return Panel(
        sessions=pd.DatetimeIndex(np.repeat(schedule.index.to_numpy(), 2)),
        known_at=known.as_unit("us"),
        assets=("HALF",),
        fields={"close": close},
        status=np.full(close.shape, CellStatus.TRADED, dtype=np.int8),
        sectors={},
        card=card_of("XTKS", ("close",), frequency="150min"),
    )


def test_a_decision_at_lunch_sees_the_morning_only():
    panel = halves("2024-06-03", "2024-06-07")
    at_lunch, at_close = (align([panel], DecisionTimes("XTKS", at)) for at in ("12:00", "close"))
    assert cell(at_lunch, "2024-06-05", "HALF") == 104.0
    assert cell(at_close, "2024-06-05", "HALF") == 105.0
    assert at_lunch.bars[1:, 0].tolist() == [2, 2, 2, 2]  # the afternoon before, then the morning
    assert at_close.panel.card.declaration.frequency == "1D"


def test_fields_that_not_every_panel_has_are_left_out_and_named():
    aligned = align([simulated("XNYS", "2024-06-03", "2024-06-07"), halves("2024-06-03", "2024-06-07")], NEW_YORK)
    assert set(aligned.panel.fields) == {"close"}
    assert any("left out: high, low, open, volume" in note for note in aligned.panel.card.declaration.notes)


def test_the_card_names_every_source_and_the_weakest_universe():
    panels = world()
    panels[1] = replace(panels[1], card=panels[1].card.restated(universe="survivors"))
    card = align(panels, NEW_YORK).panel.card
    assert card.declaration.source == "prices of XNYS + prices of XLON + prices of XTKS + prices of 24/7"
    assert (card.declaration.calendar, card.declaration.timezone, card.declaration.universe) == (
        "XNYS",
        "America/New_York",
        "survivors",
    )
    assert card.fingerprint.startswith("sha256:")


def test_an_asset_is_unlisted_before_its_exchange_is_known():
    late = simulated("XTKS", "2024-03-01", "2024-12-30")
    aligned = align([world()[0], late], NEW_YORK)
    assert status(aligned, "2024-02-28", "XTKS:A") == CellStatus.UNLISTED
    assert status(aligned, "2024-03-01", "XTKS:A") == CellStatus.TRADED


def test_a_panel_that_ends_first_ends_the_result():
    panels = world()
    aligned = align([panels[0], panels[2].until("2024-06-28")], NEW_YORK)
    assert aligned.panel.sessions[-1] == pd.Timestamp("2024-06-28")
    assert status(aligned, "2024-06-28", "XTKS:A") == CellStatus.TRADED


def silent_from(panel, session, code):
    row = panel.sessions.get_loc(pd.Timestamp(session))
    codes = panel.status.copy()
    codes[row:] = code
    fields = {name: np.where(codes == CellStatus.TRADED, values, np.nan) for name, values in panel.fields.items()}
    return replace(panel, status=codes, fields=fields)


def test_a_halt_stays_one_while_its_exchange_is_open_and_an_end_stays_an_end():
    panels = world()
    halted = silent_from(panels[1], "2024-12-02", CellStatus.HALTED)
    ended = silent_from(panels[2], "2024-06-03", CellStatus.DELISTED)
    aligned = align([panels[0], halted, ended], NEW_YORK)
    assert status(aligned, "2024-12-03", "XLON:A") == CellStatus.HALTED
    assert status(aligned, "2024-06-03", "XTKS:A") == CellStatus.DELISTED
    assert status(aligned, "2024-12-30", "XTKS:A") == CellStatus.DELISTED


def test_a_day_of_rest_does_not_delist_what_is_halted():
    """London rests on Boxing Day, after more silent sessions than a delisting takes."""
    panels = world()
    halted = silent_from(panels[1], "2024-12-02", CellStatus.HALTED)
    halted = replace(halted, silence=SilenceRule(delisted_after_sessions=5))
    aligned = align([replace(panels[0], silence=SilenceRule(delisted_after_sessions=5)), halted], NEW_YORK)
    assert status(aligned, "2024-12-26", "XLON:A") == CellStatus.HALTED
    assert not delisted_as_known(aligned.panel)[:, 1].any()


def test_a_stated_end_is_read_on_the_decisions():
    panels = world()
    rule = SilenceRule(ended={"XTKS:A": date(2024, 12, 20)})
    ended = replace(silent_from(panels[2], "2024-12-23", CellStatus.DELISTED), silence=rule)
    aligned = align([panels[0], ended], NEW_YORK)
    assert status(aligned, "2024-12-20", "XTKS:A") == CellStatus.TRADED
    assert status(aligned, "2024-12-23", "XTKS:A") == CellStatus.DELISTED


def test_actions_are_dated_by_the_decision_that_first_sees_them():
    panels = world()
    actions = CorporateActions(
        splits=(Split(date(2024, 7, 4), "XTKS:A", 2.0),),
        dividends=(CashDividend(date(2024, 6, 5), "XTKS:A", 1.0, date(2024, 8, 1)),),
        delistings=(Delisting(date(2024, 12, 30), "XTKS:A", 5.0),),
    )
    aligned = align([panels[0], replace(panels[2], actions=actions)], NEW_YORK)
    found = aligned.panel.actions
    assert found.splits == (Split(date(2024, 7, 5), "XTKS:A", 2.0),)  # New York rested on the 4th
    assert found.dividends == (CashDividend(date(2024, 6, 5), "XTKS:A", 1.0, date(2024, 8, 1)),)
    assert found.delistings == (Delisting(date(2024, 12, 30), "XTKS:A", 5.0),)
    home = CorporateActions(splits=(Split(date(2024, 6, 5), "XNYS:A", 2.0),))
    seen_in_tokyo = align([replace(panels[0], actions=home), panels[2]], DecisionTimes("XTKS"))
    assert seen_in_tokyo.panel.actions.splits == (Split(date(2024, 6, 6), "XNYS:A", 2.0),)


def test_actions_are_in_the_fingerprint():
    panels = world()
    dividend = CorporateActions(dividends=(CashDividend(date(2024, 6, 3), "XNYS:A", 0.5),))
    with_dividend = align([replace(panels[0], actions=dividend), *panels[1:]], NEW_YORK).panel
    without = align(panels, NEW_YORK).panel
    np.testing.assert_array_equal(with_dividend.closes, without.closes)
    assert with_dividend.card.fingerprint != without.card.fingerprint


def test_actions_before_a_panel_begins_keep_their_days():
    """Dated by the first decision, two old splits, or equal dividends of two quarters, would stand there twice."""
    early, late = simulated("XTKS", "2024-01-04", "2024-06-28"), simulated("XNYS", "2024-03-01", "2024-06-28")
    actions = CorporateActions(
        splits=(Split(date(2014, 6, 9), "XNYS:A", 7.0), Split(date(2020, 8, 31), "XNYS:A", 4.0)),
        dividends=(CashDividend(date(2023, 5, 12), "XNYS:A", 0.24), CashDividend(date(2023, 8, 11), "XNYS:A", 0.24)),
        renames=(Rename(date(2001, 1, 2), "XNYS:A", "OLD"), Rename(date(2002, 1, 2), "XNYS:A", "NEW")),
    )
    assert align([early, replace(late, actions=actions)], NEW_YORK).panel.actions == actions


def test_an_asset_ends_with_the_decision_that_sees_its_last_bar():
    """Tokyo's afternoon is seen at the next lunch, so that is where an asset that ended with it was last traded."""
    panel, last = halves("2024-06-03", "2024-06-14"), date(2024, 6, 6)
    codes = np.where(np.asarray(panel.sessions <= pd.Timestamp(last))[:, None], panel.status, CellStatus.DELISTED)
    fields = {"close": np.where(codes == CellStatus.TRADED, panel.closes, np.nan)}
    actions = CorporateActions(delistings=(Delisting(last, "HALF", 50.0),))
    silence = SilenceRule(ended={"HALF": last})
    ended = replace(panel, fields=fields, status=codes.astype(np.int8), actions=actions, silence=silence)
    result = align([ended], DecisionTimes("XTKS", "12:00"))
    aligned = result.panel
    assert status(result, "2024-06-07", "HALF") == CellStatus.TRADED
    assert aligned.actions.delistings == (Delisting(date(2024, 6, 7), "HALF", 50.0),)
    assert aligned.silence.ended == {"HALF": date(2024, 6, 7)}
    assert (aligned.status[5:] == CellStatus.DELISTED).all()


def test_raw_prices_of_two_scales_are_not_merged():
    panel = simulated("XTKS", "2024-06-03", "2024-07-31")
    actions = CorporateActions(splits=(Split(date(2024, 7, 5), "XTKS:A", 2.0),))
    raw = replace(panel, card=panel.card.restated(adjustment="raw"), actions=actions)
    with pytest.raises(DataError, match="split of XTKS:A on 2024-07-05 falls between bars.*Adjust the panel"):
        align([raw], NEW_YORK)
    assert align([raw], DecisionTimes("XTKS")).panel.actions == actions


def test_a_fault_is_dated_by_the_decision_that_first_sees_it():
    panels = world()
    fault = DataFault("missing_session", "XNYS:A", date(2024, 6, 5), date(2024, 6, 5), 1, "a test")
    aligned = align([replace(panels[0], faults=(fault,)), panels[2]], DecisionTimes("XTKS"))
    assert [found.last for found in aligned.panel.faults] == [date(2024, 6, 6)]
    assert not aligned.panel.until("2024-06-05").faults


def test_membership_is_what_was_last_stated():
    panels = world()
    members = np.ones(panels[0].status.shape, dtype=bool)
    row = panels[0].sessions.get_loc(pd.Timestamp("2024-06-05"))
    members[row:] = False
    aligned = align([replace(panels[0], members=members), panels[2]], DecisionTimes("XTKS"))
    eligible = pd.DataFrame(aligned.panel.eligible, index=aligned.panel.sessions)
    assert eligible.loc["2024-06-05"].tolist() == [True, True]
    assert eligible.loc["2024-06-06"].tolist() == [False, True]


def test_an_asset_is_no_member_before_its_panel_begins():
    late = simulated("XNYS", "2024-06-03", "2024-12-30")
    late = replace(late, members=np.ones(late.status.shape, dtype=bool))
    eligible = align([late, simulated("XTKS", "2024-01-04", "2024-12-30")], DecisionTimes("XTKS")).panel.eligible
    begins = int(np.searchsorted(sessions_of("XTKS", "2024-01-04", "2024-12-30")[0], np.datetime64("2024-06-04")))
    assert eligible[:, 0].tolist() == [False] * begins + [True] * (len(eligible) - begins)
    assert eligible[:, 1].all()


@settings(max_examples=8)
@given(seed=st.integers(0, 10_000), cut=st.integers(10, 75), calendar=st.sampled_from(["XNYS", "XLON", "XTKS", "24/7"]))
def test_bars_known_later_change_no_cell_decided_before(seed, cut, calendar):
    panels, others = spring(seed=seed, missing=0.05), spring(seed=seed + 1, missing=0.3)
    decisions = DecisionTimes(calendar)
    aligned = align(panels, decisions)
    instant = aligned.panel.known_at[cut]
    mixed = align([spliced(panel, other, instant) for panel, other in zip(panels, others, strict=True)], decisions)
    for name in FIELDS:
        np.testing.assert_array_equal(mixed.panel.fields[name][: cut + 1], aligned.panel.fields[name][: cut + 1])
    np.testing.assert_array_equal(mixed.value_known_at[: cut + 1], aligned.value_known_at[: cut + 1])
    np.testing.assert_array_equal(mixed.bars[: cut + 1], aligned.bars[: cut + 1])
    then, now = mixed.panel.until(instant), aligned.panel.until(instant)
    np.testing.assert_array_equal(then.status, now.status)


def spliced(panel, other, instant):
    """The panel with every bar known after an instant taken from another."""
    later = (panel.known_at > instant)[:, None]
    return replace(
        panel,
        fields={name: np.where(later, other.fields[name], values) for name, values in panel.fields.items()},
        status=np.where(later, other.status, panel.status).astype(np.int8),
    )


@settings(max_examples=8)
@given(seed=st.integers(0, 1000), cut=st.integers(10, 75))
def test_a_view_of_the_result_is_the_result_of_views(seed, cut):
    panels = spring(seed=seed, missing=0.1)
    aligned = align(panels, NEW_YORK).panel
    instant = aligned.known_at[cut]
    view = align([panel.until(instant) for panel in panels], NEW_YORK).panel
    prefix = aligned.until(view.known_at[-1])
    assert view.known_at.equals(prefix.known_at)
    np.testing.assert_array_equal(view.closes, prefix.closes)
    np.testing.assert_array_equal(view.status, prefix.status)


def test_one_calendar_aligned_with_itself_stays_as_it_is():
    panel = simulated("XNYS", "2024-01-02", "2024-12-30", assets=("A", "B", "C"), missing=0.2)
    aligned = align([panel], NEW_YORK).panel
    assert aligned.sessions.equals(panel.sessions)
    np.testing.assert_array_equal(aligned.status, panel.status)
    for name in FIELDS:
        np.testing.assert_array_equal(aligned.fields[name], panel.fields[name])
    assert aligned.card.fingerprint == content_fingerprint(panel.sessions, panel.assets, panel.fields, panel.status)


@pytest.mark.parametrize(
    ("panels", "words"),
    [
        (lambda: [], "nothing to align"),
        (lambda: [world()[0], world()[0]], r"in two panels: 'XNYS:A' \(prices of XNYS on XNYS; prices of XNYS"),
        (
            lambda: [
                world()[0],
                replace(world()[1], card=world()[1].card.restated(adjustment="raw")),
            ],
            "different adjustment.*prices of XLON: raw",
        ),
        (
            lambda: [simulated("XNYS", "2020-01-02", "2020-02-03"), simulated("XTKS", "2024-01-04", "2024-02-05")],
            None,
        ),
        (lambda: [simulated("24/7", "2024-06-08", "2024-06-09")], "No decision of XNYS lies within all"),
    ],
)
def test_what_cannot_be_aligned_is_refused(panels, words):
    given = panels()
    if words is None:  # the later panel is simply not listed yet
        assert (align(given, NEW_YORK).panel.status[:, 1] == CellStatus.UNLISTED).all()
        return
    with pytest.raises(DataError, match=words):
        align(given, NEW_YORK)


def test_a_dividend_is_not_paid_before_the_decision_that_sees_it():
    """Tokyo trades without it, and pays it, on a day on which New York rests."""
    panels = world()
    actions = CorporateActions(dividends=(CashDividend(date(2024, 7, 4), "XTKS:A", 1.0, date(2024, 7, 4)),))
    aligned = align([panels[0], replace(panels[2], actions=actions)], NEW_YORK)
    day = date(2024, 7, 5)
    assert aligned.panel.actions.dividends == (CashDividend(day, "XTKS:A", 1.0, day),)
