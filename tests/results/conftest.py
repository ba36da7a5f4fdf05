"""Every test of a run record reads the run folder of `tests.recorded_run`."""

from tests.recorded_run import _originals, files, simulated, without_model, write  # noqa: F401
