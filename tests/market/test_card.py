from dataclasses import FrozenInstanceError, replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from quantdl.calendars import CalendarCorrection
from quantdl.errors import DataError
from quantdl.market.card import DataCard, IntradayBars, SilenceRule, content_fingerprint

SESSIONS = pd.DatetimeIndex(["2024-01-02", "2024-01-03"])


def fingerprint(closes, assets=("A", "B"), sessions=SESSIONS, status=None):
    closes = np.asarray(closes, dtype=float)
    status = np.where(np.isnan(closes), 2, 1) if status is None else status
    return content_fingerprint(sessions, assets, {"close": closes}, np.asarray(status))


def test_the_fingerprint_does_not_depend_on_the_order_of_assets():
    assert fingerprint([[1, 2], [3, 4]]) == fingerprint([[2, 1], [4, 3]], assets=("B", "A"))


def test_the_fingerprint_does_not_depend_on_the_unit_of_time_or_the_kind_of_nan():
    other = np.array([[1, -np.nan], [3, 4]])
    assert fingerprint([[1, np.nan], [3, 4]], sessions=SESSIONS.as_unit("ns")) == fingerprint(
        other, sessions=SESSIONS.as_unit("s")
    )


@pytest.mark.parametrize(
    "changed",
    [
        lambda: fingerprint([[1, 2], [3, np.nextafter(4, 5)]]),
        lambda: fingerprint([[1, 2], [3, np.nan]]),
        lambda: fingerprint([[1, 2], [3, 4]], assets=("A", "C")),
        lambda: fingerprint([[1, 2], [3, 4]], sessions=SESSIONS + pd.Timedelta(days=1)),
        lambda: fingerprint([[1, 2], [3, 4]], status=[[1, 1], [1, 3]]),
    ],
)
def test_any_change_of_content_changes_the_fingerprint(changed):
    assert changed() != fingerprint([[1, 2], [3, 4]])


def test_a_declaration_names_all_its_faults_at_once(declaration):
    with pytest.raises(DataError) as caught:
        replace(declaration, adjustment="dividends", frequency="60min", timezone="Wall Street", universe="all")
    for words in (
        "adjustment: given 'dividends'; expected 'raw' or 'split'",
        "intraday: given nothing for bars of '60min'",
        "'America/New_York'",
        "universe",
        "'dividends'",
    ):
        assert words in str(caught.value)


def test_a_declaration_cannot_be_changed(declaration):
    with pytest.raises(FrozenInstanceError):
        declaration.adjustment = "raw"


CUT = IntradayBars(labelled="start", anchored="open")


@pytest.mark.parametrize(
    ("frequency", "intraday", "words"),
    [
        ("60min", None, "intraday: given nothing for bars of .60min.; expected how they are cut"),
        ("1D", CUT, "intraday: given for bars of 1D; expected only for bars shorter than a session"),
        (
            "1d",
            None,
            "frequency: given '1d'; expected '1D' for one bar a session, or a length below a day such as '60min'",
        ),
        ("24h", CUT, "a length below a day"),
        ("0min", CUT, "a length below a day"),
        ("1.5h", CUT, "a length below a day"),
        (None, None, "given None; expected"),
        ("7min", IntradayBars("start", "clock"), "frequency: given '7min'; expected a length that divides a day"),
    ],
)
def test_the_length_of_a_bar_and_how_it_is_cut_belong_together(declaration, frequency, intraday, words):
    with pytest.raises(DataError, match=words):
        replace(declaration, frequency=frequency, intraday=intraday)


def test_how_bars_are_cut_has_no_default():
    with pytest.raises(TypeError, match="labelled"):
        IntradayBars(anchored="open")
    with pytest.raises(TypeError, match="anchored"):
        IntradayBars(labelled="start")


def test_the_fingerprint_of_bars_within_sessions_knows_when_they_were_known():
    closes, status = np.ones((2, 1)), np.ones((2, 1))
    sessions = SESSIONS[[0, 0]]
    prints = {
        content_fingerprint(sessions, ("A",), {"close": closes}, status, pd.DatetimeIndex(known).tz_localize("UTC"))
        for known in (["2024-01-02 15:00", "2024-01-02 16:00"], ["2024-01-02 15:00", "2024-01-02 17:00"])
    }
    assert len(prints) == 2


def test_a_silence_of_less_than_no_session_is_refused(declaration):
    with pytest.raises(DataError, match="delisted_after_sessions: given -1; expected a number of sessions, 0 or more"):
        replace(declaration, silence=SilenceRule(-1))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"labelled": "middle"}, "labelled: given 'middle'; expected 'start' or 'end'"),
        ({"anchored": "noon"}, "anchored: given 'noon'; expected 'open' or 'clock'"),
        ({"times_in": "EST5"}, "times_in: given 'EST5'; expected an IANA name"),
    ],
)
def test_how_bars_are_cut_is_one_of_two_ways(change, words):
    with pytest.raises(DataError, match=words):
        replace(CUT, **change)


def test_a_card_says_what_changed_and_keeps_the_rest(declaration):
    card = DataCard(declaration, ("close",), "sha256:0")
    later = card.restated("Found to be survivors.", universe="survivors")
    assert later.declaration == replace(declaration, universe="survivors", notes=("Found to be survivors.",))
    assert card.restated("Adjusted.", adjustment="raw").declaration.adjustment == "raw"
    assert (later.fields, later.fingerprint) == (card.fields, card.fingerprint)


def test_the_calendar_of_a_declaration_has_its_corrections(declaration):
    correction = CalendarCorrection(source="a notice", strike=date(2024, 5, 30))
    corrected = replace(declaration, calendar_corrections=(correction,))
    assert declaration.trading_calendar().is_session("2024-05-30")
    assert not corrected.trading_calendar().is_session("2024-05-30")
    # 2024 had 252 sessions in New York (NYSE).
    assert declaration.trading_calendar().bars_per_year("2024-01-02", "2024-12-31") == 252
    assert corrected.trading_calendar().bars_per_year("2024-01-02", "2024-12-31") == 251


@pytest.mark.parametrize("frequency", ["1W", "1M"])
def test_a_week_and_a_month_are_frequencies_of_their_own(declaration, frequency):
    assert replace(declaration, frequency=frequency).frequency == frequency
    with pytest.raises(DataError, match=f"given for bars of {frequency}; expected only for bars shorter"):
        replace(declaration, frequency=frequency, intraday=IntradayBars("end", "open"))
