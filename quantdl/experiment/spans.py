"""The dates of a config as the spans of a run."""

from quantdl.config import ExperimentConfig
from quantdl.training.splits import SplitDates


def split_dates(config: ExperimentConfig) -> SplitDates:
    """Return the dates of the ``splits`` block."""
    splits = config.splits
    return SplitDates(splits.train_end, splits.validation_end, splits.test_start, splits.test_end)
