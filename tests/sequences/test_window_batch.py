"""Windows as batches of one asset: what a network reads of them is what it reads of a panel with that asset alone."""

import dataclasses

import numpy as np
import pytest
import torch

from quantdl.features import feature_table
from quantdl.sequences import (
    NEXT_SESSION,
    ObservedBars,
    WindowLoader,
    build_histories,
    one_asset_batch,
    position_window,
    realised_returns,
)

WINDOWS = (NEXT_SESSION, position_window(5))
CONTEXT = 12


def batches(bars, length=CONTEXT, forecasts=1, span=None, seed=None, size=7):
    loader = WindowLoader(bars, length, size, seed, span)
    for windows in loader.batches(loader.start(0)):
        yield windows, one_asset_batch(bars, windows, 3, forecasts, span)


def forecasts_of(windows, batch):
    """(asset, bar, window) of each forecast, by its number."""
    asset = windows.asset[batch.row]
    return list(zip(asset.tolist(), batch.bar.tolist(), batch.window.tolist(), strict=True))


def test_every_observed_target_of_a_span_is_asked_for_once(bars, ragged_panel):
    span, found = range(60, 130), []
    target, observed = realised_returns(ragged_panel, WINDOWS)
    ends = np.array([window.ends_after for window in WINDOWS])
    for windows, batch in batches(bars, span=span):
        for number, key in enumerate(forecasts_of(windows, batch)):
            if batch.target_observed[number, 0]:
                found.append(key)
                assert batch.target[number, 0] == target[key[1], key[2], key[0]]
    has_row = np.zeros(observed.shape, dtype=bool)
    for asset in range(5):
        has_row[bars.bar[bars.first[asset] : bars.first[asset + 1]], :, asset] = True
    bar, window, asset = np.nonzero(observed & has_row)
    inside = (bar >= span.start) & (bar + ends[window] < span.stop)
    assert sorted(found) == sorted(zip(asset[inside], bar[inside], window[inside], strict=True))


@pytest.mark.parametrize("forecasts", [1, 5, CONTEXT + 8])
def test_each_forecast_reads_the_bars_of_its_window_up_to_its_own(bars, ragged_table, forecasts):
    for windows, batch in batches(bars, forecasts=forecasts, seed=3):
        own = batch.at_position(batch.bar_index)[:, 0]
        present = batch.present[:, 0]
        assert torch.equal(own[present], batch.bar[present])
        if batch.reads is not None:
            read = batch.bar_index.gather(2, batch.reads.positions(batch.features.shape[2]))
            assert torch.equal(batch.at_read(read)[:, 0], own)
        assert not batch.target_observed[~present].any()
        for number in range(0, len(batch.row), 13):
            row, stop = int(batch.row[number]), int(batch.position[number, 0]) + 1
            read = batch.bar_index[row, 0, :stop]
            known = np.flatnonzero(ragged_table.valid[: int(batch.bar[number]) + 1, int(windows.asset[row])])
            np.testing.assert_array_equal(read, known[-stop:])
            values = ragged_table.values[known[-stop:], int(windows.asset[row])]
            np.testing.assert_array_equal(batch.features[row, 0, :stop], values)


def test_windows_that_only_fill_up_observe_nothing(bars):
    n_observed = sum(int(batch.target_observed.sum()) for _, batch in batches(bars, size=4))
    assert n_observed == int(bars.observed.sum())
    assert any(windows.n_windows < len(windows.lengths) for windows, _ in batches(bars, size=4))


@pytest.mark.parametrize("asset", [0, 3])
def test_a_batch_of_windows_is_the_batch_of_a_panel_with_one_asset(ragged_panel, asset):
    alone = ragged_panel.select(ragged_panel.assets[asset : asset + 1])
    table = feature_table(alone, ("own_history",))
    histories = build_histories(alone, WINDOWS, table=table)
    (bars,) = [ObservedBars.of(alone, WINDOWS, table)]
    for _, batch in batches(bars, seed=1):
        blocks = [range(int(bar), int(bar) + 1) for bar in batch.bar[: len(batch.bar) // 2]]
        expected = histories.batch(blocks, CONTEXT)
        width = expected.features.shape[2]
        for item in dataclasses.fields(batch):
            value, wanted = getattr(batch, item.name), getattr(expected, item.name)
            if item.name == "trailing_loadings":
                assert value.shape == (len(batch.row), 1, 3) and not value.any()
            elif item.name == "target_observed":
                assert not (value & ~wanted).any()  # without what fills up
            elif item.name in ("features", "bar_index", "scale", "returns"):
                assert torch.equal(value[:, :, :width], wanted), item.name
            elif item.name == "eligible":
                assert value is None  # only assets that tell each other ask for it
            elif item.name == "reads":
                assert (value is None) == (wanted is None)  # where all histories are of one bar
                assert value is None or (value.count == 1 and torch.equal(value.first, wanted.first))
            elif item.name == "edge_in_group":
                assert value is None and not wanted.any()
            else:
                assert torch.equal(value, wanted), item.name
