"""The decayed mean against its definition, and packed cells, which come back where they were."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as arrays

from quantdl.features import decayed_mean
from quantdl.features.decay import Packing, known_log_ratio, log_ratio


@given(
    arrays.arrays(np.float64, st.integers(1, 60), elements=st.floats(-1e3, 1e3)),
    st.floats(0.5, 500.0),
)
def test_decayed_mean_is_the_weighted_mean_with_halving_weights(values, half_life):
    expected = [
        np.average(values[: bar + 1], weights=0.5 ** (np.arange(bar, -1, -1) / half_life)) for bar in range(len(values))
    ]
    np.testing.assert_allclose(decayed_mean(values, half_life), expected, rtol=1e-9, atol=1e-9)


def test_decayed_mean_by_hand():
    # Weights 1; 1/3, 2/3; 1/7, 2/7, 4/7.
    np.testing.assert_allclose(decayed_mean(np.array([3.0, 0.0, 7.0]), 1.0), [3.0, 1.0, 1 / 3 * 0 + 3 / 7 + 4.0])


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_decayed_mean_keeps_further_axes_apart(axis):
    values = np.random.default_rng(0).normal(size=(30, 30, 30))
    whole = decayed_mean(values, 7.0, axis=axis)
    np.testing.assert_array_equal(
        np.moveaxis(whole, axis, 0)[:, 1, 2], decayed_mean(np.moveaxis(values, axis, 0)[:, 1, 2], 7.0)
    )


def test_log_ratios_are_held_within_e_to_the_fourth_and_unknown_where_nothing_is_known():
    top, bottom = np.array([1.0, 1e9, 0.0, 0.0, np.nan, 2.0]), np.array([1.0, 1.0, 1.0, 0.0, 1.0, 0.0])
    np.testing.assert_allclose(known_log_ratio(top, bottom), [0.0, 4.0, -4.0, np.nan, np.nan, 4.0])
    np.testing.assert_allclose(log_ratio(top, bottom), [0.0, 4.0, -4.0, 0.0, 0.0, 4.0])


MASKS = arrays.arrays(np.bool_, st.tuples(st.integers(1, 70), st.integers(1, 6)))


@given(MASKS)
def test_each_assets_cells_stand_first_in_time_order_and_come_back(mask):
    values = np.arange(1.0, mask.size + 1.0).reshape(mask.shape)
    packing = Packing.of(mask)
    packed = packing.pack(values)
    assert packed.shape == (mask.shape[1], mask.sum(axis=0).max())
    for asset, row in enumerate(packed):
        own = values[mask[:, asset], asset]
        np.testing.assert_array_equal(row, np.concatenate([own, np.zeros(packed.shape[1] - len(own))]))
    np.testing.assert_array_equal(packing.unpack(packed), np.where(mask, values, 0.0))
