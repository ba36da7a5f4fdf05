"""What a panel must have for features, and pieces of their table."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from quantdl.errors import DataError
from quantdl.features import feature_table
from quantdl.features.columns import fields_of, refuse_splits_in_raw_prices
from quantdl.market.actions import CorporateActions, Split


def test_fields_come_in_the_order_of_their_names(clean):
    low, opened = fields_of(clean, ["low", "open"], "range_volatility")
    assert low is clean.fields["low"] and opened is clean.fields["open"]


def test_every_missing_field_is_named_with_those_that_are_there(clean):
    expected = "group 'volume' need 'bid', 'ask', and the panel has only 'close', 'high', 'low', 'open', 'volume'"
    with pytest.raises(DataError, match=expected):
        fields_of(clean, ["low", "bid", "ask"], "volume")


def test_only_raw_prices_with_splits_are_refused(clean):
    split = CorporateActions(splits=(Split(date(2000, 6, 1), clean.assets[0], 7.0),))
    raw = replace(clean, card=clean.card.restated(adjustment="raw"))
    expected = f"signals need prices adjusted for splits.*first {clean.assets[0]} on 2000-06-01, 7 new shares for each"
    with pytest.raises(DataError, match=expected):
        refuse_splits_in_raw_prices(replace(raw, actions=split), "signals")
    refuse_splits_in_raw_prices(raw, "signals")
    refuse_splits_in_raw_prices(replace(clean, actions=split), "signals")


def test_a_piece_of_a_table_holds_the_rows_of_those_bars(clean):
    whole = feature_table(clean)
    piece = whole.rows(slice(100, 130))
    assert piece.features == whole.features and piece.assets == whole.assets
    assert piece.known_at.equals(clean.known_at[100:130])
    for name in ("values", "scale", "valid", "known"):
        np.testing.assert_array_equal(getattr(piece, name), getattr(whole, name)[100:130])
