"""Markets, sectors and ranks against pandas, over the universe as of the bar."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as arrays

from quantdl.errors import DataError
from quantdl.features import cross_sectional_rank, feature_table, horizon_returns, realised_volatility
from tests.features.conftest import by_own_bars

SHAPE = st.tuples(st.integers(1, 6), st.integers(1, 8))
VALUES = st.sampled_from([np.nan, -np.inf, -2.0, 0.0, 0.5, 1e300, np.inf])


def column(table, name: str) -> np.ndarray:
    (number,) = [n for n, item in enumerate(table.features) if item.name == name]
    return np.where(table.known[..., number], table.values[..., number], np.nan)


@pytest.fixture(scope="module")
def standardised(dirty) -> pd.DataFrame:
    """One-bar returns over what the quarter's volatility expects of their sessions, of the eligible assets only."""
    rows = np.repeat(np.arange(float(len(dirty.sessions)))[:, None], len(dirty.assets), axis=1)
    sessions = by_own_bars(dirty, rows, pd.Series.diff)
    volatility = realised_volatility(dirty, 63)
    returns = horizon_returns(dirty, 1) / np.where(volatility > 0, volatility, np.nan) / np.sqrt(sessions)
    return pd.DataFrame(np.where(dirty.eligible, returns, np.nan))


def test_the_market_is_the_mean_over_eligible_assets(dirty, standardised):
    table = feature_table(dirty, ("market",))
    mean = standardised.mean(axis=1)
    expected = {
        "market_return_1": mean,
        "market_dispersion_1": np.log1p(standardised.std(axis=1, ddof=0)),
        "market_breadth_1": (np.sign(standardised) / 2.0).mean(axis=1),
    }
    for name, values in expected.items():
        found = column(table, name)
        wanted = np.where(np.isnan(found), np.nan, values.to_numpy()[:, None])
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6, err_msg=name)
        assert np.isfinite(found).sum() > 3000


def test_a_sector_is_the_mean_over_its_eligible_assets(dirty, standardised):
    table = feature_table(dirty, ("sector",))
    sectors = pd.Series([dirty.sectors.get(asset) for asset in dirty.assets])
    mean = standardised.T.groupby(sectors).mean().T
    own, over = column(table, "sector_return_1"), column(table, "return_over_sector_1")
    for number, sector in enumerate(sectors[:-1]):
        known = np.isfinite(own[:, number])
        np.testing.assert_allclose(own[known, number], mean[sector].to_numpy()[known], rtol=1e-4, atol=1e-6)
    eligible = np.isfinite(over) & dirty.eligible
    expected = np.arcsinh(standardised.to_numpy() - own)
    np.testing.assert_allclose(over[eligible], expected[eligible], rtol=1e-3, atol=1e-5)
    assert eligible.sum() > 2000
    assert np.isnan(own[:, -1]).all()  # it has no sector


def test_an_asset_outside_the_universe_moves_no_aggregate(dirty):
    outside = dirty.eligible.copy()
    outside[:, 4] = False
    fields = {name: values.copy() for name, values in dirty.fields.items()}
    fields["close"][::2, 4] *= 3.0
    groups = ("cross_section", "market", "sector")
    calm = feature_table(replace(dirty, members=outside), groups)
    wild = feature_table(replace(dirty, members=outside, fields=fields), groups)
    others = [0, 1, 2, 3, 5, 6, 7]
    np.testing.assert_array_equal(calm.values[:, others], wild.values[:, others])
    everyone = feature_table(replace(dirty, members=None, fields=fields), groups)
    assert (everyone.values[:, others] != wild.values[:, others]).any()


def test_sectors_are_needed(dirty):
    with pytest.raises(DataError, match="'sector' need the sectors of the assets"):
        feature_table(replace(dirty, sectors={}), ("sector",))


# Ranks.


@given(arrays.arrays(np.float64, SHAPE, elements=VALUES), st.data())
def test_a_rank_is_the_mean_rank_among_the_counted_spread_around_zero(values, data):
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
