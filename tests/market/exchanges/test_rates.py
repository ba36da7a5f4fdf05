"""Exchange rates as they are declared, and the way that they show from one currency to another."""

from datetime import date
from pathlib import Path

import pytest

from quantdl.errors import DataSettingsError
from quantdl.market.exchanges.rates import ExchangeRateFile, Leg, route
from quantdl.market.series.declaration import ReleaseRule

NOON = ReleaseRule("day", 0, "12:00", "America/New_York")


def declared(**change):
    facts = {
        "base": "USD",
        "quote": "JPY",
        "path": Path("rates.csv"),
        "column": "rate",
        "source": "a test",
        "timezone": "America/New_York",
        "as_of": date(2024, 1, 2),
        "licence": "none",
        "release": NOON,
    }
    return ExchangeRateFile(**{**facts, **change})


def test_a_rate_is_named_by_what_its_values_mean():
    assert (declared().name, declared().unit) == ("JPY per USD", "JPY per USD")
    assert declared(name="fix").name == "fix"


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"base": "usd"}, ["base"]),
        ({"quote": "GBX"}, ["quote"]),
        ({"quote": "USD"}, ["quote"]),
        ({"unit": "USD per JPY"}, ["unit"]),
        ({"longest_age_sessions": -1}, ["longest_age_sessions"]),
        ({"base": "dollar", "quote": "yen", "licence": ""}, ["base", "quote", "licence"]),
    ],
)
def test_what_cannot_be_a_rate_is_named_field_by_field(change, fields):
    with pytest.raises(DataSettingsError) as refused:
        declared(**change)
    assert [name for name, _ in refused.value.faults] == fields


def test_money_in_the_quote_is_divided_and_money_in_the_base_multiplied():
    pairs = [("USD", "JPY")]
    assert route(pairs, "JPY", "USD") == (Leg(0, divides=True),)
    assert route(pairs, "USD", "JPY") == (Leg(0, divides=False),)


def test_the_shortest_chain_of_rates_is_taken():
    pairs = [("EUR", "USD"), ("EUR", "JPY"), ("GBP", "EUR"), ("USD", "JPY")]
    assert route(pairs, "JPY", "USD") == (Leg(3, divides=True),)
    assert route(pairs[:3], "JPY", "USD") == (Leg(1, divides=True), Leg(0, divides=False))
    assert route(pairs, "GBX", "USD") == (Leg(2, divides=False), Leg(0, divides=False))


def test_a_currency_and_its_units_need_no_rate_and_others_have_no_way_without_one():
    assert route([], "GBX", "GBP") == ()
    assert route([], "USD", "USD") == ()
    assert route([("EUR", "USD")], "JPY", "USD") is None


@pytest.mark.parametrize("age", [0, -1])
def test_an_age_that_is_too_small_is_said_once(age):
    with pytest.raises(DataSettingsError) as refused:
        declared(longest_age_sessions=age)
    assert str(refused.value).count("longest_age_sessions") == 1
    assert f"given {age}; expected a whole number of sessions, one or more" in str(refused.value)
