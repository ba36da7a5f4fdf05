"""A small but whole experiment on the bundled data: six stocks, half a year, seconds."""

from functools import cache
from pathlib import Path

import pandas as pd

from quantdl.config import load_config
from quantdl.config.yaml_writer import yaml_text

ROOT = Path(__file__).parents[1]
ASSETS = ("AAPL", "JPM", "KO", "PG", "RRC", "XOM")
SMALL = {
    "name: quickstart": "name: small",
    "  kind: sp500\n": "  kind: sp500\n  start: 2010-01-04\n  assets: [AAPL, JPM, KO, PG, RRC, XOM]\n",
    "  kind: transformer\n  horizon: 5\ntraining:\n  epochs: 8\n  patience: 8\n": (
        "  kind: transformer\n  horizon: 5\n  width: 8\n  heads: 2\n  layers: 1\n  context: 32\n\n"
        "training:\n  epochs: 2\n  rows: 4\n"
    ),
    "train_end: 2016-12-30": "train_end: 2015-12-31",
    "validation_end: 2018-12-31": "validation_end: 2016-06-30",
    "test_start: 2019-01-02": "test_start: 2016-07-01",
    "test_end: 2022-12-28": "test_end: 2016-12-30",
    "first: 2019-01-02": "first: 2016-07-01",
    "last: 2022-12-28": "last: 2016-12-30",
    "minimum_sessions: 500": "minimum_sessions: 100",
    "max_weight: 0.15": "max_weight: 0.3",
    "max_group_gross: 0.4": "max_group_gross: 0.5",
    "compare: [flow, graph, ewma_t, garch_t]": "compare: [ewma_t]",
    "seed: 7\n": "seed: 7\noutput: {root: runs}\n",
    "      - {name: crash of 2020, first: 2020-02-20, last: 2020-04-30}\n": "",
    "      - {name: rate shock of 2022, first: 2022-01-03, last: 2022-10-14}\n": (
        "      - {name: election, first: 2016-11-01, last: 2016-11-30}\n"
    ),
}


@cache
def whole_config(name: str) -> str:
    """Return a config that ships as one file, with its strategy at its place."""
    text = yaml_text(load_config(ROOT / "configs" / f"{name}.yaml").source.root)
    return text.replace("file: ../strategies/", f"file: {ROOT}/strategies/")


def small_config(folder: Path, changes: dict[str, str] | None = None) -> Path:
    """Write the quick start, made small, and changed further."""
    text = whole_config("quickstart")
    for old, new in {**SMALL, **(changes or {})}.items():
        assert old in text, old
        text = text.replace(old, new)
    path = folder / "small.yaml"
    path.write_text(text)
    return path


def stored(folder: Path, name: str) -> pd.DataFrame:
    """Read a table of a run folder, indexed by session."""
    return pd.read_parquet(folder / f"{name}.parquet").set_index("session")
