"""The sample and the code in data/README.md do what the page says."""

import ast
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from quantdl.config import load_config
from tests.small_experiment import whole_config

DATA = Path(__file__).parents[2] / "data"
RECORDED = Path(__file__).parents[1] / "fixtures" / "yfinance" / "download.csv"


def download(tickers, start=None, auto_adjust=True, interval="1d", period=None):
    """What yfinance returns, from a frame in its layout."""
    frame = pd.read_csv(RECORDED, header=[0, 1], index_col=0, parse_dates=True)
    frame = frame.drop(columns="Adj Close", level=0) if auto_adjust else frame
    if interval == "1d":
        return frame
    hours = pd.date_range("2024-01-02 09:30", periods=7, freq="h", tz="America/New_York").tz_convert("UTC")
    return frame.iloc[30:37].set_axis(hours, axis=0)


@pytest.fixture
def page(monkeypatch):
    """The names that the page's code leaves behind, run from the project's folder."""
    monkeypatch.chdir(DATA.parent)
    monkeypatch.setitem(sys.modules, "yfinance", SimpleNamespace(download=download))
    text = (DATA / "README.md").read_text(encoding="utf-8")
    _, *blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block.replace('"refuse"', '"keep"'), "data/README.md", "exec"), names)  # the page is ours
    return names


def test_the_page_reads_the_sample(page):
    panel, census = page["panel"], page["census"]
    assert panel.assets == ("007", "ALPHA", "NA")
    assert {kind: count for kind, count in census.counts().items() if count} == {"missing_session": 4}
    assert panel.status[:40, 2].tolist() == [0] * 40


def test_the_page_reads_what_yfinance_returns(page):
    assert page["yahoo"].assets == ("LOW", "MSFT", "NA")
    assert page["yahoo"].card.declaration.adjustment == "total_return"
    assert len(page["intraday"].sessions) == 7
    assert page["intraday"].card.declaration.frequency == "60min"


def test_the_page_loads_the_data_in_five_lines(page):
    text = (DATA / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    block = next(block for block in blocks if "yfinance.download" in block)
    statements = compile(block, "data/README.md", "exec", flags=ast.PyCF_ONLY_AST).body
    assert len(statements) - 1 == 5  # printing the panel is not loading it


def test_the_page_adjusts_raw_prices(page):
    raw, smooth = page["raw"], page["smooth"]
    split = raw.sessions.get_loc("2023-06-01")
    ratio = smooth.closes[:, 1] / raw.closes[:, 1]
    assert ratio[:split].tolist() == [1.0] * split
    assert set(ratio[split:]) == {2.0}
    assert smooth.card.declaration.adjustment == "total_return"


def test_what_the_page_says_of_a_config_can_be_loaded(tmp_path):
    text = whole_config("equal_weight")
    blocks = re.findall(r"```yaml\n(.*?)```", (DATA / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    prices, written, corrected, universe, series, aligned = blocks
    declared = prices.replace("../data/", f"{DATA.parent}/data/")
    path = tmp_path / "page.yaml"
    declared += corrected.removeprefix("data:\n  calendar: XNYS\n") + universe.removeprefix("data:\n")
    path.write_text(
        text.replace("data:\n  kind: sp500\n", prices.replace("../data/", f"{DATA.parent}/data/") + written)
    )
    dialect = load_config(path).data.file_format().dialect()
    assert (dialect.separator, dialect.decimal, dialect.thousands, dialect.symbol) == (";", ",", ".", "DBK")
    assert dialect.columns["close"] == ("Schluss",) and dialect.newest_first
    path.write_text(text.replace("data:\n  kind: sp500\n", declared) + series)
    config = load_config(path)
    assert config.data.eligibility.minimum_price == 5
    assert [item.action for item in config.data.calendar_corrections] == ["strike", "add", "change"]
    assert [block.name for block in config.exogenous] == ["vix", "bills"]
    assert all(block.release.at for block in config.exogenous)
    assert (config.risk_free, config.features.exogenous) == ("bills", ("vix",))
    path.write_text(text.replace("data:\n  kind: sp500\n", aligned.replace("../data/", f"{DATA.parent}/data/")))
    assert [source.calendar for source in load_config(path).data.sources] == ["XNYS", "XTKS"]
