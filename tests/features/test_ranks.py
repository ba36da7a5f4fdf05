"""Ranks over the assets that are present and eligible."""

import numpy as np
import pandas as pd
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as arrays

from quantdl.features import cross_sectional_rank, feature_table, horizon_returns

SHAPE = st.tuples(st.integers(1, 6), st.integers(1, 8))
VALUES = st.sampled_from([np.nan, -np.inf, -2.0, 0.0, 0.5, 1e300, np.inf])


@given(arrays.arrays(np.float64, SHAPE, elements=VALUES), st.data())
def test_it_is_the_mean_rank_among_the_counted_spread_around_zero(values, data):
    counted = data.draw(arrays.arrays(np.bool_, values.shape))
    frame = pd.DataFrame(values).where(counted)
    number = frame.notna().sum(axis=1)
    expected = frame.rank(axis=1).sub(0.5).div(number, axis=0).sub(0.5)[number > 1]
    ranks = cross_sectional_rank(values, counted)
    np.testing.assert_allclose(ranks[number > 1], expected.to_numpy())
    assert np.isnan(ranks[number <= 1]).all()


def test_what_is_absent_or_outside_the_universe_takes_no_rank_from_the_others():
    values = np.array([[3.0, 1.0, 2.0, np.nan, 9.0]])
    counted = np.array([[True, True, True, True, False]])
    np.testing.assert_allclose(cross_sectional_rank(values, counted), [[1 / 3, -1 / 3, 0.0, np.nan, np.nan]])


def test_columns_rank_the_assets_of_the_universe_as_of_the_bar(dirty):
    table = feature_table(dirty, ("ranks",))
    names = [item.name for item in table.features]
    assert names[:2] == ["rank_of_return_1", "rank_of_return_5"]
    expected = cross_sectional_rank(horizon_returns(dirty, 5), dirty.eligible)
    np.testing.assert_allclose(table.values[..., 1][table.known[..., 1]], expected[table.known[..., 1]], rtol=1e-6)
    assert not table.known[~dirty.eligible].any() and not table.known[~dirty.traded].any()
