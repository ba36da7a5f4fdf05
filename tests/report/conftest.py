"""Every test of the report reads the run folder of `tests.recorded_run`."""

import pytest

from quantdl.results.run_record import read_run
from tests.recorded_run import _originals, files, simulated, without_model, write  # noqa: F401


@pytest.fixture
def run(files, write):  # noqa: F811
    """The run as the report reads it."""
    return read_run(write(files))
