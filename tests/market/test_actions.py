"""Corporate actions as records: what is refused, what a view knows, and who had a ticker when."""

from datetime import date, datetime

import pytest

from quantdl.errors import DataError
from quantdl.market.actions import CashDividend, CorporateActions, Delisting, Rename, Split

DAY, LATER = date(2020, 8, 31), date(2021, 3, 1)
TICKERS = CorporateActions(
    renames=(
        Rename(date(2004, 8, 19), "googl", "goog"),
        Rename(date(2014, 3, 27), "goog", "goocv"),
        Rename(date(2014, 4, 3), "goog", "goog"),
        Rename(date(2014, 4, 3), "googl", "googl"),
        Rename(date(2002, 5, 22), "aaa.1", "aaa"),
        Rename(date(2020, 9, 9), "aaa", "aaa"),
    ),
    delistings=(Delisting(date(2007, 5, 18), "aaa.1"),),
)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: Split(DAY, "A", 0.0), "Split of A on 2020-08-31: got a ratio of 0.0"),
        (lambda: Split(DAY, "A", float("nan")), "got a ratio of nan"),
        (lambda: Split(DAY, "A", -2.0), "got a ratio of -2.0"),
        (lambda: Split(datetime(2020, 8, 31), "A", 2.0), "expected a datetime.date"),
        (lambda: CashDividend(DAY, "A", -0.1), "Dividend of A on 2020-08-31: got an amount of -0.1"),
        (lambda: CashDividend(DAY, "A", float("inf")), "got an amount of inf"),
        (lambda: CashDividend(LATER, "A", 1.0, DAY), "got the pay date 2020-08-31"),
        (lambda: Delisting(DAY, "A", -1.0), "got a terminal value of -1.0"),
        (lambda: Rename(DAY, "A", " "), "got an empty ticker"),
    ],
)
def test_an_impossible_action_is_refused(make, expected):
    with pytest.raises(DataError, match=expected):
        make()


@pytest.mark.parametrize(
    "twice",
    [
        {"splits": (Split(DAY, "A", 4.0), Split(DAY, "A", 2.0))},
        {"dividends": (CashDividend(DAY, "A", 0.8), CashDividend(DAY, "A", 0.8, LATER))},
        {"delistings": (Delisting(DAY, "A"), Delisting(LATER, "A", 3.0))},
        {"renames": (Rename(DAY, "A", "B"), Rename(DAY, "A", "C"))},
    ],
)
def test_an_action_cannot_count_twice(twice):
    with pytest.raises(DataError, match="stand twice"):
        CorporateActions(**twice)


def test_a_regular_and_a_special_dividend_share_a_day():
    both = CorporateActions(dividends=(CashDividend(DAY, "A", 0.8), CashDividend(DAY, "A", 5.0)))
    assert [item.amount for item in both.dividends] == [0.8, 5.0]


def test_actions_stand_in_order_of_date():
    actions = CorporateActions(splits=(Split(LATER, "A", 2.0), Split(DAY, "B", 3.0), Split(DAY, "A", 4.0)))
    assert [(item.ex_date, item.asset) for item in actions.splits] == [(DAY, "A"), (DAY, "B"), (LATER, "A")]


def test_a_view_knows_what_went_ex_and_not_what_will():
    actions = CorporateActions(
        splits=(Split(DAY, "A", 4.0), Split(LATER, "A", 2.0)),
        dividends=(CashDividend(LATER, "A", 0.8),),
        delistings=(Delisting(DAY, "B", 1.0),),
    )
    seen = actions.until(DAY)
    assert seen.splits == (Split(DAY, "A", 4.0),)
    assert seen.dividends == seen.delistings == ()  # the last session of B is still a session
    assert actions.until(LATER).delistings == actions.delistings


def test_selecting_assets_selects_their_actions():
    actions = CorporateActions(splits=(Split(DAY, "A", 4.0), Split(DAY, "B", 4.0)), renames=(Rename(DAY, "B", "C"),))
    assert actions.select(["A"]) == CorporateActions(splits=(Split(DAY, "A", 4.0),))


@pytest.mark.parametrize(
    ("asset", "session", "ticker"),
    [
        ("googl", "2014-04-02", "goog"),
        ("googl", "2014-04-03", "googl"),
        ("goog", "2014-04-02", "goocv"),
        ("goog", "2020-01-02", "goog"),
        ("aapl", "2020-01-02", "aapl"),  # never renamed
    ],
)
def test_an_asset_keeps_its_symbol_through_every_ticker(asset, session, ticker):
    assert TICKERS.ticker_of(asset, session) == ticker
    assert TICKERS.asset_of(ticker, session) == asset


def test_a_reused_ticker_belongs_to_the_asset_of_its_day():
    assert TICKERS.asset_of("aaa", "2005-01-03") == "aaa.1"
    assert TICKERS.asset_of("aaa", "2020-10-01") == "aaa"


@pytest.mark.parametrize(
    ("ticker", "session"),
    [("googl", "2014-04-02"), ("goocv", "2014-04-03"), ("aaa.1", "2007-05-21"), ("aaa.1", "2005-01-03")],
)
def test_a_ticker_that_no_asset_had_is_refused(ticker, session):
    with pytest.raises(DataError, match=f"Ticker '{ticker}' on {session}: no asset had it"):
        TICKERS.asset_of(ticker, session)


def test_a_ticker_that_two_assets_claim_is_refused():
    actions = CorporateActions(renames=(Rename(DAY, "A", "X"), Rename(DAY, "B", "X")))
    with pytest.raises(DataError, match="A and B both claim it"):
        actions.asset_of("X", LATER)
