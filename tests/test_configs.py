"""Every config that ships is complete, and what it names exists."""

from pathlib import Path

import pytest

from quantdl.backtest import data_faults
from quantdl.config import configured_strategy, load_config
from quantdl.experiment import load_data
from quantdl.training.splits import split_bars

CONFIGS = sorted((Path(__file__).parents[1] / "configs").glob("*.yaml"))


def test_the_promised_configs_ship():
    promised = {
        "quickstart",
        "quickstart_flow",
        "quickstart_graph",
        "classical",
        "equal_weight",
        "inverse_volatility",
        "nasdaq",
    }
    assert promised <= {path.stem for path in CONFIGS}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_config_loads_and_its_plan_fits_its_data(path):
    config = load_config(path)
    data_path = getattr(config.data, "path", None)
    if data_path is not None and not config.locate_data(data_path, "data", "path").exists():
        pytest.skip(f"the prices of {path.name} are not here; QUANTDL_DATABANK names their folder")
    configured_strategy(config)
    panel = load_data(config).panel
    bars = split_bars(panel.sessions, config.splits)
    start, end = panel.sessions[bars.test.start + 1], panel.sessions[bars.test[-1]]
    assert data_faults(config.plan, panel, start, end) == ()


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_config_is_named_after_its_file(path):
    assert load_config(path).name == path.stem


def test_the_quick_start_compares_all_five_models():
    config = load_config(CONFIGS[[path.stem for path in CONFIGS].index("quickstart")])
    kinds = [config.model.kind, *(block.kind for block in config.compared_models())]
    assert kinds == ["transformer", "flow", "graph", "ewma_t", "garch_t"]
