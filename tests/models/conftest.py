"""Every test of a model starts from the same random state, so that its untrained weights are the same in any order."""

import pytest
import torch


@pytest.fixture(autouse=True)
def same_random_state():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
