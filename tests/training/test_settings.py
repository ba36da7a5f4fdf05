"""Dates that part the spans stand in one order only."""

from datetime import date, datetime

import pandas as pd
import pytest

from quantdl.errors import FieldFaults
from quantdl.training.settings import Choices, NumberRange, SplitDates

DAYS = {
    "train_end": date(2017, 6, 30),
    "validation_end": date(2017, 12, 29),
    "test_start": date(2018, 1, 2),
    "test_end": date(2019, 6, 28),
}


def test_dates_in_order_are_taken():
    assert vars(SplitDates(**DAYS)) == DAYS


@pytest.mark.parametrize(
    ("name", "day", "expected"),
    [
        ("validation_end", date(2017, 6, 30), "a date after train_end, which is 2017-06-30"),
        ("validation_end", date(2017, 6, 1), "a date after train_end, which is 2017-06-30"),
        ("test_start", date(2017, 12, 29), "a date after validation_end, which is 2017-12-29"),
        ("test_start", date(2016, 1, 4), "a date after validation_end, which is 2017-12-29"),
        ("test_end", date(2018, 1, 2), "a date after test_start, which is 2018-01-02"),
        ("test_end", date(2017, 1, 3), "a date after test_start, which is 2018-01-02"),
    ],
)
def test_a_date_before_its_turn_is_refused_by_name(name, day, expected):
    with pytest.raises(FieldFaults) as refused:
        SplitDates(**{**DAYS, name: day})
    ((field, message),) = refused.value.faults
    assert field == name
    assert message.startswith(f"given {day}; expected {expected}")


def test_every_date_out_of_order_is_named_at_once():
    with pytest.raises(FieldFaults) as refused:
        SplitDates(*reversed(DAYS.values()))
    assert [field for field, _ in refused.value.faults] == ["validation_end", "test_start", "test_end"]


@pytest.mark.parametrize(
    ("make", "field", "expected"),
    [
        (lambda: NumberRange(2, 2), "high", "above low, which is 2"),
        (lambda: NumberRange(0.0, 1.0, log=True), "low", "above 0 with log"),
        (lambda: Choices((8,)), "choices", "two values or more"),
        (lambda: Choices((8, 8, 16)), "choices", "each once"),
    ],
)
def test_a_range_that_leaves_no_choice_is_refused_by_field(make, field, expected):
    with pytest.raises(FieldFaults) as refused:
        make()
    ((name, message),) = refused.value.faults
    assert name == field and expected in message


def test_the_values_to_check_are_the_ends_or_the_choices():
    assert NumberRange(1, 4).values == (1, 4)
    assert Choices(("x", "y")).values == ("x", "y")


@pytest.mark.parametrize("written", [str, pd.Timestamp, lambda day: datetime(day.year, day.month, day.day)])
def test_text_and_timestamps_are_the_days_that_they_name(written):
    mixed = {**DAYS, "validation_end": written(DAYS["validation_end"]), "test_end": written(DAYS["test_end"])}
    for given in (mixed, {name: written(day) for name, day in DAYS.items()}):
        assert SplitDates(**given) == SplitDates(**DAYS)
        assert all(type(day) is date for day in vars(SplitDates(**given)).values())


@pytest.mark.parametrize(
    "given",
    [
        "yesterday",
        "2017-13-01",
        20170630,
        None,
        pd.NaT,
        datetime(2017, 6, 30, 16),
        pd.Timestamp("2017-06-30", tz="UTC"),
    ],
)
def test_what_is_no_day_is_refused_by_name(given):
    with pytest.raises(FieldFaults) as refused:
        SplitDates(given, DAYS["validation_end"], given, DAYS["test_end"])
    assert refused.value.faults == tuple(
        (name, f"given {given!r}; expected a date such as 2016-12-30") for name in ("train_end", "test_start")
    )
