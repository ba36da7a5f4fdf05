"""What is declared of a series: when its values became known, and what is refused."""

from dataclasses import replace
from datetime import date

import pandas as pd
import pytest

from quantdl.errors import DataSettingsError
from quantdl.market.series.declaration import ReleaseRule, SeriesDeclaration
from quantdl.records import to_plain

NEXT_MORNING = ReleaseRule("day", 1, "09:00", "America/New_York", "XNYS")
RATE = SeriesDeclaration(
    name="bills",
    source="typed by a test",
    timezone="America/New_York",
    unit="percent a year",
    as_of=date(2024, 12, 31),
    licence="none",
    release=NEXT_MORNING,
)


@pytest.mark.parametrize(("period", "age"), [("day", 10), ("week", 15), ("month", 45), ("quarter", 135), ("year", 520)])
def test_a_value_counts_for_two_periods_unless_the_declaration_says_otherwise(period, age):
    released = replace(RATE, release=replace(NEXT_MORNING, period=period))
    assert released.longest_age == age
    assert replace(released, longest_age_sessions=3).longest_age == 3
    assert "longest_age_sessions" not in to_plain(released)
    with pytest.raises(DataSettingsError, match="longest_age_sessions: given 0; expected a whole number"):
        replace(RATE, longest_age_sessions=0)


@pytest.mark.parametrize(
    ("rule", "dated", "known"),
    [
        # New York closes on Thursday, 28 November 2024 (Thanksgiving); 09:00 there is 14:00 UTC in winter.
        (NEXT_MORNING, "2024-11-27", "2024-11-29 14:00"),
        (replace(NEXT_MORNING, calendar=None), "2024-11-27", "2024-11-28 14:00"),
        # The week of Wednesday, 3 July 2024 ends on Sunday the 7th; the second session after it is Tuesday the 9th.
        (replace(NEXT_MORNING, period="week", days_after=2), "2024-07-03", "2024-07-09 13:00"),
        # The second quarter of 2024 ends on Sunday, 30 June; 30 days later is 30 July.
        (ReleaseRule("quarter", 30, "08:30", "America/New_York"), "2024-04-01", "2024-07-30 12:30"),
        (ReleaseRule("year", 0, "00:00", "UTC"), "2023-05-17", "2023-12-31 00:00"),
        # A session that is none rolls to the first after it: Saturday, 1 June 2024, to Monday.
        (ReleaseRule("day", 0, "16:15", "America/New_York", "XNYS"), "2024-06-01", "2024-06-03 20:15"),
    ],
)
def test_a_value_is_known_at_the_instant_counted_by_hand(rule, dated, known):
    assert rule.known_at(pd.DatetimeIndex([dated]))[0] == pd.Timestamp(known, tz="UTC")


def test_no_dates_give_no_instants():
    assert len(NEXT_MORNING.known_at(pd.DatetimeIndex([]))) == 0


def test_all_that_is_wrong_with_a_rule_is_said_at_once():
    with pytest.raises(DataSettingsError) as refused:
        ReleaseRule("fortnight", -1, "9 am", "New York", "XNYX")
    message = str(refused.value)
    for word in ("'fortnight'", "-1", "'9 am'", "New York", "XNYX", "XNYS"):
        assert word in message


@pytest.mark.parametrize("empty", ["name", "source", "unit", "licence"])
def test_a_declaration_without_a_text_is_refused_by_its_name(empty):
    with pytest.raises(DataSettingsError, match=empty):
        replace(RATE, **{empty: " "})


def test_a_declaration_in_an_unknown_zone_is_refused():
    with pytest.raises(DataSettingsError, match="timezone"):
        replace(RATE, timezone="America/Nowhere")
