"""Returns to learn from: observed at both ends or not at all, and a delisting ends at its terminal value."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given, strategies as st

from quantdl.errors import DataError
from quantdl.market.actions import CorporateActions, Delisting, Split
from quantdl.market.inspection.cuts import Cut, cut_histories
from quantdl.market.status import CellStatus
from quantdl.sequences import NEXT_SESSION, ReturnWindow, position_window, realised_returns
from quantdl.simulation import panel_of_closes

CLOSES = 100.0 + np.arange(24.0).reshape(12, 2)
LAST = 6  # the last bar of the second asset
ENDED = CLOSES.copy()
ENDED[LAST + 1 :, 1] = np.nan


def delisted(terminal_value, last=LAST):
    panel = panel_of_closes(ENDED)
    delisting = Delisting(panel.sessions[last].date(), panel.assets[1], terminal_value)
    return replace(panel, actions=CorporateActions(delistings=(delisting,)))


@pytest.mark.parametrize("terminal_value", [250.0, 0.01])
def test_a_window_that_ends_after_the_delisting_ends_at_its_terminal_value(terminal_value):
    returns, observed = realised_returns(delisted(terminal_value), [NEXT_SESSION, position_window(3)])
    assert np.flatnonzero(observed[:, 0, 1]).tolist() == list(range(LAST + 1))
    assert returns[LAST, 0, 1] == pytest.approx(np.log(terminal_value / CLOSES[LAST, 1]), rel=1e-6)
    assert returns[LAST - 1, 0, 1] == pytest.approx(np.log(CLOSES[LAST, 1] / CLOSES[LAST - 1, 1]), rel=1e-5)
    # From the fill one bar later over three bars: the last fill is at the last bar, decided one before it.
    assert np.flatnonzero(observed[:, 1, 1]).tolist() == list(range(LAST))
    for bar in (LAST - 3, LAST - 2, LAST - 1):
        assert returns[bar, 1, 1] == pytest.approx(np.log(terminal_value / CLOSES[bar + 1, 1]), rel=1e-6)
    assert returns[LAST - 4, 1, 1] == pytest.approx(np.log(CLOSES[LAST, 1] / CLOSES[LAST - 3, 1]), rel=1e-5)


@pytest.mark.parametrize("terminal_value", [None, 0.0])
def test_an_unknown_terminal_value_and_a_total_loss_stay_unobserved(terminal_value):
    returns, observed = realised_returns(delisted(terminal_value), [NEXT_SESSION])
    without, unobserved = realised_returns(panel_of_closes(ENDED), [NEXT_SESSION])
    np.testing.assert_array_equal(observed, unobserved)
    np.testing.assert_array_equal(returns, without)


def test_a_delisting_changes_no_other_asset_and_no_earlier_window():
    returns, observed = realised_returns(delisted(50.0), [NEXT_SESSION, position_window(3)])
    without, unobserved = realised_returns(panel_of_closes(ENDED), [NEXT_SESSION, position_window(3)])
    np.testing.assert_array_equal(returns[:, :, 0], without[:, :, 0])
    np.testing.assert_array_equal(returns[unobserved], without[unobserved])
    assert (observed & ~unobserved).sum() == 1 + 3


def test_what_was_traded_after_a_stated_end_is_what_was_traded():
    panel = panel_of_closes(ENDED)
    early = Delisting(panel.sessions[LAST - 2].date(), panel.assets[1], 50.0)
    stated = replace(panel, actions=CorporateActions(delistings=(early,)))
    returns, observed = realised_returns(stated, [NEXT_SESSION])
    without, unobserved = realised_returns(panel, [NEXT_SESSION])
    np.testing.assert_array_equal(returns, without)
    np.testing.assert_array_equal(observed, unobserved)


def test_a_history_that_was_cut_has_no_return_over_the_cut():
    """Its last close is what a holder is paid; as a label it would be a return of zero that did not happen."""
    closes = CLOSES.copy()
    closes[LAST + 1 :, 1] /= 10.0
    panel = cut_histories(panel_of_closes(closes), [Cut(1, LAST + 1, same_share=True)])
    assert panel.actions.delistings[0].terminal_value == CLOSES[LAST, 1]
    _, observed = realised_returns(panel, [NEXT_SESSION, position_window(3)])
    assert np.flatnonzero(observed[:, 0, 2]).tolist() == list(range(LAST))
    assert np.flatnonzero(observed[:, 1, 2]).tolist() == list(range(LAST - 3))
    assert np.flatnonzero(observed[:, 0, 1]).tolist() == list(range(LAST + 1, 11))


@pytest.mark.parametrize(("starts_after", "bars"), [(-1, 1), (-1, 2), (0, 0), (0, -1)])
def test_a_window_over_what_is_known_already_is_refused(starts_after, bars):
    with pytest.raises(DataError, match="Fix: forecast what comes later"):
        ReturnWindow(starts_after, bars)


def test_a_delisting_on_a_day_without_a_session_ends_at_the_session_before():
    panel = delisted(50.0)
    friday = next(bar for bar in range(12) if panel.sessions[bar].day_name() == "Friday")
    closes = CLOSES.copy()
    closes[friday + 1 :, 1] = np.nan
    saturday = panel.sessions[friday].date().toordinal() + 1
    ended = Delisting(date.fromordinal(saturday), panel.assets[1], 50.0)
    returns, observed = realised_returns(
        replace(panel_of_closes(closes), actions=CorporateActions(delistings=(ended,))), [NEXT_SESSION]
    )
    assert np.flatnonzero(observed[:, 0, 1]).tolist() == list(range(friday + 1))
    assert returns[friday, 0, 1] == pytest.approx(np.log(50.0 / closes[friday, 1]), rel=1e-6)


def test_a_window_that_leaves_the_axis_is_never_observed():
    closes = CLOSES.copy()
    closes[11:, 1] = np.nan  # delisted one bar before the end
    panel = panel_of_closes(closes)
    ended = CorporateActions(delistings=(Delisting(panel.sessions[10].date(), panel.assets[1], 50.0),))
    _, observed = realised_returns(replace(panel, actions=ended), [NEXT_SESSION, ReturnWindow(0, 2)])
    assert observed[:, 0, 1].tolist() == [True] * 11 + [False]
    assert observed[:, 1, 1].tolist() == [True] * 10 + [False] * 2


@given(st.integers(0, 11), st.integers(0, 4), st.integers(1, 5))
def test_a_view_that_ends_at_the_label_knows_the_same_label(bar, starts_after, bars):
    window, panel = ReturnWindow(starts_after, bars), delisted(30.0)
    end = bar + window.ends_after
    if end < 12:
        whole, known = realised_returns(panel, [window])
        view, seen = realised_returns(panel.until(panel.sessions[end]), [window])
        np.testing.assert_array_equal(view[bar], whole[bar])
        np.testing.assert_array_equal(seen[bar], known[bar])


@pytest.mark.parametrize("status", [CellStatus.HALTED, CellStatus.MISSING])
def test_a_halt_is_neither_a_return_of_zero_nor_an_observation(status):
    panel = panel_of_closes(CLOSES)
    closes, cells = panel.closes.copy(), panel.status.copy()
    closes[5, 0], cells[5, 0] = np.nan, status
    _, observed = realised_returns(replace(panel, fields={"close": closes}, status=cells), [NEXT_SESSION])
    assert np.flatnonzero(~observed[:, 0, 0]).tolist() == [4, 5, 11]


def test_a_price_that_is_not_positive_is_no_observation():
    panel = panel_of_closes(CLOSES)
    closes = panel.closes.copy()
    closes[5, 0] = 0.0
    returns, observed = realised_returns(replace(panel, fields={"close": closes}), [NEXT_SESSION])
    assert np.flatnonzero(~observed[:, 0, 0]).tolist() == [4, 5, 11]
    assert np.isfinite(returns).all()


def test_raw_prices_with_a_split_are_refused_with_the_fix():
    panel = panel_of_closes(CLOSES)
    split = Split(panel.sessions[5].date(), panel.assets[0], 4.0)
    raw = replace(panel, card=panel.card.restated(adjustment="raw"), actions=CorporateActions(splits=(split,)))
    with pytest.raises(DataError, match=f"{panel.assets[0]} on {split.ex_date}.*adjusted"):
        realised_returns(raw, [NEXT_SESSION])


def opened(closes=CLOSES):
    """A panel that also has opens: each a quarter of the way from the close before."""
    panel = panel_of_closes(closes)
    before = np.vstack([closes[:1], closes[:-1]])
    opens = np.where(np.isfinite(closes), np.where(np.isfinite(before), 0.75 * before + 0.25 * closes, closes), np.nan)
    return replace(panel, fields={**panel.fields, "open": opens})


@pytest.mark.parametrize("horizon", [1, 3])
def test_a_position_filled_at_the_open_earns_from_open_to_open(horizon):
    panel = opened()
    returns, observed = realised_returns(panel, [position_window(horizon, "open")])
    opens = panel.fields["open"]
    for bar in range(len(opens)):
        ends = bar + 1 + horizon
        assert observed[bar, 0].all() == (ends < len(opens))
        if ends < len(opens):
            np.testing.assert_allclose(returns[bar, 0], np.log(opens[ends] / opens[bar + 1]), rtol=1e-5)


def test_an_open_that_is_missing_or_zero_is_no_observation():
    panel = opened()
    opens = panel.fields["open"].copy()
    opens[4, 0], opens[6, 1] = 0.0, np.nan
    returns, observed = realised_returns(
        replace(panel, fields={**panel.fields, "open": opens}), [NEXT_SESSION, position_window(2, "open")]
    )
    assert not observed[[1, 3], 1, 0].any()  # ends at the fourth bar, begins at it
    assert not observed[[3, 5], 1, 1].any()
    assert observed[:-3, 1].sum() == 2 * 9 - 4
    assert observed[:-1, 0].all()  # closes are all there
    assert (returns[~observed] == 0.0).all()


def test_a_delisting_ends_a_return_from_an_open_at_its_terminal_value():
    panel = opened(ENDED)
    ended = Delisting(panel.sessions[LAST].date(), panel.assets[1], 50.0)
    panel = replace(panel, actions=CorporateActions(delistings=(ended,)))
    returns, observed = realised_returns(panel, [position_window(2, "open")])
    assert np.flatnonzero(observed[:, 0, 1]).tolist() == list(range(LAST))
    for bar in (LAST - 2, LAST - 1):
        assert returns[bar, 0, 1] == pytest.approx(np.log(50.0 / panel.fields["open"][bar + 1, 1]), rel=1e-6)


def test_without_opens_a_position_from_an_open_cannot_be_learnt():
    with pytest.raises(DataError, match="has no opens.*fill at next_close"):
        realised_returns(panel_of_closes(CLOSES), [position_window(2, "open")])


@pytest.mark.parametrize(("starts_after", "begins"), [(-1, "close"), (0, "open")])
def test_a_return_that_begins_before_the_decision_is_refused(starts_after, begins):
    with pytest.raises(DataError, match="begins at the"):
        ReturnWindow(starts_after, 1, begins)


@given(st.integers(1, 9), st.integers(1, 9))
def test_the_shares_of_the_bars_of_a_window_add_up_to_its_length(starts_after, bars):
    for begins in ("close", "open"):
        window = ReturnWindow(starts_after, bars, begins)
        assert sum(window.shares()) == pytest.approx(bars)
        assert len(window.shares()) == window.ends_after
