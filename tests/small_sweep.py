"""A sweep of a strategy without a model on the bundled prices: six stocks, half a year to choose on."""

from collections.abc import Mapping
from pathlib import Path

from tests.small_experiment import whole_config

SMALL = {
    "  kind: sp500\n": "  kind: sp500\n  start: 2010-01-04\n  assets: [AAPL, JPM, KO, PG, RRC, XOM]\n",
    "train_end: 2016-12-30": "train_end: 2015-12-31",
    "validation_end: 2018-12-31": "validation_end: 2016-06-30",
    "test_start: 2019-01-02": "test_start: 2016-07-01",
    "test_end: 2022-12-28": "test_end: 2016-12-30",
    "first: 2019-01-02": "first: 2016-07-01",
    "last: 2022-12-28": "last: 2016-12-30",
    "minimum_sessions: 500": "minimum_sessions: 100",
    "max_weight: 0.2\n": "max_weight: 0.4\n",
    "seed: 7\n": "seed: 7\noutput: {root: runs}\n",
    "      - {name: crash of 2020, first: 2020-02-20, last: 2020-04-30}\n": "",
    "      - {name: rate shock of 2022, first: 2022-01-03, last: 2022-10-14}\n": (
        "      - {name: election, first: 2016-11-01, last: 2016-11-30}\n"
    ),
}
SWEEP = "sweep: {parameters: {lookback: [60, 120, 250], skip: [0, 21, 100]}}\n\nsplits:\n"


def sweep_config(folder: Path, changes: Mapping[str, str] | None = None, sweep: str = SWEEP) -> Path:
    """Write momentum with a sweep, made small, and changed further."""
    text = whole_config("momentum")
    for old, new in {**SMALL, "splits:\n": sweep, **(changes or {})}.items():
        assert old in text, old
        text = text.replace(old, new)
    path = folder / "small_sweep.yaml"
    path.write_text(text)
    return path
