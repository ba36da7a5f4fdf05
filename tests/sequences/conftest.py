"""What the tests of windows share: a ragged panel and its rows."""

import numpy as np
import pytest

from quantdl.features import feature_table
from quantdl.sequences import NEXT_SESSION, ObservedBars, position_window
from quantdl.simulation import panel_of_closes
from tests.panels import ragged_closes


@pytest.fixture(scope="session")
def ragged_panel():
    return panel_of_closes(ragged_closes(180, 5, seed=1))


@pytest.fixture(scope="session")
def ragged_table(ragged_panel):
    return feature_table(ragged_panel)


@pytest.fixture(scope="session")
def bars(ragged_panel, ragged_table):
    return ObservedBars.of(ragged_panel, (NEXT_SESSION, position_window(5)), ragged_table)


@pytest.fixture(scope="session")
def windows_of():
    """Every window of a loader's epoch as {(asset, bar): (features, target, weight)}; fails on a repeated one."""

    def collect(batches):
        found = {}
        for batch in batches:
            for item in range(len(batch.lengths)):
                length = int(batch.lengths[item])
                key = int(batch.asset[item]), int(batch.bar[item])
                if not batch.weight[item].any():
                    continue
                assert key not in found
                found[key] = tuple(
                    np.asarray(value)
                    for value in (batch.features[item, :length], batch.target[item], batch.weight[item])
                )
        return found

    return collect
