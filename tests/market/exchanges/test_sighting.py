"""Days of one exchange, dated by decisions that are made half a day later."""

from datetime import date

import pandas as pd
import pytest

from quantdl.errors import DataError
from quantdl.market.actions import Split
from quantdl.market.exchanges.sighting import Sighting
from tests.raw_panels import raw_world

PANEL = raw_world([[10.0], [10.0], [5.0], [5.0]])  # four sessions from 2018-01-02, each known at its close
DECIDED = PANEL.known_at[:3] + pd.Timedelta(hours=12)
SEEN = Sighting(PANEL, pd.DatetimeIndex(["2018-01-03", "2018-01-04", "2018-01-05"]), DECIDED.as_unit("us").asi8)


@pytest.mark.parametrize(
    ("day", "seen"),
    [
        (date(2017, 12, 29), date(2017, 12, 29)),  # before the panel: as it is
        (date(2018, 1, 2), date(2018, 1, 3)),
        (date(2018, 1, 4), date(2018, 1, 5)),
        (date(2018, 1, 5), None),  # known after the last decision
        (date(2018, 1, 8), None),
    ],
)
def test_a_day_is_dated_by_the_first_decision_that_sees_it(day, seen):
    assert SEEN.on(day) == SEEN.all_of(day) == seen


def test_a_split_between_bars_that_one_decision_would_merge_is_refused():
    split = Split(date(2018, 1, 4), "A00", 2.0)
    SEEN.refuse_merged(split)
    weekly = Sighting(PANEL, pd.DatetimeIndex(["2018-01-08"]), SEEN.when[-1:] + 86_400_000_000)
    with pytest.raises(DataError, match="split of A00 on 2018-01-04 falls between bars"):
        weekly.refuse_merged(split)
