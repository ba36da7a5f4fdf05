"""Packed cells come back where they were."""

import numpy as np
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as arrays

from quantdl.features.packing import Packing

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
