"""Corporate actions put on a panel: what does not fit its prices is named, all at once."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from quantdl.errors import DataError
from quantdl.market.actions import CashDividend, CorporateActions, Delisting, Rename, Split
from quantdl.market.corporate.attachment import with_actions
from quantdl.market.corporate.effects import effects
from quantdl.market.status import CellStatus
from tests.backtest.worlds import world
from tests.raw_panels import raw_world

CLOSES = np.full((12, 2), 100.0)


def test_every_misfit_is_named_at_once():
    panel = raw_world(CLOSES)
    actions = CorporateActions(
        splits=(Split(date(2018, 1, 5), "A0", 2.0), Split(date(2018, 1, 10), "A01", 2.0)),
        renames=(Rename(date(2018, 1, 5), "ZZZZ", "Y"),),
        delistings=(Delisting(date(2018, 1, 8), "A01", 3.0),),
    )
    with pytest.raises(DataError) as error:
        with_actions(panel, actions)
    text = str(error.value)
    assert "got actions of 'A0'; expected assets of the panel. Fix: did you mean 'A0" in text
    assert "got actions of 'ZZZZ'" in text
    assert "A01: got the last session 2018-01-08, but a bar on 2018-01-09" in text
    assert "A01: got the last session 2018-01-08, but the ex-date 2018-01-10" in text


def test_an_ex_date_without_a_session_is_refused():
    panel = raw_world(CLOSES)
    panel = replace(
        panel,
        sessions=panel.sessions.delete(4),
        known_at=panel.known_at.delete(4),
        fields={"close": CLOSES[1:]},
        status=panel.status[1:],
    )
    actions = CorporateActions(dividends=(CashDividend(date(2018, 1, 6), "A00", 1.0),))
    with pytest.raises(DataError, match="A00: got the ex-date 2018-01-06 \\(Saturday\\); expected a session of 24/7"):
        with_actions(panel, actions)


@pytest.mark.parametrize(
    ("adjustment", "refused"), [("raw", []), ("split", ["splits"]), ("total_return", ["splits", "dividends"])]
)
def test_what_the_prices_hold_already_cannot_be_put_on_them(adjustment, refused):
    panel = world(CLOSES)
    panel = replace(panel, card=panel.card.restated(adjustment=adjustment))
    day = date(2018, 1, 5)
    both = CorporateActions(splits=(Split(day, "A00", 2.0),), dividends=(CashDividend(day, "A00", 1.0),))
    if not refused:
        assert with_actions(panel, both).actions == both
        return
    with pytest.raises(DataError) as error:
        with_actions(panel, both)
    assert [kind for kind in ("splits", "dividends") if f"got 1 {kind}" in str(error.value)] == refused
    assert "would count twice" in str(error.value)


def test_an_asset_is_delisted_from_the_session_after_its_stated_end():
    closes = CLOSES.copy()
    closes[8:, 0] = np.nan  # silent for four sessions: too short to be read as an end
    panel = raw_world(closes)
    assert (panel.status[8:, 0] == CellStatus.MISSING).all()
    ended = with_actions(panel, CorporateActions(delistings=(Delisting(panel.sessions[8].date(), "A00", 2.0),)))
    assert list(ended.status[7:, 0]) == [CellStatus.TRADED, CellStatus.MISSING] + 3 * [CellStatus.DELISTED]
    assert ended.until(ended.sessions[8]).status[8, 0] == CellStatus.MISSING  # its end is not known before it came


def test_actions_outside_the_panel_are_kept():
    actions = CorporateActions(splits=(Split(date(1999, 1, 4), "A00", 2.0), Split(date(2040, 1, 4), "A00", 2.0)))
    assert with_actions(raw_world(CLOSES), actions).actions == actions


def test_another_dividend_is_another_fingerprint():
    panel = raw_world([[100.0], [50.0], [51.0]])
    day = panel.sessions[1].date()
    cards = [
        with_actions(panel, CorporateActions(dividends=(CashDividend(day, panel.assets[0], amount),))).card
        for amount in (0.5, 5.0, 0.5)
    ]
    assert cards[0].fingerprint == cards[2].fingerprint != cards[1].fingerprint
    assert with_actions(panel, CorporateActions()).card.fingerprint not in {card.fingerprint for card in cards}


def test_an_ex_date_within_a_week_takes_effect_on_the_bar_of_the_week():
    """Weeks of January 2018 to the 5th, 12th and 19th; a split on Wednesday the 10th halves the close of the 12th."""
    labels = pd.DatetimeIndex(["2018-01-05", "2018-01-12", "2018-01-19"])
    daily = raw_world([[100.0], [50.0], [50.0]])
    weekly = replace(daily.card, declaration=replace(daily.card.declaration, frequency="1W", calendar="XNYS"))
    known_at = labels.tz_localize("UTC") + pd.Timedelta(hours=21)
    panel = replace(daily, sessions=labels, known_at=known_at, card=weekly)
    asset = panel.assets[0]
    split = CorporateActions(splits=(Split(date(2018, 1, 10), asset, 2.0),))
    assert [effect.row for effect in effects(with_actions(panel, split))] == [1]
    ended = CorporateActions(delistings=(Delisting(date(2018, 1, 17), asset, 3.0),))
    assert with_actions(panel, ended).traded.all()  # the bar of that week holds its last trades
    sunday = CorporateActions(splits=(Split(date(2018, 1, 7), asset, 2.0),))
    with pytest.raises(DataError, match="expected a session of XNYS"):
        with_actions(panel, sunday)
