"""Relative volume and Amihud's illiquidity against pandas."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from quantdl.errors import DataError
from quantdl.features import amihud_illiquidity, feature_table, relative_volume
from quantdl.simulation import panel_of_closes
from tests.features.conftest import by_own_bars


@pytest.mark.parametrize("window", [5, 21])
def test_relative_volume_is_over_the_mean_of_the_bars_before(dirty, window):
    volume = np.where(dirty.fields["volume"] >= 0, dirty.fields["volume"], np.nan)

    def mean_before(own: pd.Series) -> pd.Series:  # pandas' running means never forget a volume of 1e300
        return own.rolling(window, min_periods=(window + 1) // 2).apply(np.nanmean, raw=True).shift(1)

    expected = volume / by_own_bars(dirty, volume, mean_before)
    np.testing.assert_allclose(relative_volume(dirty, window), expected, rtol=1e-9)


def test_an_unheard_of_volume_is_forgotten_after_the_window(panel_of, fields_of):
    fields = fields_of(60, 1, seed=3)
    clean = relative_volume(panel_of(fields), 5)
    fields["volume"][20] = 1e300
    damaged = relative_volume(panel_of(fields), 5)
    np.testing.assert_array_equal(damaged[:20], clean[:20])
    np.testing.assert_array_equal(damaged[26:], clean[26:])
    assert (damaged[21:26] < 1e-290).all()


def test_a_bar_without_a_trade_has_no_volume_and_lowers_no_mean(panel_of, fields_of):
    fields = fields_of(12, 1, seed=3)
    fields["volume"][:] = 1000.0
    fields["close"][5:8] = np.nan
    np.testing.assert_array_equal(relative_volume(panel_of(fields), 6)[3:, 0], [1, 1, *[np.nan] * 3, *[1.0] * 4])


@pytest.mark.parametrize("window", [5, 21])
def test_amihud_is_the_mean_of_absolute_returns_over_money(clean, window):
    closes, volume = pd.DataFrame(clean.closes), pd.DataFrame(clean.fields["volume"])
    ratio = closes.pct_change(fill_method=None).abs() / (closes * volume)
    expected = ratio.rolling(window, min_periods=(window + 1) // 2).mean()
    np.testing.assert_allclose(amihud_illiquidity(clean, window), expected, rtol=1e-9)


def test_a_bar_without_volume_takes_no_place_and_a_return_over_a_gap_counts_as_its_share(panel_of):
    """From 11 to 22 is a simple return of one, over three sessions."""
    closes = np.array([10.0, 11.0, 11.0, np.nan, 22.0, 11.0])[:, None]
    volume = np.array([1.0, 2.0, 0.0, 1.0, 4.0, 8.0])[:, None]
    first, over_gap, last = 0.1 / 22.0, 1.0 / np.sqrt(3.0) / 88.0, 0.5 / 88.0
    panel = panel_of({"close": closes, "volume": volume})
    expected = [np.nan, first, np.nan, np.nan, (first + over_gap) / 2, (over_gap + last) / 2]
    np.testing.assert_allclose(amihud_illiquidity(panel, 2, minimum=1)[:, 0], expected)


def test_the_column_compares_a_month_with_a_year_whatever_the_money(panel_of, fields_of):
    fields = fields_of(400, 2, seed=4)
    one = feature_table(panel_of(fields), ("illiquidity",))
    expected = np.log(amihud_illiquidity(panel_of(fields), 21) / amihud_illiquidity(panel_of(fields), 252))
    np.testing.assert_allclose(one.values[130:, :, 0], expected[130:], rtol=1e-4, atol=1e-6)
    other = feature_table(panel_of(fields | {"volume": 1e6 * fields["volume"]}), ("illiquidity",))
    np.testing.assert_allclose(one.values, other.values, atol=1e-6)


def test_volume_is_needed_and_closes_that_were_paid(clean):
    with pytest.raises(DataError, match="'volume' need 'volume', and the panel has only 'close'"):
        relative_volume(panel_of_closes(np.ones((3, 1))), 2)
    paid_out = replace(clean, card=clean.card.restated(adjustment="total_return"))
    with pytest.raises(DataError, match="'illiquidity' need the money that was traded"):
        feature_table(paid_out, ("illiquidity",))
    assert feature_table(paid_out, ("volume",)).known.any()


def test_money_that_the_source_states_is_taken_as_it_is(panel_of, fields_of):
    fields = fields_of(60, 2, seed=5)
    paid = amihud_illiquidity(panel_of(fields), 21)
    stated = {"close": fields["close"], "dollar_volume": 2.0 * fields["close"] * fields["volume"]}
    panel = panel_of(stated)
    panel = replace(panel, card=panel.card.restated(adjustment="total_return"))
    np.testing.assert_allclose(amihud_illiquidity(panel, 21), paid / 2.0)
