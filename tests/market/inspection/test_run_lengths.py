from itertools import groupby

import numpy as np
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from quantdl.market.inspection.run_lengths import long_runs


@given(arrays(np.bool_, st.tuples(st.integers(0, 30), st.integers(1, 3))), st.integers(1, 8))
def test_a_cell_is_kept_when_its_run_is_long_enough(cells, fewest):
    found = long_runs(cells, fewest)
    for column in range(cells.shape[1]):
        text = "".join("x" if cell else " " for cell in cells[:, column])
        expected = "".join(run if len(run) >= fewest else " " * len(run) for run in _pieces(text))
        assert "".join("x" if cell else " " for cell in found[:, column]) == expected


def _pieces(text):
    """Split a text into runs of the same letter."""
    return ["".join(run) for _, run in groupby(text)]
