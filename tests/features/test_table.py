"""The table as a whole: the columns that trained models read keep their bits, and what is not there is refused."""

import hashlib
from dataclasses import replace
from datetime import date
from typing import get_args

import numpy as np
import pytest
from scipy.signal import lfilter

from quantdl.errors import DataError
from quantdl.features import DEFAULT_GROUPS, FeatureGroup, FeatureTable, feature_table
from quantdl.market.actions import CorporateActions, Split
from quantdl.market.panel import Panel
from quantdl.market.sources import load_sp500
from quantdl.simulation import panel_of_closes
from tests.panels import closes_of, heavy_tailed_returns, ragged_closes

PAST = 320
FIRST_GROUPS = ("own_history", "cross_section", "days_closed")


@pytest.fixture(scope="module")
def ragged() -> np.ndarray:
    return ragged_closes(PAST + 40, 5, seed=0)


@pytest.fixture(scope="module")
def known(ragged) -> FeatureTable:
    """What is known at the close of the last past session."""
    return feature_table(panel_of_closes(ragged[:PAST]))


def assert_same_past(longer: FeatureTable, shorter: FeatureTable) -> None:
    """Equal bit for bit, not-a-numbers included."""
    bars = len(shorter.valid)
    assert longer.features == shorter.features
    for name in ("values", "scale", "valid"):
        assert getattr(longer, name)[:bars].tobytes() == getattr(shorter, name).tobytes(), name


FUTURES = {
    "as it came": lambda future: future,
    "flat": lambda future: np.full_like(future, 100.0),
    "zero": lambda future: np.zeros_like(future),
    "a gap": lambda future: np.full_like(future, np.nan),
    "a crash": lambda future: future * 1e-12,
    "an explosion": lambda future: future * np.logspace(0, 300, len(future))[:, None],
    "shuffled": lambda future: np.random.default_rng(0).permutation(future),
    "one trade after a long gap": lambda future: np.where(np.arange(len(future))[:, None] == 30, future, np.nan),
}


@pytest.mark.parametrize("future", FUTURES.values(), ids=FUTURES.keys())
def test_no_future_changes_a_past_value(ragged, known, future):
    closes = np.concatenate([ragged[:PAST], future(ragged[PAST:])])
    assert_same_past(feature_table(panel_of_closes(closes)), known)


def test_the_table_of_every_prefix_is_the_prefix_of_the_table(ragged):
    panel = panel_of_closes(ragged)
    whole = feature_table(panel)
    for bars in (1, 2, 19, 20, 21, 22, 50, 104, 107, 120, 127, 128, 129, 200, 223, 250, 255, 256, 257, 300, 359):
        assert_same_past(whole, feature_table(panel.until(panel.sessions[bars - 1])))


def test_prefixes_of_the_bundled_stocks_have_the_same_features():
    panel = load_sp500()
    whole = feature_table(panel)
    assert whole.valid.mean() > 0.9
    for session in ("1990-03-01", "1995-01-03", "2001-09-10", "2008-10-10", "2020-03-16"):
        assert_same_past(whole, feature_table(panel.until(session)))


def test_a_listing_in_the_future_changes_no_past_of_others(ragged):
    listed_later = ragged.copy()
    listed_later[:200, 3] = np.nan
    never_listed = ragged.copy()
    never_listed[:, 3] = np.nan
    with_listing, without = (feature_table(panel_of_closes(closes)) for closes in (listed_later, never_listed))
    assert with_listing.valid[200:, 3].any() and not without.valid[:, 3].any()
    others = [0, 1, 2, 4]
    np.testing.assert_array_equal(with_listing.values[:200, others], without.values[:200, others])
    np.testing.assert_array_equal(with_listing.scale[:200], without.scale[:200])


@pytest.mark.parametrize("factor", [0.01, 100.0])
def test_returns_in_other_units_give_the_same_features(factor):
    returns = heavy_tailed_returns(150, 3, seed=1)
    table, scaled = (feature_table(panel_of_closes(closes_of(item))) for item in (returns, factor * returns))
    np.testing.assert_allclose(scaled.values, table.values, atol=2e-5)
    np.testing.assert_allclose(scaled.scale, factor * table.scale, rtol=1e-9)


