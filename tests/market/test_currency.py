"""Codes of currencies: what is one, what is a hundredth of one, and what was probably meant."""

import pytest

from quantdl.market.currency import CURRENCIES, MINOR_UNITS, currency_faults, in_a_list, whole_currency


@pytest.mark.parametrize("code", [None, "USD", "JPY", "GBP", "DEM", "XAU", "GBX", "GBp", "ILA", "ZAc"])
def test_a_code_of_iso_4217_or_a_unit_below_one_is_a_currency(code):
    assert not [*currency_faults("currency", code)]


def test_pence_are_no_pounds_and_a_hundred_of_them_make_one():
    """London quotes in pence, Tel Aviv in agorot, Johannesburg in cents: a hundred each. Kuwait: 1,000 fils."""
    assert [whole_currency(code) for code in ("GBX", "GBp", "ILA", "ZAc", "KWF")] == [
        ("GBP", 100),
        ("GBP", 100),
        ("ILS", 100),
        ("ZAR", 100),
        ("KWD", 1000),
    ]
    assert whole_currency("GBP") == ("GBP", 1)
    assert not set(MINOR_UNITS) & CURRENCIES


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("usd", "did you mean 'USD'"),
        ("gbp", "did you mean 'GBP' (pounds), or 'GBX' (pence)"),
        ("pence", "did you mean 'GBX'"),
        ("yen", "did you mean 'JPY'"),
        ("dollars", "did you mean 'USD'"),
        ("RMB", "did you mean 'CNY'"),
        ("USS", "did you mean 'USD'"),
        ("", "expected a code of ISO 4217"),
    ],
)
def test_what_is_no_currency_is_refused_with_what_was_probably_meant(given, meant):
    ((field, message),) = currency_faults("currency", given)
    assert field == "currency"
    assert meant in message


def test_a_book_is_not_kept_in_pence():
    ((_, message),) = currency_faults("book_currency", "GBX", whole=True)
    assert message == "given 'GBX', a unit of which 100 make 1 GBP; expected a currency: 'GBP'"


def test_currencies_are_named_once_each():
    assert in_a_list(("USD", "JPY", "USD", "EUR")) == "EUR, JPY and USD"
    assert in_a_list((None, "USD")) == "USD and not stated"
