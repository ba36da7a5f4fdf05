"""Adjusted prices: what they are worth, which end stays, and that no adjustment reaches back into a decision."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from quantdl.errors import DataError
from quantdl.features import feature_table
from quantdl.market.actions import CashDividend, CorporateActions, Delisting
from quantdl.market.corporate.actions_table import actions_from_columns
from quantdl.market.corporate.adjustment import adjusted, continuous_closes
from tests.raw_panels import raw_world, split_up

RATIOS = [1 / 100, 31 / 1000, 1 / 20, 0.1, 0.5, 1.05, 1.5, 2.0, 3.0, 7.0, 1000 / 31, 100.0]
QUANDL = "extra/quandl_wiki_sample_with_actions.csv"


def market(seed: int, n_sessions: int = 40, n_assets: int = 3) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return 100 * np.exp(np.cumsum(0.02 * generator.normal(size=(n_sessions, n_assets)), axis=0))


def ohlcv(closes: np.ndarray) -> dict[str, np.ndarray]:
    return {"open": closes * 0.99, "high": closes * 1.02, "low": closes * 0.97, "volume": 1e6 / closes}


def actions_in(n_sessions: int = 40, n_assets: int = 3):
    cells = st.tuples(st.integers(1, n_sessions - 1), st.integers(0, n_assets - 1))
    return st.dictionaries(cells, st.sampled_from(RATIOS), max_size=8)


def simple_returns(panel):
    return panel.closes[1:] / panel.closes[:-1] - 1


@settings(max_examples=12)
@given(st.integers(0, 10**6), actions_in(), st.sampled_from(["back", "forward"]))
def test_wealth_is_the_same_under_any_split(seed, splits, direction):
    """A market that was never split and the same market split at will earn the same, share for share."""
    whole = market(seed)
    raw = split_up(whole, splits)
    volume = {"volume": 1e6 / raw}
    panel = adjusted(raw_world(raw, splits, fields=ohlcv(raw) | volume), "split", direction)
    np.testing.assert_allclose(simple_returns(panel), whole[1:] / whole[:-1] - 1, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(panel.closes * panel.fields["volume"], 1e6, rtol=1e-12)  # dollars traded
    scale = panel.closes / whole
    np.testing.assert_allclose(scale, np.broadcast_to(scale[0], scale.shape), rtol=1e-12)


@settings(max_examples=12)
@given(
    st.integers(0, 10**6),
    actions_in(),
    st.dictionaries(st.tuples(st.integers(1, 39), st.integers(0, 2)), st.floats(0.01, 0.4), max_size=8),
)
def test_back_and_forward_have_the_same_returns(seed, splits, yields):
    raw = split_up(market(seed), splits)
    dividends = {(row, column): share * raw[row - 1, column] for (row, column), share in yields.items()}
    panel = raw_world(raw, splits, dividends, fields=ohlcv(raw))
    for how in ("split", "total_return"):
        back, forward = adjusted(panel, how), adjusted(panel, how, "forward")
        np.testing.assert_allclose(simple_returns(back), simple_returns(forward), rtol=1e-11, atol=1e-13)
        np.testing.assert_array_equal(forward.closes[0], raw[0])
        np.testing.assert_array_equal(back.closes[-1], raw[-1])


@settings(max_examples=12)
@given(
    st.integers(0, 10**6),
    actions_in(),
    st.dictionaries(st.tuples(st.integers(1, 39), st.integers(0, 2)), st.floats(0.01, 0.4), max_size=8),
    st.sampled_from(["back", "forward"]),
)
def test_total_returns_made_in_two_steps_are_those_made_in_one(seed, splits, yields, direction):
    """So a dividend left after the splits is in the units of the price before it, on the ex-date of a split too."""
    raw = split_up(market(seed), splits)
    same_day = dict.fromkeys(splits, 0.1)
    dividends = {(row, column): share * raw[row - 1, column] for (row, column), share in (yields | same_day).items()}
    panel = raw_world(raw, splits, dividends)
    two_steps = adjusted(adjusted(panel, "split", direction), "total_return", direction)
    np.testing.assert_allclose(two_steps.closes, adjusted(panel, "total_return", direction).closes, rtol=1e-11)


def test_a_total_return_reinvests_the_dividend():
    """Bought at 100, 4 paid, 99 at the ex-date: 99 / 96, as the factor 1 - 4/100 of CRSP and Yahoo gives it."""
    closes = np.array([[100.0], [99.0], [99.0]])
    panel = adjusted(raw_world(closes, dividends={(1, 0): 4.0}), "total_return")
    np.testing.assert_allclose(panel.closes[:, 0], [96.0, 99.0, 99.0], rtol=1e-15)
    np.testing.assert_array_equal(adjusted(raw_world(closes, dividends={(1, 0): 4.0}), "split").closes, closes)


def test_a_dividend_reinvested_at_the_ex_close_gives_the_return_of_a_holder():
    """CRSP's holding period return: (Q + D) / P, and with a split (r Q + D) / P."""
    closes = np.array([[100.0, 100.0], [99.0, 50.5], [99.0, 50.5]])
    panel = raw_world(closes, {(1, 1): 2.0}, {(1, 0): 4.0, (1, 1): 3.0})
    closes = adjusted(panel, "total_return", reinvested="ex_close").closes
    np.testing.assert_allclose(closes[1] / closes[0], [1.03, 1.04], rtol=1e-15)


