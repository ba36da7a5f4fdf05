"""Observed bars in rows: every traded bar once, in order, with the return that followed it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from quantdl.errors import DataError
from quantdl.market.status import CellStatus
from quantdl.sequences import NEXT_SESSION, ObservedBars, position_window, realised_returns
from quantdl.simulation import panel_of_closes


def test_rows_are_the_valid_bars_of_one_asset_after_another(bars, ragged_table):
    for asset in range(5):
        rows = slice(bars.first[asset], bars.first[asset + 1])
        known = np.flatnonzero(ragged_table.valid[:, asset])
        np.testing.assert_array_equal(bars.bar[rows], known)
        np.testing.assert_array_equal(bars.features[rows], ragged_table.values[known, asset])
    assert bars.first[-1] == ragged_table.valid.sum()


def test_targets_are_the_realised_returns_of_the_row(bars, ragged_panel):
    returns, observed = realised_returns(ragged_panel, (NEXT_SESSION, position_window(5)))
    asset = np.repeat(np.arange(5), np.diff(bars.first))
    np.testing.assert_array_equal(bars.target, returns[bars.bar, :, asset])
    np.testing.assert_array_equal(bars.observed, observed[bars.bar, :, asset])


def test_a_bar_outside_the_universe_stays_history_and_is_no_target(ragged_panel, bars):
    members = np.ones(ragged_panel.status.shape, dtype=bool)
    members[100:120, 0] = False
    outside = ObservedBars.of(replace(ragged_panel, members=members), (NEXT_SESSION, position_window(5)))
    assert torch.equal(outside.bar, bars.bar)
    left_out = np.isin(bars.bar, range(100, 120)) & (np.arange(len(bars.bar)) < bars.first[1])
    assert left_out.sum() >= 15
    assert not outside.observed[left_out].any()
    assert torch.equal(outside.observed[~left_out], bars.observed[~left_out])


@pytest.mark.parametrize("status", [CellStatus.HALTED, CellStatus.MISSING])
def test_a_halted_bar_is_no_row(ragged_panel, ragged_table, status):
    bar = int(np.flatnonzero(ragged_table.valid[:, 0])[60])
    closes, cells = ragged_panel.closes.copy(), ragged_panel.status.copy()
    closes[bar, 0], cells[bar, 0] = np.nan, status
    rows = ObservedBars.of(replace(ragged_panel, fields={"close": closes}, status=cells), [NEXT_SESSION])
    assert bar not in rows.bar[: rows.first[1]]


@pytest.mark.parametrize("span", [range(0, 180), range(60, 61), range(30, 100), range(170, 300), range(50, 50)])
def test_rows_between_bars_are_those_of_the_span(bars, span):
    first, after = bars.between(span)
    for asset in range(5):
        rows = np.arange(bars.first[asset], bars.first[asset + 1])
        expected = rows[np.isin(bars.bar[rows], span)]
        np.testing.assert_array_equal(np.arange(first[asset], after[asset]), expected)


def test_a_panel_without_history_is_refused():
    with pytest.raises(DataError, match="no asset has a bar with features"):
        ObservedBars.of(panel_of_closes(100.0 + np.arange(20.0).reshape(10, 2)), [NEXT_SESSION])


def test_rows_move_to_a_device(bars):
    moved = bars.to(torch.device("cpu"))
    assert torch.equal(moved.features, bars.features) and torch.equal(moved.observed, bars.observed)
