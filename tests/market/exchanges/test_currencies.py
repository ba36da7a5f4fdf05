"""Prices of several currencies in one: shares, caps, filters and profits are those of the book's own money."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from quantdl.backtest import assess, prepare, replay
from quantdl.backtest.book.tape import read_tape
from quantdl.backtest.judging.attribution import pnl_by_currency
from quantdl.backtest.judging.stress import stress_test
from quantdl.backtest.plan.abnormal_volatility import StressWindow
from quantdl.backtest.plan.friction import MeasuredVolume, StatedVolume, known_liquidity
from quantdl.errors import DataError, PlanError
from quantdl.market.actions import CashDividend, Delisting
from quantdl.market.exchanges.alignment import align
from quantdl.market.exchanges.currencies import (
    ExchangeRate,
    conversion_rates,
    converted_from,
    currencies_of,
    in_currency,
)
from quantdl.market.exchanges.decisions import DecisionTimes
from quantdl.market.inspection.cuts import Cut, cut_histories
from quantdl.market.series.declaration import ReleaseRule
from quantdl.market.universe.eligibility import universe_as_of
from quantdl.market.universe.rule import UniverseRule
from tests.backtest.judged import EVIDENCE
from tests.backtest.worlds import NO_COSTS, plan_for, random_walk, run, span, world
from tests.panels import exogenous_series
from tests.raw_panels import raw_world

NOON = ReleaseRule("day", 0, "12:00", "America/New_York")  # bars of `world` are known at 16:00 there
EVENING = ReleaseRule("day", 0, "18:00", "America/New_York")


def quoted(panel, currency):
    return replace(panel, card=panel.card.restated(currency=currency))


def named(panel, *assets):
    """The panel with other symbols, so that it can stand beside one with the usual ones."""
    return replace(panel, assets=assets)


def rate_of(values, base="USD", quote="JPY", first="2018-01-02", rule=NOON, longest_age_sessions=5, days=None):
    dated = pd.date_range(first, periods=len(values)) if days is None else pd.DatetimeIndex(days)
    series = exogenous_series(f"{quote} per {base}", dated, np.asarray(values, dtype=float), rule)
    return ExchangeRate(base, quote, series, longest_age_sessions)


def yen(price=3000.0, length=12, volume=None):
    fields = None if volume is None else {"volume": np.full((length, 1), float(volume))}
    return quoted(world(np.full((length, 1), float(price)), fields=fields), "JPY")


def in_dollars(panel, values=None):
    return in_currency(panel, "USD", [rate_of([148.0] * 12 if values is None else values)])


def test_450_000_dollars_buy_22_200_shares_at_3_000_yen_and_148_yen_to_the_dollar():
    """450,000 * 148 / 3,000 = 22,200; read as dollars, 3,000 buys 150."""
    played = run(in_dollars(yen()), {0: [1.0]}, initial_equity=450_000.0, friction=NO_COSTS)
    assert played.fills["quantity"].tolist() == pytest.approx([22_200.0], rel=1e-12)
    assert played.fills["price"].tolist() == pytest.approx([3000 / 148], rel=1e-12)


def test_the_rate_alone_makes_profit_and_loss():
    """A stock that stands at 3,000 yen while the dollar rises from 148 to 150 yen loses 1 - 148 / 150 = 1.333 %."""
    moved = in_dollars(yen(), [148.0] * 6 + [150.0] * 6)
    equity = run(moved, {0: [1.0]}, friction=NO_COSTS).equity["equity"]
    assert equity.iloc[5] == pytest.approx(1000.0, rel=1e-12)
    assert equity.iloc[-1] == pytest.approx(1000.0 * 148 / 150, rel=1e-12)


def test_a_cap_on_stated_volume_counts_the_money_of_the_book():
    """5 % of 1,000,000 dollars a session are 50,000 dollars: 50,000 * 148 / 3,000 = 2,466.67 shares, not 16.67."""
    panel = in_dollars(yen())
    stated = StatedVolume("stated", {"A00": 1e6}, "What a test says of it.", 0.05, 0.0)
    friction = {**NO_COSTS, "liquidity": stated}
    played = run(panel, {0: [1.0]}, initial_equity=450_000.0, friction=friction, fast_exit={"max_sessions": 11})
    assert played.fills["quantity"].iloc[0] == pytest.approx(50_000 * 148 / 3000, rel=1e-12)


def test_measured_volume_is_that_of_yen_in_dollars():
    """100,000 shares at 3,000 yen are 300 million yen, 2,027,027 dollars at 148, of which 5 % are 101,351."""
    panel = in_dollars(yen(volume=100_000))
    friction = replace(plan_for(panel).friction, liquidity=MeasuredVolume("measured", 3, 0.05, 0.0))
    most = known_liquidity(friction, panel).most_dollars
    assert most[-1, 0] == pytest.approx(0.05 * 100_000 * 3000 / 148, rel=1e-12)


def test_a_filter_of_price_is_in_the_money_of_the_book():
    """At 148, 3,000 yen are 20.27 dollars and 600 yen 4.05: five dollars let the first through and drop the second."""
    panel = raw_world(np.full((12, 2), 100.0) * [30.0, 6.0])
    dollars = in_dollars(quoted(panel, "JPY"))
    rule = UniverseRule(minimum_price=5.0)
    assert universe_as_of(dollars, rule).members[-1].tolist() == [True, False]
    assert universe_as_of(panel, rule).members[-1].tolist() == [True, True]


def test_a_filter_of_money_traded_is_in_the_money_of_the_book():
    """10,000 shares at 3,000 yen are 30 million yen and 202,703 dollars."""
    panel = in_dollars(yen(volume=10_000))
    for least, is_member in ((202_702.0, True), (202_704.0, False)):
        rule = UniverseRule(minimum_dollar_volume=least, window_bars=3)
        assert universe_as_of(panel, rule).members[-1].tolist() == [is_member]


def test_every_price_of_a_bar_has_the_same_rate_and_shares_stay_shares():
    shape = (12, 1)
    names = {"open": 2990.0, "high": 3050.0, "low": 2950.0, "volume": 7e5, "dollar_volume": 2.1e9}
    fields = {name: np.full(shape, value) for name, value in names.items()}
    panel = quoted(world(np.full(shape, 3000.0), fields=fields), "JPY")
    rates = np.linspace(140, 151, 12)
    dollars = in_dollars(panel, rates)
    for name in ("open", "high", "low", "close", "dollar_volume"):
        np.testing.assert_allclose(dollars.fields[name][:, 0], panel.fields[name][:, 0] / rates, rtol=1e-15)
    np.testing.assert_array_equal(dollars.fields["volume"], panel.fields["volume"])


@given(
    st.lists(st.floats(0.01, 1e6), min_size=4, max_size=4),
    st.floats(1e-4, 1e4),
    st.sampled_from([("USD", "JPY"), ("JPY", "USD")]),
)
@settings(max_examples=60, deadline=None)
def test_no_rate_puts_a_close_outside_of_its_bar(prices, rate, pair):
    low, first, second, high = sorted(prices)
    fields = {"open": np.full((12, 1), second), "high": np.full((12, 1), high), "low": np.full((12, 1), low)}
    panel = quoted(world(np.full((12, 1), first), fields=fields), "JPY")
    made = in_currency(panel, "USD", [rate_of([rate] * 12, *pair)]).fields
    assert (made["low"] <= made["close"]).all()
    assert (made["close"] <= made["high"]).all()
    assert ((made["low"] <= made["open"]) & (made["open"] <= made["high"])).all()


def test_a_bar_takes_the_last_rate_that_was_known_with_it_and_never_a_later_one():
    values = np.arange(140.0, 152.0)
    at_noon = in_currency(yen(), "USD", [rate_of(values)])
    np.testing.assert_allclose(at_noon.closes[:, 0], 3000 / values, rtol=1e-15)
    before = [139.0, *values]
    at_evening = in_currency(yen(), "USD", [rate_of(before, first="2018-01-01", rule=EVENING)])
    np.testing.assert_allclose(at_evening.closes[:, 0], 3000 / np.array(before[:12]), rtol=1e-15)


@given(st.integers(1, 10), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_later_rates_and_prices_change_no_earlier_bar(last, seed):
    generator = np.random.default_rng(seed)
    closes, rates = generator.uniform(2000, 4000, (12, 2)), generator.uniform(100, 160, 12)
    panel = quoted(raw_world(closes, dividends={(3, 0): 30.0}), "JPY")
    whole = in_dollars(panel, rates)
    changed = rates.copy()
    changed[last + 1 :] *= 2
    view = in_dollars(panel.until(panel.sessions[last]), changed)
    np.testing.assert_array_equal(view.closes, whole.closes[: last + 1])
    assert view.actions == whole.actions.until(panel.sessions[last].date())


def test_pence_become_pounds_without_a_rate_and_dollars_with_one():
    """2,750 pence are 27.50 pounds, and 34.375 dollars at 1.25."""
    pence = yen(2750.0)
    pence = quoted(pence, "GBX")
    assert in_currency(pence, "GBP").closes[0, 0] == 27.5
    assert in_currency(pence, "USD", [rate_of([1.25] * 12, "GBP", "USD")]).closes[0, 0] == 34.375


def test_rates_against_a_third_currency_are_chained():
    """3,000 yen at 160 yen to the euro and 1.10 dollars to the euro: 3,000 / 160 * 1.10 = 20.625 dollars."""
    rates = [rate_of([1.10] * 12, "EUR", "USD"), rate_of([160.0] * 12, "EUR", "JPY")]
    assert in_currency(yen(), "USD", rates).closes[0, 0] == pytest.approx(20.625, rel=1e-15)


def test_a_dividend_is_worth_the_rate_of_its_ex_date_and_an_end_that_of_its_last_session():
    closes = np.full((12, 1), 3000.0)
    closes[9:] = np.nan
    end = Delisting(date(2018, 1, 10), "A00", 2960.0)
    panel = quoted(raw_world(closes, dividends={(4, 0): 29.0}, pay_after={(4, 0): 3}, delistings=(end,)), "JPY")
    moved = in_dollars(panel, [148.0] * 4 + [145.0] * 4 + [160.0] * 4)
    assert moved.actions.dividends == (CashDividend(date(2018, 1, 6), "A00", 29 / 145, date(2018, 1, 9)),)
    assert moved.actions.delistings == (Delisting(date(2018, 1, 10), "A00", 2960 / 160),)


def test_a_rate_serves_for_as_many_sessions_as_it_may_and_not_one_more():
    """Known on the third, at noon: the bars of the third and of five sessions after it, to the eighth."""
    rate = rate_of([150.0, 148.0], days=["2018-01-02", "2018-01-03"])
    assert in_currency(yen(length=7), "USD", [rate]).closes[-1, 0] == 3000 / 148
    with pytest.raises(
        DataError, match=r"no rate of JPY was known at the bar of 2018-01-09; 'JPY per USD' from a test"
    ):
        in_currency(yen(length=8), "USD", [rate])
    longer = replace(rate, longest_age_sessions=6)
    assert in_currency(yen(length=8), "USD", [longer]).closes[-1, 0] == 3000 / 148


def test_a_rate_older_than_the_prices_ages_before_they_begin():
    rate = rate_of([150.0], days=["2017-12-20"])
    with pytest.raises(DataError, match=r"known at the bar of 2018-01-02, nor at 11 more up to 2018-01-13"):
        in_currency(yen(), "USD", [rate])


def test_a_bar_without_a_trade_needs_no_rate():
    closes = np.full((12, 1), 3000.0)
    closes[0] = np.nan
    panel = quoted(world(closes), "JPY")
    dollars = in_currency(panel, "USD", [rate_of([148.0] * 11, first="2018-01-03")])
    assert np.isnan(dollars.closes[0, 0]) and dollars.closes[1, 0] == 3000 / 148


def test_all_that_stands_between_prices_and_a_currency_is_named_at_once():
    together = align(
        [yen(), quoted(named(world(np.full((12, 1), 5.0)), "B"), "CHF")],
        DecisionTimes("24/7", "close"),
        several_currencies=True,
    ).panel
    with pytest.raises(DataError) as refused:
        in_currency(together, "USD", [rate_of([148.0], days=["2018-01-02"], longest_age_sessions=1)])
    assert "no rate of JPY was known" in str(refused.value)
    assert "no exchange rates lead from CHF to USD; given JPY per USD. Fix: bring a series of CHF per USD" in str(
        refused.value
    )


def test_prices_whose_currency_is_not_stated_are_in_no_currency():
    with pytest.raises(DataError, match=r"does not state that of A00, A01; declare it"):
        in_currency(world(np.full((12, 2), 5.0)), "USD", [])


@pytest.mark.parametrize("value", [0.0, -148.0])
def test_a_rate_is_above_zero(value):
    with pytest.raises(DataError, match=rf"is {value:g} on 2018-01-03, and 0 further values are not above zero"):
        rate_of([148.0, value])


def test_prices_in_the_currency_of_the_book_stay_what_they_are():
    panel = quoted(world(np.full((12, 1), 5.0)), "USD")
    assert in_currency(panel, "USD", [rate_of([148.0] * 12)]) is panel


def test_the_fingerprint_tells_prices_rates_and_when_they_were_known_apart():
    panel = yen()
    made = [
        in_dollars(panel),
        in_dollars(panel, [148.0] * 11 + [149.0]),
        in_currency(panel, "USD", [rate_of([148.0] * 13, first="2018-01-01", rule=EVENING)]),
        in_currency(panel, "EUR", [rate_of([148.0] * 12, "EUR")]),
    ]
    assert len({one.card.fingerprint for one in (panel, *made)}) == 5
    assert in_dollars(panel).card == made[0].card


def test_the_card_says_what_was_converted_and_how():
    card = in_dollars(yen()).card
    assert card.currency == card.declaration.currency == "USD"
    assert "Converted from JPY to USD, each bar at the last rate known with it" in card.declaration.notes[-1]
    assert "JPY per USD from a test" in card.declaration.notes[-1]


def mixed():
    """A stock at 3,000 yen beside one at 20 dollars, each in its own money."""
    dollars = quoted(named(world(np.full((12, 1), 20.0)), "B"), "USD")
    return align([yen(), dollars], DecisionTimes("24/7", "close"), several_currencies=True).panel


def test_panels_in_two_currencies_do_not_stand_side_by_side_until_that_is_said():
    panels = [yen(), quoted(named(world(np.full((12, 1), 20.0)), "B"), "USD")]
    with pytest.raises(DataError, match=r"in several currencies .*made by a test: JPY, made by a test: USD"):
        align(panels, DecisionTimes("24/7", "close"))
    with pytest.raises(DataError, match=r"currency is not stated .*: not stated, made by a test: USD"):
        align([quoted_not(panels[0]), panels[1]], DecisionTimes("24/7", "close"), several_currencies=True)


def quoted_not(panel):
    return replace(panel, card=replace(panel.card, declaration=replace(panel.card.declaration, currency=None)))


def test_a_panel_in_two_currencies_is_held_in_no_book_and_passes_no_filter_of_money():
    panel = mixed()
    assert panel.card.currency == "JPY and USD"
    assert currencies_of(panel) == ("JPY", "USD")
    with pytest.raises(DataError, match="prices are in JPY and USD, which cannot be compared or held in one book"):
        read_tape(panel)
    rule = UniverseRule(minimum_dollar_volume=1.0, window_bars=2)
    with pytest.raises(DataError, match="prices are in JPY and USD"):
        universe_as_of(panel, rule)


def test_only_what_is_in_another_currency_is_converted():
    made = in_currency(mixed(), "USD", [rate_of([148.0] * 14)])
    np.testing.assert_allclose(made.closes[-1], [3000 / 148, 20.0], rtol=1e-15)
    assert read_tape(made).marks[-1].tolist() == made.closes[-1].tolist()


def test_the_earlier_part_of_a_cut_history_keeps_its_currency():
    cut = cut_histories(mixed(), [Cut(0, 5, same_share=True)])
    assert currencies_of(cut) == ("JPY", "USD", "JPY")
    made = in_currency(cut, "USD", [rate_of([148.0] * 14)])
    assert made.actions.delistings[0].terminal_value == pytest.approx(3000 / 148, rel=1e-15)


def test_a_position_whose_exchange_rests_keeps_its_value_until_it_trades_again():
    closes = np.full((12, 1), 3000.0)
    closes[5:8] = np.nan
    panel = in_dollars(quoted(world(closes), "JPY"), [148.0] * 5 + [150.0] * 7)
    equity = run(panel, {0: [1.0]}, friction=NO_COSTS).equity["equity"]
    assert equity.iloc[5:8].tolist() == pytest.approx([1000.0] * 3)
    assert equity.iloc[8] == pytest.approx(1000.0 * 148 / 150)


def test_a_limit_of_age_may_be_larger_than_any_history():
    rate = rate_of([148.0], days=["2018-01-02"], longest_age_sessions=10**9)
    assert in_currency(yen(), "USD", [rate]).closes[-1, 0] == 3000 / 148


PATH = np.array([3000.0, 3000.0, 3300.0, 3300.0, 3000.0, *[3150.0] * 7])[:, None]
RATES = [150.0, 150.0, 150.0, 140.0, 140.0, *[160.0] * 7]


def moving():
    """A stock in yen whose price and rate both move, beside one in dollars at 100."""
    both = world(np.concatenate([PATH, np.full((12, 1), 100.0)], axis=1))
    card = replace(both.card, currencies={"A00": "JPY", "A01": "USD"})
    return in_currency(replace(both, card=card), "USD", [rate_of(RATES)])


def test_price_and_rate_make_the_profit_of_a_stock_abroad():
    """45 shares bought at 3,000 yen and 150 a dollar, at the end 3,150 at 160: 45 x (3,150 / 160 - 20) = -14.0625."""
    played = run(moving(), {0: [0.9, 0.0]}, friction=NO_COSTS)
    assert played.quantities["A00"].iloc[1] == pytest.approx(45.0, rel=1e-12)
    by_hand = 45 * PATH[:, 0] / np.array(RATES) - 900.0
    assert (played.equity["equity"] - 1000.0).tolist()[1:] == pytest.approx(by_hand[1:].tolist(), rel=1e-9)


def test_costs_abroad_are_basis_points_of_the_amount_at_the_rate_known():
    """Bought for 900 dollars at 10 bps, 0.9 of money; a least fee of 2 is 2 dollars and not 2 yen."""
    friction = {"commission_bps": 10.0, "half_spread_bps": 0.0}
    fills = run(moving(), {0: [0.9, 0.0]}, friction=friction).fills
    assert fills["commission"].tolist() == pytest.approx((fills["quantity"] * 3000 / 150 * 1e-3).tolist())
    least = run(moving(), {0: [0.9, 0.0]}, friction=friction | {"commission_minimum": 2.0}).fills
    assert least["commission"].tolist() == [2.0]


def test_converting_money_costs_its_spread_for_assets_abroad_alone():
    friction = {"commission_bps": 5.0, "half_spread_bps": 2.0, "conversion_bps": 8.0}
    panel = moving()
    played = run(panel, {0: [0.45, 0.45], 5: [0.0, 0.0]}, friction=friction)
    paid = played.fills["spread"] / played.fills["notional"] * 1e4
    assert paid[played.fills["asset"] == "A00"].tolist() == pytest.approx([10.0, 10.0])
    assert paid[played.fills["asset"] == "A01"].tolist() == pytest.approx([2.0, 2.0])
    plan = plan_for(panel, friction=friction, horizon={"bars": 11}, sample={"minimum_sessions": 12})
    row = {item.item: item for item in assess(plan, panel, played, EVIDENCE).items}["friction"]
    assert row.passed is not False and "converting money costs 8 bps" in row.statement
    cheap = replace(plan, friction=replace(plan.friction, conversion_bps=0.0))
    row = {item.item: item for item in assess(cheap, panel, played, EVIDENCE).items}["friction"]
    assert "2 fills were charged otherwise than stated" in row.cause


def test_five_times_the_spread_is_not_five_times_what_converting_money_costs():
    """A00 pays 5 of commission, 5 x 2 of spread and 8 for money; A01, in dollars, 5 and 5 x 2."""
    volume = StatedVolume("stated", {"A00": 1e9, "A01": 1e9}, "stated for this case", 0.5, 0.0)
    friction = {"commission_bps": 5.0, "half_spread_bps": 2.0, "conversion_bps": 8.0, "liquidity": volume}
    panel = moving()
    played = run(panel, {0: [0.45, 0.45]}, friction=friction)
    plan = plan_for(panel, friction=friction, horizon={"bars": 11}, sample={"minimum_sessions": 12})
    job = prepare(panel, plan, *span(panel), 1000.0)
    days = StressWindow("all of it", panel.sessions[0].date(), panel.sessions[-1].date())
    again = []
    found = stress_test(played, job, (days,), lambda other: again.append(replay(other, played.decisions)) or again[-1])
    weights = played.weights_after_fill.to_numpy()
    usual, dear = (float((weights @ (np.array(bps) / 1e4)).max()) for bps in ((15.0, 7.0), (23.0, 15.0)))
    assert (found.exits[0].cost, found.exits[0].cost_five_spreads) == pytest.approx((usual, dear), rel=1e-9)
    paid = again[0].fills["spread"] / again[0].fills["notional"] * 1e4
    assert paid.tolist() == pytest.approx([18.0, 10.0])
    row = {item.item: item for item in assess(plan, panel, played, EVIDENCE).items}["fast_exit"]
    assert f"at a cost of {usual:.2%} of equity" in row.figure
    assert f"{dear:.2%} with five times the spread" in row.figure


def test_a_cost_of_converting_that_nothing_is_charged_is_refused():
    with pytest.raises(PlanError, match=r"conversion_bps: got 8, expected 0: no price of the data was converted"):
        run(world(np.full((12, 2), 100.0)), {}, friction={"conversion_bps": 8.0})


def test_pence_in_a_book_of_pounds_are_not_exchanged():
    pence = in_currency(quoted(world(np.full((12, 1), 250.0)), "GBX"), "GBP")
    assert converted_from(pence) == (None,)


def test_profit_is_split_into_prices_and_rates_by_hand():
    """The rate moves on bars 3 and 5: 990 dollars gain by 150 / 140, and 45 x 3,000 / 140 lose by 140 / 160."""
    panel = moving()
    played = run(panel, {0: [0.9, 0.0]}, friction=NO_COSTS)
    worth = conversion_rates(panel, [rate_of(RATES)])
    assert worth[:, 0].tolist() == pytest.approx([1 / rate for rate in RATES]) and set(worth[:, 1]) == {1.0}
    yen_result, dollars = pnl_by_currency(played, read_tape(panel, None), ["JPY", "USD"], worth)
    assert (yen_result.currency, dollars.currency) == ("JPY", "USD")
    exchange = 990.0 * (150 / 140 - 1) + 45 * 3000 / 140 * (140 / 160 - 1)
    price = 45 * 300 / 150 - 45 * 300 / 140 + 45 * 150 / 160
    assert (yen_result.exchange, yen_result.price) == (pytest.approx(exchange), pytest.approx(price))
    assert yen_result.pnl == pytest.approx(45 * (3150 / 160 - 20))
    assert (dollars.pnl, dollars.price, dollars.exchange) == (0.0, 0.0, 0.0)


def test_the_split_adds_up_for_any_book():
    generator = np.random.default_rng(5)
    rates, closes = 150 * np.exp(np.cumsum(0.01 * generator.standard_normal(12))), random_walk(12, 2, 5)
    both = world(closes)
    card = replace(both.card, currencies={"A00": "JPY", "A01": "USD"})
    panel = in_currency(replace(both, card=card), "USD", [rate_of(rates)])
    played = run(panel, {row: [w, 0.9 - w] for row, w in enumerate(generator.uniform(0, 0.9, 11))})
    parts = pnl_by_currency(played, read_tape(panel, None), ["JPY", "USD"], conversion_rates(panel, [rate_of(rates)]))
    assert sum(part.pnl for part in parts) == pytest.approx(played.final_equity - 1000.0, abs=1e-9)
    assert all(part.price + part.exchange == pytest.approx(part.pnl, abs=1e-9) for part in parts)
