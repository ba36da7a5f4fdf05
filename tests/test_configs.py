"""Every config that ships is complete, with what it extends, and what it names exists."""

import re
from pathlib import Path

import pytest

from quantdl.backtest import data_faults
from quantdl.config import configured_strategy, load_config, load_risk_config, swept_strategies
from quantdl.config.config_fault import dotted
from quantdl.config.extending import merged, overrides, read_layers
from quantdl.config.yaml_writer import yaml_text
from quantdl.errors import ConfigError, PlanError
from quantdl.experiment import carry_out, load_data
from quantdl.market.panel import Panel
from quantdl.training.splits import split_bars

FOLDER = Path(__file__).parents[1] / "configs"
CONFIGS = sorted(FOLDER.glob("*.yaml"))
RISKS = sorted((FOLDER / "risk").glob("*.yaml"))  # of the risk of a book; they have no plan
BASES = sorted((FOLDER / "base").glob("*.yaml"))  # what configs extend; no runs themselves


def test_the_promised_configs_ship():
    promised = {
        "quickstart",
        "quickstart_flow",
        "quickstart_graph",
        "quickstart_graph_sectors",
        "quickstart_small",
        "quickstart_seeds",
        "quickstart_ensemble",
        "forecast_sp500",
        "quickstart_sector_tree",
        "quickstart_bayesian",
        "classical",
        "equal_weight",
        "momentum",
        "crossover",
        "inverse_volatility",
        "risk_parity",
        "min_shortfall",
        "pairs",
        "graph_momentum",
        "tail_hedge",
        "two_strategies",
        "nasdaq",
        "walk_forward",
        "hourly",
    }
    assert promised <= {path.stem for path in CONFIGS}


@pytest.fixture(scope="module")
def panels() -> dict[str, Panel]:
    """The prices that were loaded, by what their configs say that loading reads: most configs say the same."""
    return {}


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=[pytest.mark.slow] if path.stem.startswith("nasdaq") else [])
        for path in CONFIGS
    ],
)
def test_a_config_loads_and_its_plan_fits_its_data(path, panels):
    config = load_config(path)
    data_path = getattr(config.data, "path", None)
    if data_path is not None and not config.locate_data(data_path, "data", "path").exists():
        pytest.skip(f"the prices of {path.name} are not here; QUANTDL_DATABANK names their folder")
    configured_strategy(config)
    read = (config.data, config.exogenous, config.features, config.risk_free, config.benchmark, config.splits)
    key = repr(read)
    panel = panels[key] = panels.get(key) or load_data(config).panel
    bars = split_bars(panel.sessions, config.splits)
    start, end = panel.sessions[bars.test.start + 1], panel.sessions[bars.test[-1]]
    assert data_faults(config.plan, panel, start, end) == ()


@pytest.mark.parametrize("path", [path for path in CONFIGS if load_config(path).sweep], ids=lambda path: path.stem)
def test_a_sweep_that_ships_names_parameters_of_its_strategy(path):
    config = load_config(path)
    sets = swept_strategies(config)
    assert len(sets) == config.sweep.n_sets and config.sweep.span == "validation"
    assert sum(one.strategy is not None for one in sets) >= 10  # so many the probability of overfitting takes


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_config_is_named_after_its_file(path):
    assert load_config(path).name == path.stem


@pytest.mark.parametrize("path", BASES, ids=lambda path: path.stem)
def test_a_base_is_extended_by_configs_and_is_no_run(path):
    extending = [config for config in CONFIGS if path in map(Path.resolve, load_config(config).source.texts)]
    assert len(extending) > 1
    with pytest.raises(ConfigError, match="name: missing"):
        load_config(path)


def test_what_stands_in_a_base_is_written_again_only_where_it_differs():
    for config in CONFIGS:
        own, *below = read_layers(config)
        base = merged(tuple(below)) if below else None
        for keys in overrides((own, *below)) if base else ():
            inherited = base.node(keys)
            assert inherited is None or yaml_text(own.node(keys)) != yaml_text(inherited), (config.name, dotted(keys))


def test_the_readme_can_tell_a_newcomer_to_break_the_plan_of_the_quick_start(tmp_path):
    text = (FOLDER / "quickstart.yaml").read_text().replace("extends: ", f"extends: {FOLDER}/")
    text = text.replace("file: ../", f"file: {FOLDER.parent}/")
    broken = {
        re.sub(r"  invalidation:\n(    .*\n)+", "", text): r"quickstart.yaml:22:1: plan.invalidation: missing",
        text.replace("max_weight: 0.15", "max_weight: 1"): r"quickstart.yaml:\d+:17: plan.sizing.max_weight: given 1",
    }
    for wrong, message in broken.items():
        path = tmp_path / "quickstart.yaml"
        path.write_text(wrong)
        with pytest.raises(PlanError, match=message):
            carry_out(load_config(path))


def test_the_quick_start_compares_all_five_models():
    config = load_config(CONFIGS[[path.stem for path in CONFIGS].index("quickstart")])
    kinds = [config.model.kind, *(block.kind for block in config.compared_models())]
    assert kinds == ["transformer", "flow", "graph", "ewma_t", "garch_t"]


@pytest.mark.parametrize("path", RISKS, ids=lambda path: path.stem)
def test_a_config_of_the_risk_of_a_book_loads_and_is_named_after_its_file(path):
    config = load_risk_config(path)
    assert config.name == path.stem
    with pytest.raises(ConfigError, match="plan: missing"):
        load_config(path)
