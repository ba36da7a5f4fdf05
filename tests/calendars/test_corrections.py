"""What is corrected, and that it still has to be."""

import pandas as pd
import pytest

from quantdl.calendars.corrections import CORRECTIONS, corrected
from quantdl.calendars.library import LibraryCalendar


@pytest.mark.slow
@pytest.mark.parametrize("item", CORRECTIONS, ids=lambda item: f"{item.calendar}-{item.session}")
def test_every_correction_still_corrects_something(item):
    session = pd.Timestamp(item.session)
    calendar = LibraryCalendar(item.calendar)
    exact = calendar.read(session, session)
    uncorrected = calendar._exchange(session, session) if calendar.is_mirrored else calendar._listed(session, session)
    assert (exact["open"] != uncorrected["open"]).all()
    assert item.source


def test_a_correction_touches_no_other_calendar():
    schedule = LibraryCalendar("XNYS").read(pd.Timestamp("2021-11-15"), pd.Timestamp("2021-11-19"))
    pd.testing.assert_frame_equal(corrected("XNYS", "America/New_York", schedule), schedule)