def test_what_is_not_valid_is_zero_and_has_no_scale(known):
    assert not known.values[~known.valid].any()
    assert np.isnan(known.scale[~known.valid]).all()
    assert np.isfinite(known.values).all() and (known.scale[known.valid] > 0).all()


def test_a_value_needs_a_trade_today_and_twenty_returns_behind_it(ragged, known):
    returns = np.isfinite(panel_of_closes(ragged[:PAST]).log_returns())
    np.testing.assert_array_equal(known.valid, returns & (np.cumsum(returns, axis=0) >= 20))


def test_an_asset_that_never_moved_is_not_valid():
    closes = closes_of(heavy_tailed_returns(60, 2, seed=2))
    closes[:, 1] = 100.0
    assert not feature_table(panel_of_closes(closes)).valid[:, 1].any()


def test_every_feature_declares_its_look_back_and_stands_once(known):
    keys = [(item.name, item.half_life_bars) for item in known.features]
    assert len(set(keys)) == len(keys) == known.values.shape[-1]
    assert all(half_life >= 0 for _, half_life in keys)


@pytest.fixture(scope="module")
def one_outlier() -> Panel:
    closes = closes_of(heavy_tailed_returns(120, 2, seed=5))
    closes[80:, 0] *= 1e8
    return panel_of_closes(closes)


def test_one_absurd_return_leaves_every_feature_bounded(one_outlier):
    assert np.abs(feature_table(one_outlier).values).max() < 100.0


# The default columns, as the networks of the first release were trained on them.


def digest(table: FeatureTable) -> str:
    state = hashlib.sha256("|".join(f"{item.name}:{item.half_life_bars}" for item in table.features).encode())
    for name in ("values", "scale", "valid"):
        values = getattr(table, name)
        state.update(f"{name}{values.dtype}".encode() + values.tobytes())
    return state.hexdigest()


def arithmetic() -> str:
    """What this machine makes of logarithms, roots and recursions: the last bits differ between processors."""
    numbers = np.geomspace(1e-6, 1e6, 20001)
    results = np.log(numbers), np.arcsinh(numbers), np.expm1(-numbers), np.sqrt(numbers)
    state = hashlib.sha256(b"".join(values.tobytes() for values in results))
    state.update(lfilter([0.1], [1.0, -0.9], numbers).tobytes())
    state.update(numbers.reshape(-1, 3).sum(axis=1).tobytes())
    return state.hexdigest()


@pytest.fixture
def recorded_arithmetic():
    if arithmetic() != "a984b058e13c0ceebb735768bd94ba3768ef7b5c6ceba1dfd7b220ea4157e458":
        pytest.skip("this processor rounds elementary functions otherwise than the one the bits were recorded on")


def test_the_first_columns_of_the_bundled_stocks_have_their_recorded_bits(recorded_arithmetic):
    recorded = "135364c15a841f65af522bbd475d605c04df3281764671e922af2699fe2b2123"
    assert digest(feature_table(load_sp500(), FIRST_GROUPS)) == recorded


def test_the_first_columns_of_ragged_panels_have_their_recorded_bits(recorded_arithmetic):
    recorded = "d98966c69641bcdfb7b43322d79f210be9685d93df25115b5f02d3cb64c43339"
    assert digest(feature_table(panel_of_closes(ragged_closes(800, 7, seed=3)), FIRST_GROUPS)) == recorded
    closes = ragged_closes(600, 6, seed=11)
    closes[100:105, 0] = 0
    closes[250, 1] *= 1e8
    closes[300:, 2] *= 1e-9
    closes[400:420, 4] = closes[400, 4]
    recorded = "fe2a5d79ccf2513b9bd3a6074b6c9ed4ea5b979879520f1b6f1d041e7a1e69a6"
    assert digest(feature_table(panel_of_closes(closes), FIRST_GROUPS)) == recorded