def test_a_dividend_waits_for_a_close_to_be_reinvested_at():
    closes = np.array([[100.0], [np.nan], [np.nan], [40.0], [44.0]])
    panel = raw_world(closes, {(2, 0): 2.0}, {(1, 0): 4.0})
    closes = adjusted(panel, "total_return", "forward", reinvested="ex_close").closes[:, 0]
    np.testing.assert_allclose(closes[3:], np.array([84.0, 92.4]), rtol=1e-15)  # two shares of 40 and 4 in cash


def test_open_high_low_and_close_share_one_factor():
    raw = market(1)
    panel = raw_world(raw, {(9, 0): 7.0, (20, 1): 0.031}, {(15, 0): 0.5}, fields=ohlcv(raw))
    for how in ("split", "total_return"):
        changed = adjusted(panel, how)
        factor = changed.closes / panel.closes
        for name in ("open", "high", "low"):
            np.testing.assert_allclose(changed.fields[name] / panel.fields[name], factor, rtol=1e-14)
        assert (changed.fields["low"] <= changed.fields["close"]).all()
        assert (changed.fields["close"] <= changed.fields["high"]).all()


def test_total_returns_keep_the_dollars_that_were_traded():
    raw = market(2)
    panel = raw_world(raw, {(9, 0): 7.0}, {(15, 0): 0.5}, fields=ohlcv(raw))
    changed = adjusted(panel, "total_return")
    np.testing.assert_array_equal(changed.fields["dollar_volume"], raw * panel.fields["volume"])
    np.testing.assert_allclose(changed.fields["volume"], adjusted(panel, "split").fields["volume"], rtol=1e-15)


@settings(max_examples=12)
@given(st.integers(0, 10**6), actions_in(), st.integers(1, 38))
def test_an_adjustment_never_reaches_back_into_a_decision(seed, splits, t):
    """What is known at t is the same, bit for bit, whatever happens to the shares later."""
    raw = split_up(market(seed), splits)
    panel = raw_world(raw, splits, {(20, 1): 1e-5, (33, 2): 2e-5}, fields=ohlcv(raw))
    session = panel.sessions[t]
    seen = panel.until(session)
    for how in ("split", "total_return"):
        forward = adjusted(panel, how, "forward").until(session)
        back = adjusted(panel, how, "back", as_of=session).until(session)
        for known, full in ((adjusted(seen, how, "forward"), forward), (adjusted(seen, how), back)):
            for name, values in full.fields.items():
                np.testing.assert_array_equal(known.fields[name], values, err_msg=f"{how} {name}")
        np.testing.assert_array_equal(back.closes[-1], raw[t])


@pytest.mark.parametrize("t", [60, 90, 119])
def test_features_as_of_t_equal_those_of_the_whole_history(t):
    splits = {(40, 0): 2.0, (70, 1): 0.031, (100, 2): 7.0}
    raw = split_up(market(5, 120), splits)
    panel = raw_world(raw, splits, {(80, 0): 0.5, (110, 1): 0.4})
    session = panel.sessions[t]
    known = feature_table(adjusted(panel.until(session), "total_return", "forward")).values
    whole = feature_table(adjusted(panel, "total_return", "forward")).values[: t + 1]
    np.testing.assert_array_equal(known, whole)
    back = feature_table(adjusted(panel.until(session), "total_return")).values
    np.testing.assert_allclose(back, whole, rtol=1e-7, atol=1e-7)  # stored as float32


def test_continuous_closes_are_the_closes_where_nothing_is_left_to_happen():
    panel = raw_world(market(3))
    assert continuous_closes(panel) is panel.closes
    moved = raw_world(market(3), {(5, 0): 2.0}, {(9, 1): 1.0})
    np.testing.assert_array_equal(continuous_closes(moved), adjusted(moved, "total_return", "forward").closes)
    done = adjusted(moved, "total_return")
    assert continuous_closes(done) is done.closes


