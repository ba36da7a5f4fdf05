from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as some

from quantdl.market.actions import CashDividend, CorporateActions, Delisting, Split
from quantdl.market.data_fault import DataFault
from quantdl.market.panel import Panel
from quantdl.market.status import CellStatus
from quantdl.market.storage.revisions import Revision, compare, revision_faults, with_revisions
from tests.market.dirty_panels import FIELDS, dirty_panel
from tests.panels import in_hours

PANEL = dirty_panel(120)


def changed(panel, cells):
    """The panel with other values at (row, symbol, field); None takes the value away."""
    fields = {name: values.copy() for name, values in panel.fields.items()}
    for (row, symbol, name), value in cells.items():
        fields[name][row, panel.assets.index(symbol)] = np.nan if value is None else value
    status = panel.status.copy()
    status[np.isnan(fields["close"]) & (status == CellStatus.TRADED)] = CellStatus.MISSING
    status[~np.isnan(fields["close"])] = CellStatus.TRADED
    return replace(panel, fields=fields, status=status)


def day(row):
    return PANEL.sessions[row].date()


def test_a_panel_revises_nothing_against_itself():
    assert compare(PANEL, dirty_panel(120)) == ()


def test_one_corrected_close_is_one_revision():
    old = float(PANEL.closes[50, 0])
    (found,) = compare(PANEL, changed(PANEL, {(50, "NA", "close"): 7.5}))
    assert found == Revision("NA", day(50), "close", old, 7.5, day(50))
    assert str(found) == f"NA: close on {day(50)}: {old!r} before, 7.5 now."


def test_the_last_bit_of_a_price_counts():
    nearest = float(np.nextafter(PANEL.closes[50, 0], np.inf))
    (found,) = compare(PANEL, changed(PANEL, {(50, "NA", "close"): nearest}))
    assert (found.field, found.new) == ("close", nearest)


def test_new_sessions_and_new_assets_are_no_revision():
    assert compare(PANEL.until(PANEL.sessions[80]).select(["NA", "TRUE"]), PANEL) == ()


def test_a_day_that_vanished_is_one_revision_for_all_of_its_fields():
    (found,) = compare(PANEL, changed(PANEL, {(50, "NA", name): None for name in FIELDS}))
    assert (found.field, found.new, found.count) == (", ".join(FIELDS), None, 1)


def test_a_stretch_that_vanished_is_one_revision():
    gone = {(row, "NA", name): None for row in range(50, 60) for name in FIELDS}
    (found,) = compare(PANEL, changed(PANEL, gone))
    assert (found.session, found.last, found.count, found.new) == (day(50), day(59), 10, None)
    assert "10 values vanished from" in str(found)


def test_an_asset_that_vanished_is_named():
    found = compare(PANEL, PANEL.select(PANEL.assets[1:]))
    assert {revision.symbol for revision in found} == {"NA"}
    close = next(revision for revision in found if "close" in revision.field)
    assert (close.count, close.new) == (120, None)


def test_sessions_that_vanished_at_either_end_are_named():
    found = compare(PANEL, PANEL.between(PANEL.sessions[10], PANEL.sessions[109]))
    ends = {(revision.session, revision.last) for revision in found if revision.symbol == "TRUE"}
    assert ends == {(day(0), day(9)), (day(110), day(119))}


def test_a_field_that_vanished_is_named_for_every_asset():
    fields = {name: values for name, values in PANEL.fields.items() if name != "volume"}
    found = compare(PANEL, replace(PANEL, fields=fields))
    assert {revision.symbol for revision in found} == set(PANEL.assets)
    assert {revision.field for revision in found} == {"volume"}


def test_a_value_where_there_was_none_has_appeared():
    (found,) = compare(PANEL, changed(PANEL, {(11, "TRUE", "close"): 3.0}))
    assert (found.session, found.old, found.new) == (day(11), None, 3.0)


def rescaled(panel, symbol, factor, until, decimals=None):
    """What a vendor serves after a split: prices times the factor, volume divided by it, up to a row."""
    fields = {name: values.copy() for name, values in panel.fields.items()}
    column = panel.assets.index(symbol)
    for name, values in fields.items():
        scaled = values[: until + 1, column] * (1 / factor if name == "volume" else factor)
        values[: until + 1, column] = scaled if decimals is None else scaled.round(decimals)
    return replace(panel, fields=fields)


def test_a_rescaled_history_is_one_revision_for_the_prices_and_one_for_volume():
    prices, volume = compare(PANEL, rescaled(PANEL, "TRUE", 0.25, 79))
    assert (prices.field, prices.factor, prices.last) == ("open, high, low, close", pytest.approx(0.25), day(79))
    assert (volume.field, volume.factor) == ("volume", pytest.approx(4.0))
    assert f"rescaled by 0.25 up to {day(79)}" in str(prices)
    assert prices.old == float(PANEL.fields["open"][0, 2])


def test_a_true_revision_inside_a_rescaled_history_is_still_told():
    scaled = rescaled(PANEL, "TRUE", 0.5, 119)
    spoiled = changed(scaled, {(60, "TRUE", "close"): 99.0})
    found = compare(PANEL, spoiled)
    (single,) = [revision for revision in found if revision.factor is None]
    assert (single.session, single.field, single.new) == (day(60), "close", 99.0)
    assert sum(revision.factor is not None for revision in found) == 3  # three prices, the close, the volume


