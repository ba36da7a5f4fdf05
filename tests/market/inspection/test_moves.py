import numpy as np
import pandas as pd
import pytest

from quantdl.calendars import trading_calendar
from quantdl.market.inspection.census import take_census
from quantdl.market.inspection.moves import spike_and_revert
from quantdl.market.sources.frames import panel_from_frame


def panel_of(declaration, closes):
    days = trading_calendar("XNYS").sessions("2023-01-03", "2023-02-28")[: len(closes)]
    return panel_from_frame(pd.DataFrame({"A": closes, "Z": 5.0}, index=days), declaration)


@pytest.mark.parametrize(
    ("closes", "spiked"),
    [
        ([10, 20, 10.2, 10], True),
        ([10, 20, 10, 10], True),
        ([10, 4, 10, 10], True),  # the other way
        ([10, 20, 12, 12], False),  # 74 % undone in logarithms
        ([10, 20, 8, 8], False),  # overdone by a third
        ([10, 14, 10, 10], False),  # 40 % is no large return
        ([10, 20, np.nan, 10], False),  # who knows what happened on the day between
        ([10, 20, 20, 10], False),
    ],
)
def test_a_spike_is_a_large_move_that_the_next_bar_undoes(declaration, closes, spiked):
    assert spike_and_revert(panel_of(declaration, closes))[:, 0].tolist() == [False, spiked, False, False]


def test_a_spike_on_the_last_bar_is_not_known_yet(declaration):
    panel = panel_of(declaration, [10.0, 20.0, 10.0])
    assert not spike_and_revert(panel.until(panel.sessions[1])).any()


def test_the_three_closes_of_a_spike_are_named(declaration):
    faults = take_census(panel_of(declaration, [10.0, 20.0, 10.5, 10.5])).faults
    (spike,) = [fault for fault in faults if fault.kind == "spike_and_revert"]
    assert spike.detail == "Closes 10, 20, 10.5."
