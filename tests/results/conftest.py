"""The recorded run, for tests of what is made of a run folder."""

from tests.recorded_run import _originals, files, simulated, write  # noqa: F401