def test_the_other_columns_keep_their_bits_where_every_session_of_an_asset_has_a_bar(
    recorded_arithmetic, panel_of, fields_of
):
    """Recorded when windows counted sessions: between a listing and an end without a gap, those are the bars."""
    fields = fields_of(700, 6, seed=11)
    fields["close"][:150, 2] = np.nan
    fields["close"][500:, 4] = np.nan
    others = [group for group in get_args(FeatureGroup) if group not in DEFAULT_GROUPS]
    recorded = "a9b28ca2cae38596e810daf8d7c0662e83adab805b9b0464d7e7cc0e2620fae3"
    assert digest(feature_table(panel_of(fields), others)) == recorded


def test_the_default_columns_begin_with_the_twenty_five_of_the_first_release(known):
    names = [(item.name, item.half_life_bars) for item in known.features]
    assert len(names) == 41 and names[0] == ("last_return", 0.0) and names[24] == ("days_closed_ahead", 0.0)
    assert known.known.shape == known.values.shape
    np.testing.assert_array_equal(known.known, np.broadcast_to(known.valid[..., None], known.values.shape))


# Groups.


def test_groups_come_in_the_order_that_was_asked_for(clean):
    groups = get_args(FeatureGroup)
    whole = feature_table(clean, groups)
    alone = [feature_table(clean, (group,)) for group in groups]
    assert whole.features == tuple(item for table in alone for item in table.features)
    assert whole.values.tobytes() == np.concatenate([table.values for table in alone], axis=-1).tobytes()
    assert whole.known.tobytes() == np.concatenate([table.known for table in alone], axis=-1).tobytes()
    backwards = feature_table(clean, groups[::-1])
    assert backwards.features[: len(alone[-1].features)] == alone[-1].features and len(backwards.features) == len(
        whole.features
    )


def test_no_two_columns_of_all_groups_are_called_the_same(clean):
    features = feature_table(clean, get_args(FeatureGroup)).features
    assert len({(item.name, item.half_life_bars) for item in features}) == len(features)
    assert len(feature_table(clean, get_args(FeatureGroup)).features) == 86
    assert all(item.look_back_bars is None or item.half_life_bars == 0 for item in features)


def test_an_ordinary_market_gives_columns_around_zero_and_of_the_size_of_one(clean):
    table = feature_table(clean, get_args(FeatureGroup))
    for number, feature in enumerate(table.features):
        if feature.look_back_bars is None:
            continue
        assert np.abs(table.values[..., number]).max() < 5.0, feature
        cells = table.values[..., number][table.known[..., number]]
        assert abs(cells.mean()) < 2.5 and cells.std() < 2.5, feature


def test_no_column_of_a_dirty_panel_is_unbounded(dirty):
    table = feature_table(dirty, get_args(FeatureGroup))
    assert np.isfinite(table.values).all() and np.abs(table.values).max() < 100.0


def test_a_cell_that_did_not_trade_is_zero_and_not_known_in_every_column(dirty):
    table = feature_table(dirty, get_args(FeatureGroup))
    assert {0, 1, 2, 3, 4} == set(np.unique(dirty.status))
    assert not table.valid[~dirty.traded].any() and not table.known[~dirty.traded].any()
    assert not table.values[~dirty.traded].any()


def test_an_unknown_group_is_refused_with_the_one_that_was_meant(clean):
    with pytest.raises(
        DataError, match="'volatilty' is not a group. Did you mean 'volatility'\\?.*The groups are 'own_history'"
    ):
        feature_table(clean, (*DEFAULT_GROUPS, "volatilty"))
    with pytest.raises(DataError, match="'returns' is named twice"):
        feature_table(clean, ("returns", "volume", "returns"))
    with pytest.raises(DataError, match="none was named"):
        feature_table(clean, ())


def test_raw_prices_with_splits_are_refused(clean):
    split = CorporateActions(splits=(Split(date(2000, 6, 1), clean.assets[0], 7.0),))
    raw = replace(clean, card=clean.card.restated(adjustment="raw"))
    with pytest.raises(DataError, match=f"first {clean.assets[0]} on 2000-06-01, 7 new shares for each"):
        feature_table(replace(raw, actions=split))
    assert feature_table(raw).valid.any() and feature_table(replace(clean, actions=split)).valid.any()
