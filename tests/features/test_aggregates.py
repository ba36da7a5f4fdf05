"""Market and sector aggregates against pandas, over the universe as of the bar."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from quantdl.errors import DataError
from quantdl.features import feature_table, horizon_returns, realised_volatility


def column(table, name: str) -> np.ndarray:
    (number,) = [n for n, item in enumerate(table.features) if item.name == name]
    return np.where(table.known[..., number], table.values[..., number], np.nan)


@pytest.fixture(scope="module")
def standardised(dirty) -> pd.DataFrame:
    """One-bar returns over the quarter's volatility, of the eligible assets only."""
    yardstick = realised_volatility(dirty, 63)
    returns = horizon_returns(dirty, 1) / np.where(yardstick > 0, yardstick, np.nan)
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
