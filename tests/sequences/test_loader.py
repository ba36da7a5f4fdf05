"""Windows in batches: every one once, from the past only, wherever the pass was cut and however many share it."""

import dataclasses
import json
import threading

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from quantdl.errors import DataError, RunError
from quantdl.sequences import NEXT_SESSION, LoaderState, ObservedBars, Shard, WindowLoader, position_window
from quantdl.simulation import panel_of_closes

LENGTH, BATCH = 16, 12


def loader(bars, seed=0, **changes):
    return WindowLoader(bars, **({"length": LENGTH, "batch_size": BATCH, "seed": seed} | changes))


def equal(one, other):
    tensors = ("features", "lengths", "asset", "bar", "target", "weight")
    return all(torch.equal(getattr(one, name), getattr(other, name)) for name in tensors) and (
        one.step_weight == other.step_weight and one.resume == other.resume
    )


@pytest.mark.parametrize("seed", [None, 0, 7])
@pytest.mark.parametrize("span", [None, range(60, 130)])
def test_an_epoch_holds_every_observed_window_once_with_exactly_its_past(bars, ragged_table, windows_of, seed, span):
    found = windows_of(loader(bars, seed, span=span).batches(loader(bars, seed, span=span).start(3)))
    expected = set()
    for asset in range(5):
        known = np.flatnonzero(ragged_table.valid[:, asset])
        for number, bar in enumerate(known):
            row = bars.first[asset] + number
            if bars.observed[row].any() and (span is None or bar in span):
                expected.add((asset, int(bar)))
                features, target, weight = found[asset, int(bar)]
                past = known[max(0, number + 1 - LENGTH) : number + 1]
                np.testing.assert_array_equal(features, ragged_table.values[past, asset])
                np.testing.assert_array_equal(target, bars.target[row])
                np.testing.assert_array_equal(weight, bars.observed[row])
    assert set(found) == expected


def test_padding_stands_right_and_is_neutral(bars):
    for batch in loader(bars).batches(loader(bars).start(0)):
        assert batch.features.shape == (BATCH, batch.padding.shape[1], bars.features.shape[1])
        assert torch.equal((~batch.padding).sum(dim=1), batch.lengths)
        assert not batch.features[batch.padding].any()
        assert (batch.padding.int().diff(dim=1) >= 0).all()
        assert batch.features.isfinite().all()


def test_windows_of_like_length_share_a_batch(bars):
    widths = {batch.features.shape[1] for batch in loader(bars).batches(loader(bars).start(0))}
    assert widths == {2, 4, 8, 15, 16}
    for batch in loader(bars).batches(loader(bars).start(0)):
        assert (batch.lengths == LENGTH).all() or batch.lengths.max() < LENGTH


@settings(max_examples=5)
@given(st.integers(40, 178), st.integers(0, 10**6))
def test_prices_after_a_bar_change_no_window_that_ends_by_then(ragged_panel, bar, seed):
    closes = np.array(ragged_panel.closes)
    noise = np.random.default_rng(seed).uniform(0.5, 2.0, closes[bar + 1 :].shape)
    closes[bar + 1 :] = np.where(np.isnan(closes[bar + 1 :]), 50.0, closes[bar + 1 :] * noise)
    changed = panel_of_closes(closes)
    one, other = (
        list(loader(ObservedBars.of(panel, [NEXT_SESSION]), seed=None, span=range(bar + 1)).batches(
            loader(ObservedBars.of(panel, [NEXT_SESSION]), seed=None, span=range(bar + 1)).start(0)
        ))
        for panel in (ragged_panel, changed)
    )  # fmt: skip
    assert len(one) == len(other)
    for before, after in zip(one, other, strict=True):
        for name in ("features", "lengths", "asset", "bar"):
            assert torch.equal(getattr(before, name), getattr(after, name))


# The order


def test_the_order_is_a_function_of_seed_and_epoch(bars):
    def order(seed, epoch):
        batches = loader(bars, seed).batches(loader(bars, seed).start(epoch))
        return tuple(int(bar) for batch in batches for bar in batch.bar)

    torch.manual_seed(0)  # of the caller; nothing reads it
    assert order(5, 2) == order(5, 2)
    assert len({order(seed, epoch) for seed in range(4) for epoch in range(4)}) == 16


