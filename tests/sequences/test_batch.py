"""What a batch says of its own padding, and what a forecast reads last, written out by hand."""

from dataclasses import fields, replace

import pytest
import torch

from quantdl.sequences import Batch
from quantdl.sequences.batch import Reads


@pytest.fixture
def batch() -> Batch:
    """Two histories of two assets, the longest of three bars; three forecasts."""
    numbers = torch.arange(12).reshape(2, 2, 3)
    return Batch(
        features=numbers[..., None].float(),
        bar_index=numbers,
        scale=torch.ones(2, 2, 3),
        returns=torch.zeros(2, 2, 3),
        lengths=torch.tensor([[3, 1], [0, 2]]),
        row=torch.tensor([0, 0, 1]),
        position=torch.tensor([[1, 0], [2, 0], [0, 1]]),
        bar=torch.tensor([1, 2, 1]),
        window=torch.zeros(3, dtype=torch.int64),
        window_bars=torch.ones(3),
        present=torch.tensor([[True, True], [True, False], [False, True]]),
        trailing_loadings=torch.zeros(3, 2, 1),
        target=torch.zeros(3, 2),
        target_observed=torch.zeros(3, 2, dtype=torch.bool),
        edge_index=torch.zeros((2, 0), dtype=torch.int64),
        edge_weight=torch.zeros(0),
        groups=torch.zeros((3, 2, 0), dtype=torch.int64),
        eligible=torch.ones(2, 2, 3, dtype=torch.bool),
        edge_in_group=torch.zeros(0, dtype=torch.bool),
    )


def test_padding_is_what_stands_behind_the_length(batch):
    assert batch.padding.tolist() == [
        [[False, False, False], [False, True, True]],
        [[True, True, True], [False, False, True]],
    ]


def test_a_forecast_reads_its_own_row_and_each_asset_at_its_own_position(batch):
    assert batch.at_position(batch.bar_index).tolist() == [[1, 3], [2, 3], [6, 10]]
    assert batch.at_position(batch.features).tolist() == [[[1.0], [3.0]], [[2.0], [3.0]], [[6.0], [10.0]]]


def test_encodings_of_the_positions_read_are_picked_like_those_of_all(batch):
    reads = Reads(torch.tensor([[1, 0], [0, 0]]), 2)
    assert reads.positions(3).tolist() == [[[1, 2], [0, 1]], [[0, 1], [0, 1]]]
    encoded = batch.bar_index.gather(2, reads.positions(3))
    assert replace(batch, reads=reads).at_read(encoded).tolist() == [[1, 3], [2, 3], [6, 10]]
    assert batch.at_read(batch.bar_index).tolist() == [[1, 3], [2, 3], [6, 10]]


def test_every_tensor_moves_to_the_device(batch):
    moved = batch.to(torch.device("meta"))
    tensors = [getattr(moved, item.name) for item in fields(moved) if item.name != "reads"]
    assert {tensor.device.type for tensor in tensors} == {"meta"} and moved.reads is None
    moved = replace(batch, reads=Reads(torch.zeros(2, 2, dtype=torch.int64), 1)).to(torch.device("meta"))
    assert moved.reads.first.device.type == "meta" and moved.reads.count == 1
