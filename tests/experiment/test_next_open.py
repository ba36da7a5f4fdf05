"""A model whose positions are filled at the next open: its law is that of the return from open to open."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from quantdl.config import load_config
from quantdl.errors import PlanError
from quantdl.experiment import run_experiment
from quantdl.market.card import Declaration
from quantdl.market.sources import load_csv_folder, load_sp500
from quantdl.sequences import NEXT_SESSION, position_window
from tests.small_experiment import ASSETS, small_config

HORIZON = 5
DECLARED = {
    "source": "closes of skfolio with made-up opens",
    "timezone": "America/New_York",
    "frequency": "1D",
    "adjustment": "total_return",
    "calendar": "XNYS",
}


def bars() -> dict[str, pd.DataFrame]:
    """Real closes; opens in between, with a quarter of the variance in the night."""
    panel = load_sp500().select(list(ASSETS)).between("2010-01-04", "2016-12-30")
    generator, found = np.random.default_rng(5), {}
    for number, asset in enumerate(panel.assets):
        close = pd.Series(panel.closes[:, number], panel.sessions)
        night = 0.25 * np.log(close / close.shift(1)).fillna(0.0) + generator.normal(0.0, 0.004, len(close))
        opened = close.shift(1).fillna(close.iloc[0]) * np.exp(night)
        frame = pd.DataFrame({"open": opened, "high": np.maximum(opened, close), "low": np.minimum(opened, close)})
        found[asset] = frame.assign(close=close).rename_axis("date")
    return found


def config_of(folder: Path, changes: dict[str, str] | None = None) -> Path:
    prices = folder / "prices"
    prices.mkdir()
    for asset, frame in bars().items():
        frame.to_csv(prices / f"{asset}.csv")
    about = Declaration(**DECLARED, as_of=pd.Timestamp("2016-12-30").date(), licence="for this test")
    fingerprint = load_csv_folder(prices, about).card.fingerprint
    panel = load_sp500()
    sectors = ", ".join(f"{asset}: {panel.sectors[asset]}" for asset in ASSETS)
    block = "".join(f"  {name}: {value}\n" for name, value in DECLARED.items())
    path = small_config(
        folder,
        {
            "  kind: sp500\n  start: 2010-01-04\n  assets: [AAPL, JPM, KO, PG, RRC, XOM]\n": (
                f"  kind: csv_folder\n  path: {prices}\n{block}  as_of: 2016-12-30\n  licence: for this test\n"
                f"  sectors: {{{sectors}}}\n"
            ),
            "source: skfolio, load_sp500_dataset": f"source: {DECLARED['source']}",
            f"fingerprint: {panel.card.fingerprint}": f"fingerprint: {fingerprint}",
            "fields: [close]": "fields: [open, close]",
            "fill_at: next_close": "fill_at: next_open",
            "compare: [ewma_t]": "compare: []",
        },
    )
    text = path.read_text()
    start, stop = text.index("model:\n"), text.index("splits:\n")
    text = text[:start] + f"model:\n  kind: ewma_t\n  horizon: {HORIZON}\n\n" + text[stop:]
    for old, new in (changes or {}).items():
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    return path


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
    path = config_of(tmp_path, {"fill_at: next_open": "fill_at: decision_close"})
    with pytest.raises(PlanError, match=r"fill_at.*decision_close.*'next_close' or 'next_open'"):
        load_config(path)