def test_many_single_changes_are_told_as_one_with_their_number():
    generator = np.random.default_rng(0)
    cells = {(row, "NA", "close"): float(generator.random()) for row in range(20, 60)}
    (found,) = compare(PANEL, changed(PANEL, cells))
    assert (found.count, found.factor, found.session, found.last) == (40, None, day(20), day(59))
    assert "40 values changed from" in str(found)


def test_bars_within_a_session_are_told_apart_by_their_instant():
    sessions = pd.DatetimeIndex(np.repeat(PANEL.sessions[:20], 6))
    known = sessions.tz_localize("UTC") + pd.to_timedelta(np.tile(np.arange(15, 21), 20), unit="h")
    bars = replace(PANEL, sessions=sessions, known_at=known, card=in_hours(PANEL.card))
    (found,) = compare(bars, changed(bars, {(50, "NA", "close"): 7.5}))
    assert (found.session, found.known_at) == (sessions[50].date(), known[50])
    assert f"bar known at {known[50]}" in str(found)


def with_actions(**kinds):
    return replace(PANEL, actions=CorporateActions(**kinds))


def test_a_split_that_the_source_lost_overnight_is_a_revision():
    split = Split(day(40), "NA", 2.0)
    (found,) = compare(with_actions(splits=(split,)), with_actions())
    assert found == Revision("NA", day(40), "split", 2.0, None, day(40))


def test_a_split_recorded_the_other_way_round_is_a_revision():
    old, new = (with_actions(splits=(Split(day(40), "NA", ratio),)) for ratio in (2.0, 0.5))
    (found,) = compare(old, new)
    assert (found.field, found.old, found.new) == ("split", 2.0, 0.5)


def test_a_split_applied_twice_is_a_revision():
    once, twice = (with_actions(splits=(Split(day(40), "NA", ratio),)) for ratio in (2.0, 4.0))
    (found,) = compare(once, twice)
    assert (found.old, found.new) == (2.0, 4.0)


def test_late_news_of_a_past_dividend_and_a_changed_pay_date_are_revisions():
    paid = CashDividend(day(40), "NA", 0.5, day(60))
    assert [item.field for item in compare(with_actions(), with_actions(dividends=(paid,)))] == ["dividend", "pay_date"]
    later = replace(paid, pay_date=day(61))
    (found,) = compare(with_actions(dividends=(paid,)), with_actions(dividends=(later,)))
    assert (found.field, found.old, found.new) == ("pay_date", day(60).isoformat(), day(61).isoformat())


def test_two_dividends_of_one_day_count_together():
    one = with_actions(dividends=(CashDividend(day(40), "NA", 0.75),))
    two = with_actions(dividends=(CashDividend(day(40), "NA", 0.5), CashDividend(day(40), "NA", 0.25)))
    assert compare(one, two) == ()


def test_actions_after_the_last_ingest_are_no_revision():
    after = PANEL.sessions[-1].date() + pd.Timedelta(days=1)
    assert compare(with_actions(), with_actions(splits=(Split(after, "NA", 2.0),))) == ()


def test_a_terminal_value_that_became_known_is_a_revision():
    old, new = (with_actions(delistings=(Delisting(day(60), "MAR 1", value),)) for value in (None, 0.0))
    (found,) = compare(old, new)
    assert (found.field, found.old, found.new) == ("delisting", "value unknown", 0.0)


def test_revisions_become_faults_with_symbol_session_old_and_new():
    revisions = compare(PANEL, changed(PANEL, {(50, "NA", "close"): 7.5}))
    assert revision_faults(revisions) == (DataFault("revision", "NA", day(50), day(50), 1, str(revisions[0])),)
    revised = with_revisions(PANEL, revisions)
    assert revised.faults == (*PANEL.faults, *revision_faults(revisions))


@given(some.lists(some.tuples(some.integers(0, 119), some.sampled_from(FIELDS)), unique=True, max_size=12))
def test_every_changed_value_is_told_and_no_other(cells):
    """NA trades throughout; cells outside its odd ones are changed each by its own factor."""
    free = [(row, name) for row, name in cells if row > 6]
    new = changed(PANEL, {(row, "NA", name): 1000.0 + position for position, (row, name) in enumerate(free)})
    told = {(revision.session, revision.field) for revision in compare(PANEL, new)}
    assert told == {(day(row), name) for row, name in free}


@pytest.mark.slow
def test_a_split_of_one_stock_in_the_nasdaq_panel_is_two_revisions(databank):
    from quantdl.market.card import Declaration
    from quantdl.market.sources import load_parquet

    stated = Declaration(
        source="NASDAQ",
        timezone="America/New_York",
        frequency="1D",
        adjustment="split",
        calendar="NASDAQ",
        as_of=date(2017, 12, 8),
        licence="for tests",
        on_fault="record",
    )
    panel: Panel = load_parquet(databank / "nasdaq_ohlcv.parquet", stated)
    prices, volume = compare(panel, rescaled(panel, "AAPL", 0.25, len(panel.sessions) - 1))
    assert (prices.symbol, prices.field, prices.factor) == ("AAPL", "open, high, low, close", pytest.approx(0.25))
    assert (volume.symbol, volume.field, volume.factor) == ("AAPL", "volume", pytest.approx(4.0))