def test_without_a_seed_windows_come_asset_after_asset(bars):
    batches = list(
        loader(bars, None, minimum_length=LENGTH).batches(loader(bars, None, minimum_length=LENGTH).start(0))
    )
    asset, bar = (torch.cat([getattr(batch, name) for batch in batches]) for name in ("asset", "bar"))
    weight = torch.cat([batch.weight for batch in batches])
    assert (asset.diff() >= 0).all()
    assert (bar.diff()[(asset.diff() == 0) & weight[1:].any(dim=1)] > 0).all()


def test_threads_that_load_at_once_get_the_same_batches(bars):
    """There are no workers whose number or random state could matter; a loader holds no state of a pass either."""
    shared, results = loader(bars), {}
    state = shared.start(1)

    def collect(number):
        results[number] = list(shared.batches(state))

    threads = [threading.Thread(target=collect, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in (1, 2):
        assert all(equal(one, other) for one, other in zip(results[0], results[number], strict=True))


def test_the_global_random_states_are_left_alone(bars):
    torch_before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()
    list(loader(bars).batches(loader(bars).start(0)))
    assert torch.equal(torch.get_rng_state(), torch_before)
    assert (np.random.get_state()[1] == numpy_before).all()


# Resuming


@given(st.data(), st.integers(0, 3), st.sampled_from([None, 0, 11]))
def test_a_pass_that_was_cut_goes_on_with_exactly_the_batches_that_were_left(bars, data, epoch, seed):
    whole = list(loader(bars, seed).batches(loader(bars, seed).start(epoch)))
    cut = data.draw(st.integers(0, len(whole) - 2))
    state = LoaderState(**json.loads(json.dumps(dataclasses.asdict(whole[cut].resume))))
    rest = list(loader(bars, seed).batches(state))
    assert len(rest) == len(whole) - cut - 1
    assert all(equal(one, other) for one, other in zip(rest, whole[cut + 1 :], strict=True))


def test_after_the_last_batch_the_next_epoch_begins(bars):
    last = list(loader(bars).batches(loader(bars).start(4)))[-1]
    assert last.resume == loader(bars).start(5)


@pytest.mark.parametrize(
    "changes", [{"seed": 1}, {"seed": None}, {"length": 8}, {"batch_size": 24}, {"span": range(100)}]
)
def test_a_state_of_another_order_is_refused(bars, changes):
    state = dataclasses.replace(loader(bars).start(0), step=2)
    with pytest.raises(RunError, match=r"Resume with the data, seed, length and batch size"):
        next(loader(bars, **changes).batches(state))


@pytest.mark.parametrize("changes", [{"step": -1}, {"step": 10**6}, {"epoch": -1}])
def test_a_state_outside_the_epoch_is_refused(bars, changes):
    with pytest.raises(RunError, match="cannot be resumed"):
        next(loader(bars).batches(dataclasses.replace(loader(bars).start(0), **changes)))


def test_a_pass_can_be_resumed_with_another_number_of_processes(bars, windows_of):
    whole = list(loader(bars).batches(loader(bars).start(0)))
    first = [batch for rank in range(3) for batch in list(sharded(bars, rank, 3))[:5]]
    rest = [
        batch
        for rank in range(2)
        for batch in loader(bars, shard=Shard(rank, 2)).batches(first[4].resume)
    ]  # fmt: skip
    assert windows_of([*first, *rest]).keys() == windows_of(whole).keys()


# Shards


def sharded(bars, rank, world_size, epoch=0):
    one = loader(bars, shard=Shard(rank, world_size))
    return one.batches(one.start(epoch))


@pytest.mark.parametrize("world_size", [2, 3, 4, 12])
def test_processes_share_each_step_of_one_process_among_them(bars, world_size):
    whole = list(loader(bars).batches(loader(bars).start(2)))
    shares = [list(sharded(bars, rank, world_size, epoch=2)) for rank in range(world_size)]
    assert {len(share) for share in shares} == {len(whole)}  # equal steps
    for step, batch in enumerate(whole):
        parts = [share[step] for share in shares]
        for name in ("features", "lengths", "asset", "bar", "target", "weight"):
            together = torch.stack([getattr(part, name) for part in parts], dim=1).flatten(0, 1)
            assert torch.equal(together, getattr(batch, name))
        assert {part.step_weight for part in parts} == {batch.step_weight}
        assert sum(float(part.weight.sum()) for part in parts) == batch.step_weight
        assert {part.resume for part in parts} == {batch.resume}


def test_processes_see_disjoint_windows_and_together_all(bars, windows_of):
    shares = [windows_of(sharded(bars, rank, 3)).keys() for rank in range(3)]
    whole = windows_of(loader(bars).batches(loader(bars).start(0))).keys()
    assert sum(len(share) for share in shares) == len(whole)
    assert set().union(*shares) == set(whole)


def test_losses_of_processes_add_up_to_the_loss_of_one(bars):
    def loss(batch):
        last = batch.features.gather(1, (batch.lengths - 1)[:, None, None].expand(-1, 1, batch.features.shape[2]))
        return (batch.weight * (batch.target - last.mean(dim=(1, 2), keepdim=False)[:, None]) ** 2).double().sum()

    shares = [list(sharded(bars, rank, 4)) for rank in range(4)]
    for step, batch in enumerate(loader(bars).batches(loader(bars).start(0))):
        if batch.step_weight:
            parts = sum(loss(share[step]) / share[step].step_weight for share in shares)
            assert float(parts) == pytest.approx(float(loss(batch) / batch.step_weight), rel=1e-6)


def test_what_fills_up_a_batch_weighs_nothing(bars):
    batches = list(loader(bars, batch_size=50).batches(loader(bars, batch_size=50).start(0)))
    n_windows = loader(bars, batch_size=50).n_windows
    assert len(batches) * 50 > n_windows
    observed = int(bars.observed.sum())
    assert sum(int(batch.weight.sum()) for batch in batches) == observed
    assert sum(batch.step_weight for batch in batches) == observed


# What cannot be loaded


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"minimum_length": 0}, "minimum_length must lie from 1 to length=16, got 0"),
        ({"minimum_length": 17}, "minimum_length must lie from 1 to length=16, got 17"),
        ({"length": 0}, "minimum_length must lie from 1 to length=0, got 1"),
        ({"batch_size": 0}, "batch_size .* got 0"),
        ({"batch_size": 10, "shard": Shard(0, 4)}, "positive multiple of their number 4, got 10"),
        ({"shard": Shard(2, 2)}, "rank must lie from 0 to world_size - 1, got rank 2 of 2"),
        ({"shard": Shard(-1, 2)}, "got rank -1 of 2"),
        ({"seed": -1}, "seed must not be negative, got -1"),
        ({"span": range(0, 3)}, r"No window of at least 1 bars ends at the bars 0\.\.2"),
        ({"length": 500, "minimum_length": 500}, "No window of at least 500 bars ends, in"),
    ],
)
def test_what_cannot_be_loaded_is_refused(bars, changes, message):
    with pytest.raises(DataError, match=message):
        loader(bars, **changes)


def test_all_that_is_wrong_is_named_at_once(bars):
    with pytest.raises(DataError, match="minimum_length.*rank.*seed"):
        loader(bars, minimum_length=0, shard=Shard(5, 2), seed=-3)


def test_rows_that_do_not_lie_one_after_another_are_refused(bars):
    with pytest.raises(DataError, match=r"contiguous\(\)"):
        loader(dataclasses.replace(bars, features=bars.features.T.contiguous().T))


@pytest.mark.parametrize("assets", [1, 3])
def test_the_last_assets_may_have_fewer_bars_than_their_windows_could_hold(assets, windows_of):
    noise = np.random.default_rng(0).standard_normal((30, assets))
    panel = panel_of_closes(100.0 * np.exp(0.01 * noise.cumsum(axis=0)))
    rows = ObservedBars.of(panel, [NEXT_SESSION, position_window(2)])
    short = loader(rows, length=64)
    found = windows_of(short.batches(short.start(0)))
    assert sorted(found) == [(asset, bar) for asset in range(assets) for bar in range(20, 29)]  # of bars 20..29
    for (asset, bar), (features, _, _) in found.items():
        start = rows.first[asset]
        np.testing.assert_array_equal(features, rows.features[start : start + bar - 19])
