"""A small but whole experiment on the bundled data: six stocks, half a year, seconds."""

from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from quantdl.config import load_config
from quantdl.config.yaml_writer import yaml_text
from quantdl.market.card import Declaration
from quantdl.market.sources import load_csv_folder, load_sp500

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


DECLARED = {
    "source": "a test",
    "timezone": "America/New_York",
    "frequency": "1D",
    "adjustment": "total_return",
    "calendar": "XNYS",
}
"""What a test says of prices in files of its own."""


def six_stocks(noise_after: str | pd.Timestamp | None = None) -> dict[str, pd.Series]:
    """Real closes of `ASSETS` from 2010 to 2016; every one after a session may be noise, which is another future."""
    panel = load_sp500().select(list(ASSETS)).between("2010-01-04", "2016-12-30")
    closes = pd.DataFrame(panel.closes, panel.sessions, list(ASSETS))
    if noise_after is not None:
        last, later = pd.Timestamp(noise_after), closes.index > pd.Timestamp(noise_after)
        noise = np.random.default_rng(4).normal(0.0, 0.04, (int(later.sum()), len(ASSETS)))
        closes.loc[later] = closes.loc[last].to_numpy() * np.exp(np.cumsum(noise, axis=0))
    return {asset: closes[asset].rename("close") for asset in ASSETS}


def write_prices(folder: Path, prices: Mapping[str, pd.DataFrame | pd.Series]) -> str:
    """Write one CSV file an asset, indexed by session, and return the fingerprint of what they hold."""
    folder.mkdir(parents=True, exist_ok=True)
    for asset, table in prices.items():
        table.rename_axis("date").to_csv(folder / f"{asset}.csv")
    about = Declaration(**DECLARED, as_of=date(2017, 3, 1), licence="for this test")
    return load_csv_folder(folder, about).card.fingerprint


def config_on_files(
    folder: Path,
    prices: Mapping[str, pd.DataFrame | pd.Series],
    model: str | None = None,
    changes: dict[str, str] | None = None,
) -> Path:
    """Write the small experiment on prices of one's own, in ``folder / "prices"``.

    Args:
        folder: Where the config goes.
        prices: By symbol, each of `ASSETS`.
        model: Keys of the block of the model, in place of the small network; None for that.
        changes: Further ones.
    """
    fingerprint, known = write_prices(folder / "prices", prices), load_sp500()
    sectors = ", ".join(f"{asset}: {known.sectors[asset]}" for asset in ASSETS)
    block = "".join(f"  {name}: {value}\n" for name, value in DECLARED.items())
    path = small_config(
        folder,
        {
            "  kind: sp500\n  start: 2010-01-04\n  assets: [AAPL, JPM, KO, PG, RRC, XOM]\n": (
                f"  kind: csv_folder\n  path: prices\n{block}  as_of: 2017-03-01\n  licence: for this test\n"
                f"  sectors: {{{sectors}}}\n"
            ),
            "source: skfolio, load_sp500_dataset": f"source: {DECLARED['source']}",
            f"fingerprint: {known.card.fingerprint}": f"fingerprint: {fingerprint}",
            "compare: [ewma_t]": "compare: []",
            **(changes or {}),
        },
    )
    if model is not None:
        with_model(path, model)
    return path


def with_model(path: Path, model: str) -> None:
    """Put another block of the model, or none, in the place of the network and its training."""
    text = path.read_text()
    start, stop = text.index("model:\n"), text.index("splits:\n")
    path.write_text(text[:start] + (f"model:\n{model}\n" if model else "") + text[stop:])


def stored(folder: Path, name: str) -> pd.DataFrame:
    """Read a table of a run folder, indexed by session."""
    return pd.read_parquet(folder / f"{name}.parquet").set_index("session")
