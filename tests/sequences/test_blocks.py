"""Blocks of sessions: nothing lost, nothing split, little padded."""

import numpy as np
from hypothesis import given, strategies as st

from quantdl.sequences import bucketed, training_blocks


@given(st.integers(0, 300), st.integers(1, 700), st.integers(1, 90), st.integers(0, 2**31), st.integers(0, 1000))
def test_blocks_partition_the_bars(start, length, block, seed, epoch):
    bars = range(start, start + length)
    blocks = training_blocks(bars, block, seed, epoch)
    assert [bar for item in blocks for bar in item] == list(bars)
    assert all(0 < len(item) <= block for item in blocks)


def test_blocks_are_a_function_of_seed_and_epoch():
    bars = range(10, 500)
    once = training_blocks(bars, 32, seed=3, epoch=5)
    np.random.default_rng(0).normal(size=10)
    assert training_blocks(bars, 32, seed=3, epoch=5) == once
    starts = {training_blocks(bars, 32, seed=3, epoch=epoch)[0].stop for epoch in range(64)}
    assert len(starts) > 20  # borders move with the epoch


block_lengths = st.lists(st.integers(1, 512), min_size=1, max_size=60)


@given(block_lengths, st.integers(1, 9), st.integers(0, 2**31), st.integers(0, 1000))
def test_every_block_is_in_one_batch_and_whole(lengths, rows, seed, epoch):
    blocks = [range(10 * number, 10 * number + 10) for number in range(len(lengths))]
    batches = list(bucketed(blocks, lengths, rows, seed, epoch))
    assert sorted((block for batch in batches for block in batch), key=lambda block: block.start) == blocks
    assert all(1 <= len(batch) <= rows for batch in batches)
    assert sum(len(batch) < rows for batch in batches) <= 1


@given(block_lengths, st.integers(1, 9), st.integers(0, 2**31), st.integers(0, 1000))
def test_no_grouping_of_these_rows_has_less_padding(lengths, rows, seed, epoch):
    """Consecutive runs of the sorted lengths are optimal, here against the sum of each run's longest."""
    blocks = [range(number, number + 1) for number in range(len(lengths))]
    padded = sum(
        len(batch) * max(lengths[block.start] for block in batch)
        for batch in bucketed(blocks, lengths, rows, seed, epoch)
    )
    ordered = sorted(lengths)
    expected = sum(
        len(ordered[start : start + rows]) * max(ordered[start : start + rows])
        for start in range(0, len(ordered), rows)
    )
    assert padded == expected


def test_batches_of_like_length_waste_little_on_padding():
    lengths = np.random.default_rng(0).integers(20, 512, size=200).tolist()
    blocks = [range(number, number + 1) for number in range(200)]
    padded = sum(4 * max(lengths[item.start] for item in batch) for batch in bucketed(blocks, lengths, 4, 0, 0))
    in_order = sum(4 * max(lengths[start : start + 4]) for start in range(0, 200, 4))
    assert padded < 1.03 * sum(lengths) < 1.4 * sum(lengths) < in_order


def test_the_order_of_batches_is_a_function_of_seed_and_epoch():
    blocks, lengths = [range(number, number + 1) for number in range(50)], [7] * 50
    orders = {
        (seed, epoch): tuple(item.start for batch in bucketed(blocks, lengths, 4, seed, epoch) for item in batch)
        for seed in (0, 1)
        for epoch in range(5)
    }
    assert len(set(orders.values())) == 10
    repeat = tuple(item.start for batch in bucketed(blocks, lengths, 4, 1, 3) for item in batch)
    assert repeat == orders[1, 3]
