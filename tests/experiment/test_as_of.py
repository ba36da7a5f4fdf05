"""What is said at a close is what a run that goes on for months says of that session, on data that end there."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from quantdl.config import load_config
from quantdl.errors import DataError, PlanError
from quantdl.experiment import run_experiment
from quantdl.experiment.as_of import forecast_as_of
from quantdl.market.sources import load_sp500
from tests.small_experiment import ASSETS, ROOT, config_on_files, small_config, stored, with_model, write_prices

QUANTILES = ["q01", "q05", "q25", "median", "q75", "q95", "q99"]


def same_as_the_run(folder: Path, config: Path, day: str, error: float = 0.0):
    """Hold everything that is said at a close against a run that went on after it; returns what is said.

    A network computes sessions in batches in float32, whose last bits depend on how many there are: ``error`` allows
    for it, relative to each figure. An econometric model gives the same bits.
    """
    session = pd.Timestamp(day)
    found = forecast_as_of(load_config(config), session.date())
    assert found.session == session.date()
    table = pd.read_parquet(folder / "forecasts.parquet")
    rows = table[table["session"] == session].set_index(["window", "asset"])
    law = found.law.set_index(["window", "asset"])[QUANTILES].sort_index()
    np.testing.assert_allclose(law, rows[QUANTILES].loc[law.index], rtol=error)
    assert found.equity == pytest.approx(stored(folder, "equity")["equity"].loc[session], rel=error, abs=0.0)
    orders = pd.read_parquet(folder / "orders.parquet")
    decided = orders[orders["decided"] == session]
    assert found.orders["asset"].tolist() == decided["asset"].tolist()
    np.testing.assert_allclose(found.orders["target_weight"], decided["target_weight"], rtol=error)
    np.testing.assert_allclose(found.orders["quantity"], decided["quantity"], rtol=1e3 * error)  # of small differences
    assert found.orders["rule"].tolist() == decided["rule"].tolist()
    risk = pd.read_parquet(folder / "risk.parquet")
    tomorrow = risk[risk["session"] == pd.Timestamp(found.next_session)].set_index("level")
    held = found.risk[(found.risk["book"] == "held") & (found.risk["window"] == "next session")].set_index("level")
    for figure in ("value_at_risk", "expected_shortfall"):
        np.testing.assert_allclose(held[figure], tomorrow[figure].loc[held.index], rtol=error)
    np.testing.assert_allclose(held["value_at_risk_money"], held["value_at_risk"] * found.equity)
    return found


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> Path:
    return small_config(tmp_path_factory.mktemp("as_of"))


def test_a_session_with_a_decision_has_the_law_risk_and_orders_of_the_whole_run(small_run, config):
    decided = pd.read_parquet(small_run / "orders.parquet")["decided"].unique()
    found = same_as_the_run(small_run, config, f"{decided[len(decided) // 2]:%Y-%m-%d}", error=1e-5)
    assert len(found.orders) > 1
    positions = found.positions.set_index("asset")
    expected = found.orders.set_index("asset")["target_weight"]
    np.testing.assert_allclose(positions["weight_after_orders"].loc[expected.index], expected, atol=0.002)
    assert set(found.risk["book"]) == {"held", "after the orders"}
    assert "position, 5 bars from the fill" in set(found.risk["window"])
    assert (found.risk["expected_shortfall"] >= found.risk["value_at_risk"]).all()
    assert found.fitted_through == date(2016, 6, 30)


@pytest.mark.slow
def test_a_session_without_a_decision_has_no_orders(small_run, config):
    sessions = stored(small_run, "equity").index
    decided = pd.read_parquet(small_run / "orders.parquet")["decided"].unique()
    quiet = next(day for day in sessions[20:] if day not in decided)
    found = same_as_the_run(small_run, config, f"{quiet:%Y-%m-%d}", error=1e-5)
    assert found.orders.empty
    held = found.positions
    np.testing.assert_array_equal(held["weight"], held["weight_after_orders"])
    np.testing.assert_allclose(held["value"].sum() + found.cash, found.equity)


@pytest.fixture(scope="module")
def refitted(tmp_path_factory) -> tuple[Path, Path]:
    """A run whose model is fitted anew every quarter, and its config."""
    path = small_config(tmp_path_factory.mktemp("quarterly"))
    with_model(path, "  kind: ewma_t\n  horizon: 5\n  refit: quarterly\n")
    return run_experiment(load_config(path)), path


@pytest.mark.parametrize(
    ("day", "through"),
    [
        pytest.param("2016-09-29", "2016-06-30", marks=pytest.mark.slow),
        ("2016-09-30", "2016-09-30"),
        pytest.param("2016-10-03", "2016-09-30", marks=pytest.mark.slow),
    ],
)
def test_the_model_is_the_one_that_the_run_had_fitted_by_then(refitted, day, through):
    """The last session of a quarter is refitted through: the calendar says that the next one opens another."""
    found = same_as_the_run(*refitted, day)
    assert found.fitted_through == date.fromisoformat(through)


def test_a_day_without_a_session_means_the_last_one_before_it(tmp_path):
    found = forecast_as_of(load_config(on_files(tmp_path)), date(2016, 10, 2))
    assert (found.session, found.next_session) == (date(2016, 9, 30), date(2016, 10, 3))


@pytest.mark.parametrize(
    ("day", "said"),
    [
        (date(2016, 6, 30), r"test_start is 2016-07-01.*used to fit and to choose"),
        (date(1980, 1, 1), r"test_start is 2016-07-01"),
        (date(2024, 1, 3), r"data end with 2022-12-28.*Bring the newer bars"),
    ],
)
def test_a_day_that_cannot_be_forecast_is_refused_with_the_reason(config, day, said):
    with pytest.raises(DataError, match=said):
        forecast_as_of(load_config(config), day)


def prices(last: str, factor: float = 1.0) -> dict[str, pd.Series]:
    """Real closes up to a day; the first close of all times a factor."""
    panel = load_sp500().select(list(ASSETS)).between("2010-01-04", last)
    closes = pd.DataFrame(panel.closes, panel.sessions, list(ASSETS))
    closes.iloc[0, 0] *= factor
    return {asset: closes[asset].rename("close") for asset in ASSETS}


def on_files(folder: Path) -> Path:
    """A config without a model on closes up to the end of 2016, which its plan trusts."""
    changes = {
        "least_shortfall.py": "equal_weight.py",
        "  parameters: {level: 0.95}\n": "",
        "purge_bars: 6": "purge_bars: 0",
    }
    return config_on_files(folder, prices("2016-12-30"), "", changes)


def test_data_that_have_grown_are_what_the_plan_trusts_if_their_past_is(tmp_path):
    config = on_files(tmp_path)
    write_prices(tmp_path / "prices", prices("2017-01-31"))
    found = forecast_as_of(load_config(config))
    assert (found.session, found.next_session) == (date(2017, 1, 31), date(2017, 2, 1))
    assert found.law.empty and found.fitted_through is None
    assert found.risk["basis"].str.startswith("historical simulation").all()


def test_data_whose_past_has_changed_are_refused(tmp_path):
    config = on_files(tmp_path)
    write_prices(tmp_path / "prices", prices("2017-01-31", factor=1.01))
    with pytest.raises(PlanError, match=r"trusted_data.fingerprint.*so their past has changed"):
        forecast_as_of(load_config(config))


def test_what_is_forecast_reads_nothing_after_its_session(tmp_path):
    """The files end at the session, or go on for a month: the same positions, orders and risk."""
    config = on_files(tmp_path)
    ends = forecast_as_of(load_config(config), date(2016, 12, 30))
    write_prices(tmp_path / "prices", prices("2017-01-31"))
    goes_on = forecast_as_of(load_config(config), date(2016, 12, 30))
    for name in ("orders", "positions", "risk", "events"):
        pd.testing.assert_frame_equal(getattr(ends, name), getattr(goes_on, name), check_exact=True)
    assert ends.equity == goes_on.equity


@pytest.mark.slow
def test_only_orders_that_go_on_are_named_where_the_volume_cap_leaves_parts_unfilled():
    """On hours, orders filled in part are replaced again and again; what is left of those is ordered no more."""
    config = load_config(ROOT / "configs" / "hourly.yaml")
    found = forecast_as_of(config, date(2023, 6, 15))
    assert not found.orders["asset"].duplicated().any()  # one order an asset waits at most
    assert (found.positions["weight_after_orders"] >= -1e-9).all()  # the plan is long-only
    assert found.positions["weight_after_orders"].sum() <= config.plan.sizing.max_gross + 0.02
