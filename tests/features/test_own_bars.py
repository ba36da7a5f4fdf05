"""Own bars come back where they were, and what takes no place in a window changes no bit of what is measured on it."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as arrays

from quantdl.features import (
    amihud_illiquidity,
    bars_since_peak,
    downside_semivariance,
    drawdown,
    feature_table,
    garman_klass_volatility,
    horizon_returns,
    parkinson_volatility,
    realised_variance,
    relative_volume,
    yang_zhang_volatility,
)
from quantdl.features.own_bars import OwnBars
from quantdl.simulation import panel_of_closes

MASKS = arrays.arrays(np.bool_, st.tuples(st.integers(1, 40), st.integers(1, 5)))


def own_bars_of(traded: np.ndarray) -> OwnBars:
    return OwnBars(SimpleNamespace(traded=traded))


@given(MASKS)
def test_each_assets_bars_stand_first_in_time_order_and_come_back(traded):
    own = own_bars_of(traded)
    values = np.arange(1.0, traded.size + 1.0).reshape(traded.shape)
    packed = own.side_by_side(values)
    assert packed.shape == (traded.sum(axis=0).max(), traded.shape[1])
    for column, cells in enumerate(packed.T):
        bars = values[traded[:, column], column]
        np.testing.assert_array_equal(cells, np.concatenate([bars, np.full(len(cells) - len(bars), np.nan)]))
    np.testing.assert_array_equal(own.on_sessions(packed), np.where(traded, values, np.nan))


@given(MASKS, st.integers(1, 5))
def test_a_bar_spans_the_sessions_since_the_own_bar_so_many_before(traded, bars):
    spanned = own_bars_of(traded).sessions_spanned(bars)
    for column, cells in enumerate(spanned.T):
        rows = np.flatnonzero(traded[:, column])
        expected = np.full(len(cells), np.nan)
        expected[bars : len(rows)] = rows[bars:] - rows[: max(len(rows) - bars, 0)]
        np.testing.assert_array_equal(cells, expected)


def test_only_closes_that_are_no_prices_lengthen_a_return_in_own_bars():
    own = OwnBars(panel_of_closes(np.array([[100.0], [np.nan], [110.0], [0.0], [-1.0], [110.0], [121.0]])))
    np.testing.assert_array_equal(own.bars_per_return[[1, 4, 5], 0], [1, 3, 1])
    expected = [np.nan, np.log(1.1) / np.sqrt(2.0), np.nan, np.nan, 0.0, np.log(1.1)]
    np.testing.assert_allclose(own.returns_per_session[:, 0], expected)


# Halts of several sessions, at other times for each asset, in the middle of bars without any.

HALTS = ((60, 5), (130, 1), (131, 2), (260, 40))  # the own bar before which it begins, and its sessions
LATER = 3  # bars by which the halts of each asset lie behind those of the asset before


def with_halts(values: np.ndarray, n_sessions: int) -> np.ndarray:
    halted = np.full((n_sessions, values.shape[1]), np.nan)
    for column, bars in enumerate(values.T):
        at = np.concatenate([np.full(length, bar + LATER * column) for bar, length in HALTS])
        halted[:, column] = np.insert(bars, at, np.nan)
    return halted


@pytest.fixture(scope="module")
def halted(clean):
    """The clean panel, with its bars on more sessions."""
    n_sessions = len(clean.sessions) + sum(length for _, length in HALTS)
    longer = panel_of_closes(with_halts(clean.closes, n_sessions))
    fields = {name: with_halts(values, n_sessions) for name, values in clean.fields.items()}
    return replace(longer, fields=fields, card=clean.card, sectors=clean.sectors)


MEASURES = {
    "return of a bar": lambda panel: horizon_returns(panel, 1),
    "return of a month": lambda panel: horizon_returns(panel, 21),
    "drawdown": lambda panel: drawdown(panel, 50),
    "time since the peak": lambda panel: bars_since_peak(panel, 50),
    "Parkinson": lambda panel: parkinson_volatility(panel, 21),
    "Garman and Klass": lambda panel: garman_klass_volatility(panel, 21),
    "volume": lambda panel: relative_volume(panel, 21),
}


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES.keys())
def test_halts_change_no_bit_of_what_is_measured_on_the_bars_around_them(clean, halted, measure):
    found, expected = measure(halted), measure(clean)
    for column, traded in enumerate(halted.traded.T):
        assert found[traded, column].tobytes() == np.ascontiguousarray(expected[:, column]).tobytes()
        assert np.isnan(found[~traded, column]).all()
    assert np.isfinite(expected).mean() > 0.9


SHARES = {
    "variance": lambda panel, minimum: realised_variance(panel, 21, minimum),
    "downside": lambda panel, minimum: downside_semivariance(panel, 21, minimum),
    "Yang and Zhang": lambda panel, minimum: yang_zhang_volatility(panel, 21, minimum),
    "Amihud": lambda panel, minimum: amihud_illiquidity(panel, 21, minimum),
}


@pytest.mark.parametrize("measure", SHARES.values(), ids=SHARES.keys())
def test_after_a_halt_a_window_of_21_holds_21_returns(clean, halted, measure):
    """Asked for all 21, each measure is known from the first own bar on that has so many before it."""
    found, expected = measure(halted, 21), measure(clean, 21)
    for column, traded in enumerate(halted.traded.T):
        np.testing.assert_array_equal(np.isfinite(found[traded, column]), np.isfinite(expected[:, column]))
        apart = HALTS[0][0] + LATER * column  # up to the first halt nothing differs
        assert found[:apart, column].tobytes() == np.ascontiguousarray(expected[:apart, column]).tobytes()
        quiet = slice(-60, None)  # nor where no halt lies in the window
        assert found[quiet, column].tobytes() == np.ascontiguousarray(expected[quiet, column]).tobytes()


OWN_GROUPS = ("returns", "volatility", "range_volatility", "downside", "drawdown", "volume", "illiquidity")


def test_halts_make_no_column_of_an_asset_unknown_on_the_bars_around_them(clean, halted):
    found, expected = feature_table(halted, OWN_GROUPS), feature_table(clean, OWN_GROUPS)
    for column, traded in enumerate(halted.traded.T):
        np.testing.assert_array_equal(found.known[traded, column], expected.known[:, column])
        assert not found.known[~traded, column].any()
