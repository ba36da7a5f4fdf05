"""The whole config: names that must exist, paths, and what makes it a trial."""

from dataclasses import replace
from pathlib import Path

import pytest

from quantdl.config import load_config
from quantdl.config.schema import ExperimentConfig
from quantdl.errors import ConfigError
from quantdl.models.settings import EwmaSettings, FlowSettings, GraphSettings

VALID = Path(__file__).with_name("valid.yaml")


@pytest.fixture
def built() -> ExperimentConfig:
    """A config that was built in Python."""
    read = load_config(VALID)
    return ExperimentConfig(**{name: getattr(read, name) for name in ExperimentConfig.model_fields})


def test_a_config_built_in_python_has_no_file(built: ExperimentConfig) -> None:
    assert built.where("splits", "test_end") == "splits.test_end"
    assert built.locate(Path("strategy.py")) == Path("strategy.py")
    with pytest.raises(ValueError, match="load_config reads one from a file"):
        _ = built.source


def test_a_bare_kind_takes_the_horizon_of_the_plan_where_there_is_no_model(built: ExperimentConfig) -> None:
    assert built.model_copy(update={"model": None}).compared_models() == (
        FlowSettings(horizon=23),
        GraphSettings(horizon=23),
        EwmaSettings(horizon=23, decay=0.97),
    )


def test_a_bare_kind_takes_the_horizons_of_the_model(built: ExperimentConfig) -> None:
    model = replace(built.model, also_horizons=(1, 60))
    compared = built.model_copy(update={"model": model}).compared_models()
    assert [settings.also_horizons for settings in compared] == [(1, 60), (1, 60), ()]  # the last is a full block


def test_name_seed_and_output_do_not_make_another_trial(built: ExperimentConfig) -> None:
    other = built.model_copy(update={"name": "other", "seed": 8})
    assert other.identity() == built.identity()
    assert built.model_copy(update={"model": None}).identity() != built.identity()


def test_a_path_counts_by_where_it_leads(tmp_path: Path, write_config) -> None:
    (tmp_path / "prices").mkdir()
    declared = (
        "kind: csv_folder\n  path: PATH\n  source: x\n  timezone: America/New_York\n  frequency: 1D\n"
        "  adjustment: raw\n  calendar: XNYS\n  as_of: 2024-01-02\n  licence: own"
    )
    spelled = ("prices", "./prices", f"{tmp_path}/prices", "../elsewhere")
    (tmp_path.parent / "elsewhere").mkdir(exist_ok=True)
    found = []
    for path in spelled:
        output = ("compare:", f"output: {{root: {tmp_path}/runs}}\ncompare:")
        found.append(load_config(write_config(("kind: sp500", declared.replace("PATH", path)), output)).identity())
    assert found[0] == found[1] == found[2]
    assert found[0]["data"]["path"] == "../prices"
    assert found[3]["data"]["path"] == "../../elsewhere"


def test_a_variable_counts_by_its_name_and_not_by_what_stands_in_for_it(write_config) -> None:
    declared = (
        "kind: parquet\n  path: ${env:QUANTDL_BANK:-FOLDER}/a.parquet\n  source: x\n  timezone: America/New_York\n"
        "  frequency: 1D\n  adjustment: raw\n  calendar: XNYS\n  as_of: 2024-01-02\n  licence: own"
    )
    found = [
        load_config(write_config(("kind: sp500", declared.replace("FOLDER", folder)))).identity()
        for folder in ("../bank", "/elsewhere")
    ]
    assert found[0] == found[1]
    assert found[0]["data"]["path"] == "${env:QUANTDL_BANK}/a.parquet"


def test_a_value_of_an_extended_config_is_found_in_its_file(tmp_path: Path, write_config) -> None:
    base = write_config()
    own = tmp_path / "own.yaml"
    own.write_text(f"extends: {base.name}\nseed: 8\n")
    assert load_config(own).where("seed") == f"{own}:2:7: seed"
    assert load_config(own).where("model", "width") == f"{base}:12:10: model.width"


def test_models_are_named_by_their_kind_and_numbered_from_the_second_of_a_kind(built: ExperimentConfig) -> None:
    twice = (*built.compare, built.model, EwmaSettings(horizon=23))
    named = built.model_copy(update={"compare": twice}).named_models()
    assert list(named) == ["transformer", "flow", "graph", "ewma_t", "transformer_2", "ewma_t_2"]
    assert named["ewma_t"] == built.compare[2] and named["ewma_t_2"] == EwmaSettings(horizon=23)


@pytest.mark.parametrize("name", ["flow", "transformer_2"])
def test_every_row_of_an_evaluation_may_be_what_the_others_are_held_against(name: str, write_config) -> None:
    read = load_config(write_config(("compare:", f"evaluation: {{against: {name}}}\n\ncompare:\n  - transformer")))
    assert read.evaluation.against == name


def test_a_model_to_be_held_against_must_be_evaluated(write_config) -> None:
    path = write_config(("compare:", "evaluation: {against: garch_t}\n\ncompare:"))
    expected = (
        "against is given 'garch_t'; expected a model that is evaluated, of \\['transformer', 'flow', 'graph', 'ew"
    )
    with pytest.raises(ConfigError, match=expected):
        load_config(path)
