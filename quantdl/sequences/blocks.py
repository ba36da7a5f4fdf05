"""Which sessions are learned from together: blocks of bars, grouped by the length of their histories."""

from collections.abc import Iterator, Sequence

import numpy as np


def training_blocks(bars: range, block: int, seed: int, epoch: int) -> list[range]:
    """Cut bars into consecutive blocks whose borders move with the epoch.

    The same seed and epoch give the same blocks, whatever was drawn before.
    """
    shift = int(np.random.default_rng([seed, epoch, 0]).integers(block))
    borders = [bars.start, *range(bars.start + shift, bars.stop, block), bars.stop]
    return [range(a, b) for a, b in zip(borders[:-1], borders[1:], strict=True) if b > a]


def bucketed(
    blocks: Sequence[range], lengths: Sequence[int], rows: int, seed: int, epoch: int
) -> Iterator[list[range]]:
    """Group blocks of like length into batches and give the batches in random order.

    Args:
        blocks: Blocks of bars; never split over assets, or the joint law would split.
        lengths: Longest history of each block: what its row will be padded to.
        rows: Blocks in a batch.
        seed: Of the run.
        epoch: Number of the pass.
    """
    generator = np.random.default_rng([seed, epoch, 1])
    shuffled = generator.permutation(len(blocks))
    order = sorted(shuffled, key=lambda number: lengths[number])  # stable: random among equals
    batches = [order[start : start + rows] for start in range(0, len(order), rows)]
    for number in generator.permutation(len(batches)):
        yield [blocks[block] for block in batches[number]]
