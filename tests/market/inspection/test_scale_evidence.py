"""The evidence for a change of scale, on jumps made by hand."""

import numpy as np
import pytest

from quantdl.market.inspection.scale_evidence import Jump, is_temporary_scale
from quantdl.market.inspection.session_bars import SessionBars

N = 60
# Closes that move by exactly 1 % up and down: the ordinary move is ln(1.01).
CALM = 100.0 * 1.01 ** (np.arange(N) % 2)


def bars_of(closes: np.ndarray, spread: np.ndarray | float = 1.005, volume: np.ndarray | None = None) -> SessionBars:
    volume = np.full(N, 1000.0) if volume is None else volume
    fields = {"open": closes, "high": closes * spread, "low": closes / spread, "close": closes, "volume": volume}
    rows = np.arange(N)
    return SessionBars(
        start=np.arange(N + 1), first_row=rows[:, None], **{name: values[:, None] for name, values in fields.items()}
    )


def jump_of(closes: np.ndarray, **how) -> Jump:
    """The jump at the last of 22 sessions."""
    rows = np.arange(19, 41)
    return Jump(bars_of(closes, **how), 0, rows, np.zeros(len(rows)))


def halved(at: int = 40) -> np.ndarray:
    return np.where(np.arange(N) >= at, 0.5, 1.0) * CALM


def test_size_and_ordinary_move_are_those_of_the_closes():
    jump = jump_of(halved())
    assert jump.size == pytest.approx(np.log(0.5) - np.log(1.01))
    assert jump.ordinary_move() == pytest.approx(np.log(1.01))


def test_a_calm_bar_at_half_the_price_and_twice_the_shares_is_a_change_of_scale():
    shares = np.where(np.arange(N) >= 40, 2000.0, 1000.0)
    jump = jump_of(halved(), volume=shares)
    assert jump.is_round() and jump.is_calm() and jump.money_is_ordinary() and jump.is_change_of_scale()


def test_a_fought_over_bar_is_news():
    spread = np.where(np.arange(N) == 40, 1.10, 1.005)  # twenty times the usual range
    jump = jump_of(halved(), spread=spread)
    assert jump.is_calm() is False and not jump.is_change_of_scale()


def test_much_more_money_than_usual_is_news():
    busy = np.where(np.arange(N) == 40, 20_000.0, 1000.0)  # ten times the usual money at half the price
    jump = jump_of(halved(), volume=busy)
    assert jump.money_is_ordinary() is False and not jump.is_change_of_scale()


@pytest.mark.parametrize(("factor", "is_round"), [(2.0, True), (2.04, True), (10.0, True), (2.2, False), (1.3, False)])
def test_common_ratios_are_met_to_three_per_cent(factor, is_round):
    closes = np.full(N, 100.0)
    closes[40:] /= factor
    assert jump_of(closes).is_round() is is_round


def test_a_price_that_never_moved_says_nothing_of_what_is_ordinary():
    closes = np.full(N, 100.0)
    closes[40:] = 50.0
    assert jump_of(closes).ordinary_move() == 0.0
    assert not jump_of(closes).is_change_of_scale()


def test_ten_bars_at_ten_times_the_price_are_a_detour():
    closes = CALM.copy()
    closes[30:40] *= 10.0
    assert is_temporary_scale(bars_of(closes), 0, np.arange(N), 30, 40)


def test_a_way_back_that_misses_by_half_is_no_detour():
    closes = CALM.copy()
    closes[30:40] *= 10.0
    closes[40:] *= 5.0
    assert not is_temporary_scale(bars_of(closes), 0, np.arange(N), 30, 40)


def test_bars_that_touch_the_other_scale_are_no_detour():
    closes = CALM.copy()
    closes[30:40] *= 2.0
    spread = np.where(np.arange(N) == 30, 2.1, 1.005)  # the first bar trades through both scales
    assert not is_temporary_scale(bars_of(closes, spread=spread), 0, np.arange(N), 30, 40)
