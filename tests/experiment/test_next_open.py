"""A model whose positions are filled at the next open: its law is that of the return from open to open."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from quantdl.config import load_config
from quantdl.errors import PlanError
from quantdl.experiment import run_experiment
from quantdl.market.sources import load_sp500
from quantdl.sequences import NEXT_SESSION, position_window
from tests.small_experiment import ASSETS, config_on_files

pytestmark = pytest.mark.slow  # a whole run on prices with opens

HORIZON = 5


def bars() -> dict[str, pd.DataFrame]:
    """Real closes; opens in between, with a quarter of the variance in the night."""
    panel = load_sp500().select(list(ASSETS)).between("2010-01-04", "2016-12-30")
    generator, found = np.random.default_rng(5), {}
    for number, asset in enumerate(panel.assets):
        close = pd.Series(panel.closes[:, number], panel.sessions)
        night = 0.25 * np.log(close / close.shift(1)).fillna(0.0) + generator.normal(0.0, 0.004, len(close))
        opened = close.shift(1).fillna(close.iloc[0]) * np.exp(night)
        frame = pd.DataFrame({"open": opened, "high": np.maximum(opened, close), "low": np.minimum(opened, close)})
        found[asset] = frame.assign(close=close)
    return found


def config_of(folder: Path, fill_at: str = "next_open") -> Path:
    model = f"  kind: ewma_t\n  horizon: {HORIZON}\n"
    opens = {"fields: [close]": "fields: [open, close]", "fill_at: next_close": f"fill_at: {fill_at}"}
    return config_on_files(folder, bars(), model, opens)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return run_experiment(load_config(config_of(tmp_path_factory.mktemp("next_open"))))


def wide(name: str) -> pd.DataFrame:
    return pd.DataFrame({asset: frame[name] for asset, frame in bars().items()})


def test_the_law_of_a_position_is_scored_on_the_return_from_open_to_open(folder):
    table = pd.read_parquet(folder / "forecasts.parquet")
    position = table[(table["window"] == "position") & table["observed"]]
    opens = np.log(wide("open"))
    expected = (opens.shift(-1 - HORIZON) - opens.shift(-1)).stack()
    found = position.set_index(["session", "asset"])["target"]
    np.testing.assert_allclose(found, expected.loc[found.index], atol=1e-6)
    assert len(found) == len(ASSETS) * (127 - HORIZON)  # those that end in the test span, the first decided before it


def test_the_width_of_the_law_is_that_of_open_to_open(folder):
    """Nine of ten returns lie between the quantiles, as near as so few that overlap can show."""
    table = pd.read_parquet(folder / "forecasts.parquet")
    position = table[(table["window"] == "position") & table["observed"]]
    inside = position["target"].between(position["q05"], position["q95"]).mean()
    assert 0.82 < inside < 0.97


def test_what_is_decided_at_a_close_is_filled_at_the_next_open(folder):
    fills = pd.read_parquet(folder / "fills.parquet")
    sessions, opens = wide("open").index, wide("open")
    assert len(fills) > 50
    expected = [opens.loc[day, asset] for day, asset in zip(fills["session"], fills["asset"], strict=True)]
    np.testing.assert_allclose(fills["price"], expected, rtol=1e-6)
    assert (sessions.get_indexer(fills["session"]) - sessions.get_indexer(fills["decided"]) == 1).all()


def test_the_risk_of_the_next_session_stays_from_close_to_close(folder):
    risk = pd.read_parquet(folder / "risk.parquet")
    weights = pd.read_parquet(folder / "weights.parquet").set_index("session")
    returns = wide("close").pct_change().loc[weights.index, weights.columns]
    one = risk[risk["level"] == 0.99].set_index("session")
    np.testing.assert_allclose(one["loss"], -(weights.shift(1) * returns).sum(axis=1).loc[one.index], atol=1e-10)


def test_the_report_says_from_where_returns_are_forecast(folder):
    html = (folder / "report.html").read_text()
    assert "1 bar from the close of the forecast; 5 bars from the open 1 bar later" in html
    described = (folder / "model" / "model.json").read_text()
    assert '"begins": "open"' in described or '"begins":"open"' in described


def test_a_stored_model_answers_for_positions_from_the_open(folder):
    from quantdl.experiment import load_model

    fitted, _ = load_model(folder / "model")
    assert fitted.windows == (NEXT_SESSION, position_window(HORIZON, "open"))


def test_a_model_cannot_fill_at_the_close_that_it_decides_on(tmp_path):
    path = config_of(tmp_path, "decision_close")
    with pytest.raises(PlanError, match=r"fill_at.*decision_close.*'next_close' or 'next_open'"):
        load_config(path)