def test_what_is_in_the_prices_leaves_the_actions_and_the_rest_gets_new_units():
    raw = split_up(np.full((10, 1), 100.0), {(5, 0): 4.0})
    panel = raw_world(
        raw, {(5, 0): 4.0}, {(3, 0): 2.0, (7, 0): 0.5}, delistings=(Delisting(date(2018, 1, 5), "A00", 10.0),)
    )
    split = adjusted(panel, "split")
    assert split.actions.splits == ()
    assert [item.amount for item in split.actions.dividends] == [0.5, 0.5]  # 2 for an old share is 0.5 for a new one
    assert split.actions.delistings[0].terminal_value == 2.5
    total = adjusted(panel, "total_return")
    assert total.actions.dividends == ()
    again = adjusted(split, "total_return")  # in two steps as in one
    np.testing.assert_allclose(again.closes, total.closes, rtol=1e-14)


def test_the_card_says_what_was_done():
    panel = raw_world(market(4), {(5, 0): 2.0}, {(9, 1): 1.0})
    card = adjusted(panel, "total_return").card
    assert (card.declaration.adjustment, card.fingerprint) == ("total_return", panel.card.fingerprint)
    assert card.declaration.notes[-1] == (
        "Adjusted back from raw to total_return prices, in shares of 2018-02-10: 1 splits and 1 dividends taken in."
    )


def test_prices_that_are_adjusted_are_not_adjusted_again():
    panel = adjusted(raw_world(market(4), {(5, 0): 2.0}), "split")
    with pytest.raises(DataError, match="adjusted for splits already; expected raw ones"):
        adjusted(panel, "split")
    with pytest.raises(DataError, match="total returns already"):
        adjusted(adjusted(panel, "total_return"), "split")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("splits",), "how must be 'split' or 'total_return'"),
        (("split", "sideways"), "direction 'back' or 'forward'"),
        (("split", "forward", "2018-01-10"), "as_of with direction 'forward'"),
        (("split", "back", "2017-01-10"), "as_of 2017-01-10; expected a session from 2018-01-02 on"),
    ],
)
def test_an_adjustment_that_means_nothing_is_refused(arguments, expected):
    with pytest.raises(DataError, match=expected):
        adjusted(raw_world(market(4)), *arguments)


def test_a_field_of_unknown_scale_is_refused():
    with pytest.raises(DataError, match="fields \\['spread'\\]"):
        adjusted(raw_world(market(4), fields={"spread": market(5)}), "split")


def test_a_dividend_that_exceeds_its_price_is_refused():
    panel = raw_world(market(4))
    big = CorporateActions(dividends=(CashDividend(panel.sessions[3].date(), "A01", 500.0),))
    with pytest.raises(DataError, match="A01: ex-date 2018-01-05, dividend 500, last close before it"):
        adjusted(replace(panel, actions=big), "total_return")


@pytest.mark.parametrize("ticker", ["AAPL", "MSFT", "BRK_A", "ZEN"])
def test_adjusted_prices_are_those_that_quandl_published(databank, ticker):
    """Another vendor's adjusted prices, made from the same raw ones, dividends and AAPL's 7:1 split.

    Its factors reach to 2018 and hold later dividends too; over the sample they differ from ours by a constant.
    """
    table = pd.read_csv(databank / QUANDL, keep_default_na=False)
    table = table[table["ticker"] == ticker].reset_index(drop=True)
    sessions = pd.DatetimeIndex(table["date"])
    actions = actions_from_columns(table, dividend="ex-dividend", split="split_ratio")
    raw = {name: table[[name]].to_numpy(dtype=float) for name in ("open", "high", "low", "close", "volume")}
    panel = raw_world(raw["close"], fields=raw)
    panel = replace(
        panel,
        sessions=sessions,
        known_at=sessions.tz_localize("America/New_York").tz_convert("UTC") + pd.Timedelta(hours=16),
        assets=(ticker,),
        actions=actions,
    )
    ours = adjusted(panel, "total_return", reinvested="ex_close")  # as Quandl did: factor 1 + dividend / close
    for name in ("open", "high", "low", "close"):
        ratio = ours.fields[name][:, 0] / table[f"adj_{name}"].to_numpy(dtype=float)
        np.testing.assert_allclose(ratio, ratio[-1], rtol=1e-6)
    volume = ours.fields["volume"][:, 0] / table["adj_volume"].to_numpy(dtype=float)
    np.testing.assert_allclose(volume, volume[-1], rtol=1e-6)
    assert len(actions.dividends) == (4 if ticker in ("AAPL", "MSFT") else 0)
    assert [item.ratio for item in actions.splits] == ([7.0] if ticker == "AAPL" else [])


def test_returns_of_raw_prices_are_refused_where_a_split_would_read_as_a_crash():
    raw = raw_world([[100.0], [50.0], [51.0]], splits={(1, 0): 2.0})
    with pytest.raises(DataError, match=r"raw prices with splits .1., the first of .* on .*; expected adjusted ones"):
        raw.log_returns()
    returns = adjusted(raw, "split", "forward").log_returns()[:, 0]
    np.testing.assert_allclose(returns[1:], [0.0, np.log(51 / 50)], atol=1e-15)
