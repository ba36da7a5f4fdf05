"""What a share becomes by its corporate actions, bar by bar."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from quantdl.errors import DataError
from quantdl.market.actions import CashDividend, CorporateActions, Split
from quantdl.market.corporate.effects import carried_closes, effects, share_scales
from tests.raw_panels import raw_world

CLOSES = np.full((8, 2), 100.0)


def with_card(panel, adjustment):
    return replace(panel, card=panel.card.restated(adjustment=adjustment))


def test_a_split_multiplies_shares_from_its_ex_date_on():
    scales = share_scales(raw_world(CLOSES, splits={(3, 0): 2.0, (5, 0): 0.1}))
    np.testing.assert_array_equal(scales.shares[:, 0], [1, 1, 1, 2, 2, 0.2, 0.2, 0.2])
    np.testing.assert_array_equal(scales.growth[:, 0], scales.shares[:, 0])
    np.testing.assert_array_equal(scales.shares[:, 1], 1.0)


def test_a_dividend_grows_a_share_by_one_over_one_minus_its_yield():
    scales = share_scales(raw_world(CLOSES, dividends={(3, 1): 4.0}))
    np.testing.assert_allclose(scales.growth[3:, 1], 1 / (1 - 4.0 / 100.0), rtol=1e-15)
    np.testing.assert_array_equal(scales.growth[:3, 1], 1.0)
    np.testing.assert_array_equal(scales.shares, 1.0)


def test_on_one_ex_date_the_dividend_is_paid_on_old_shares():
    scales = share_scales(raw_world(CLOSES, splits={(3, 0): 2.0}, dividends={(3, 0): 4.0}))
    assert scales.growth[3, 0] == pytest.approx(2 / 0.96, rel=1e-15)


def test_two_dividends_of_one_ex_date_add_up():
    panel = raw_world(CLOSES)
    day = panel.sessions[3].date()
    both = CorporateActions(dividends=(CashDividend(day, "A00", 1.0), CashDividend(day, "A00", 3.0)))
    assert share_scales(replace(panel, actions=both)).growth[3, 0] == pytest.approx(1 / 0.96, rel=1e-15)


def test_a_dividend_after_a_split_of_the_same_bar_counts_in_new_shares():
    """Ex-dates on a weekend and the Monday after it, in data without the weekend, fall on one bar."""
    panel = raw_world(CLOSES)
    split, dividend = (panel.sessions[row].date() for row in (3, 4))
    actions = CorporateActions(splits=(Split(split, "A00", 2.0),), dividends=(CashDividend(dividend, "A00", 2.0),))
    gap = replace(
        panel,
        sessions=panel.sessions.delete(3),
        known_at=panel.known_at.delete(3),
        fields={"close": panel.closes[1:]},
        status=panel.status[1:],
        actions=actions,
    )
    (effect,) = effects(gap)
    assert (effect.row, effect.ratio, effect.cash) == (3, 2.0, 4.0)


@pytest.mark.parametrize(
    ("adjustment", "kinds"), [("raw", {"split", "cash"}), ("split", {"cash"}), ("total_return", set())]
)
def test_what_is_in_the_prices_already_has_no_effect(adjustment, kinds):
    panel = with_card(raw_world(CLOSES, splits={(3, 0): 2.0}, dividends={(4, 0): 1.0}), adjustment)
    found = {"split" if effect.ratio != 1 else "cash" for effect in effects(panel)}
    assert found == kinds


def test_actions_outside_the_bars_change_nothing():
    panel = raw_world(CLOSES)
    outside = (date(2000, 1, 3), panel.sessions[0].date(), date(2040, 1, 3))
    actions = CorporateActions(splits=tuple(Split(day, "A00", 2.0) for day in outside))
    assert effects(replace(panel, actions=actions)) == ()


def test_a_split_on_a_day_without_a_bar_takes_effect_on_the_next():
    panel = raw_world(CLOSES)
    kept = [0, 1, 2, 4, 5]
    actions = CorporateActions(splits=(Split(panel.sessions[3].date(), "A00", 2.0),))
    shorter = replace(
        panel,
        sessions=panel.sessions[kept],
        known_at=panel.known_at[kept],
        fields={"close": panel.closes[kept]},
        status=panel.status[kept],
        actions=actions,
    )
    assert [effect.row for effect in effects(shorter)] == [3]


def test_a_price_that_was_halted_over_an_ex_date_is_carried_in_new_units():
    closes = CLOSES.copy()
    closes[2:5, 0] = np.nan
    panel = raw_world(closes, splits={(4, 0): 4.0}, dividends={(3, 0): 10.0})
    np.testing.assert_allclose(carried_closes(panel)[:, 0], [100, 100, 100, 90, 22.5, 100, 100, 100], rtol=1e-15)


def test_the_second_dividend_of_a_halt_is_a_share_of_what_the_first_left():
    closes = CLOSES.copy()
    closes[2:6, 0] = np.nan
    panel = raw_world(closes, dividends={(3, 0): 50.0, (4, 0): 25.0})
    np.testing.assert_allclose(share_scales(panel).growth[4, 0], 1 / (0.5 * 0.5), rtol=1e-15)
    assert carried_closes(panel)[5, 0] == pytest.approx(25.0)


def test_a_traded_close_is_carried_bit_for_bit():
    closes = 100 * np.exp(np.random.default_rng(0).normal(size=(50, 2)))
    panel = raw_world(closes, dividends={(row, 0): 0.37 for row in range(1, 50, 3)})
    np.testing.assert_array_equal(carried_closes(panel), closes)


def test_a_dividend_as_large_as_the_price_is_refused_by_name_and_figures():
    panel = raw_world(CLOSES, dividends={(3, 0): 100.0, (4, 1): 250.0})
    with pytest.raises(DataError) as error:
        share_scales(panel)
    assert "A00: ex-date 2018-01-05, dividend 100, last close before it 100 on 2018-01-04" in str(error.value)
    assert "A01: ex-date 2018-01-06, dividend 250, last close before it 100 on 2018-01-05" in str(error.value)
    assert "unadjusted share" in str(error.value)  # what usually lies behind it


def test_a_dividend_before_the_first_trade_changes_nothing():
    closes = CLOSES.copy()
    closes[:5, 0] = np.nan
    np.testing.assert_array_equal(share_scales(raw_world(closes, dividends={(3, 0): 4.0})).growth, 1.0)


def test_scales_of_a_prefix_are_a_prefix_of_the_scales():
    generator = np.random.default_rng(1)
    closes = 100 * np.exp(np.cumsum(0.02 * generator.normal(size=(60, 3)), axis=0))
    closes[generator.random(closes.shape) < 0.2] = np.nan
    splits = {(int(row), 0): float(ratio) for row, ratio in zip([5, 20, 41], [2, 0.031, 7], strict=True)}
    dividends = {(row, 1): 0.3 for row in range(3, 60, 5)}
    panel = raw_world(closes, splits=splits, dividends=dividends)
    whole, carried = share_scales(panel), carried_closes(panel)
    for t in range(1, 60):
        part = panel.until(panel.sessions[t])
        later = share_scales(panel, "ex_close").growth[: t + 1]
        np.testing.assert_array_equal(share_scales(part, "ex_close").growth, later)
        np.testing.assert_array_equal(share_scales(part).growth, whole.growth[: t + 1])
        np.testing.assert_array_equal(carried_closes(part), carried[: t + 1])
