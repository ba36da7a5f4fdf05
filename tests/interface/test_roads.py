"""The commands on a config, from a notebook: they call what the command line calls and return what it prints."""

from pathlib import Path
from typing import Any

import pytest

import quantdl as qd
from quantdl.config import load_config
from quantdl.errors import ConfigError, RunNameError
from quantdl.interface import roads
from tests.small_experiment import small_config


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_config(tmp_path_factory.mktemp("roads"))


def test_a_config_may_be_a_file_or_read_already(config: Path) -> None:
    loaded = load_config(config)
    assert roads.config_of(loaded) is loaded
    assert roads.config_of(str(config)).identity() == loaded.identity()
    with pytest.raises(ConfigError):
        qd.run(config.with_name("none.yaml"))
    with pytest.raises(ConfigError, match="config: given int; expected a YAML file"):
        qd.sweep(3)  # type: ignore[arg-type]


def test_a_run_is_carried_out_by_the_function_of_the_command_line_and_read_back(
    config: Path, small_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def run_experiment(*given: object) -> Path:
        asked.extend(given)
        return small_run

    monkeypatch.setattr(roads, "run_experiment", run_experiment)
    found = roads.run(config, output="somewhere")
    assert (asked[0].name, asked[1:]) == ("small", [Path("somewhere"), None])
    assert found.folder == small_run


def test_a_stored_run_is_found_by_folder_and_by_name(small_run: Path) -> None:
    assert qd.read_run(small_run).name == qd.read_run(small_run.name, small_run.parent).name == "small"
    with pytest.raises(RunNameError, match="no run is called 'smal'"):
        qd.read_run("smal", small_run.parent)


def test_scores_forecasts_and_sweeps_are_asked_of_the_same_functions(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, tuple[object, ...]] = {}

    def note(name: str) -> Any:  # noqa: ANN401 - stands in for any of them
        def noted(*given: object) -> str:
            asked[name] = given[1:]
            return name

        return noted

    for name in ("scored", "as_of", "sweep_grid"):
        monkeypatch.setattr(roads, name, note(name))
    assert roads.evaluate(config, output="scores") == "scored"  # type: ignore[comparison-overlap]
    assert roads.forecast_as_of(config, "2016-11-08") == "as_of"  # type: ignore[comparison-overlap]
    assert roads.sweep(config) == "sweep_grid"  # type: ignore[comparison-overlap]
    assert asked["scored"] == (None, Path("scores"))
    assert str(asked["as_of"][0]) == "2016-11-08"
    assert asked["sweep_grid"] == (None, None)


@pytest.mark.parametrize("given", [5, None, "a\0"])
def test_what_is_no_run_is_refused(given: Any) -> None:  # noqa: ANN401 - what is none
    with pytest.raises(ConfigError, match="^run: given .*; expected the folder of a run, its name or its identifier"):
        qd.read_run(given)


def test_folders_of_runs_and_of_output_are_paths(config: Path) -> None:
    with pytest.raises(ConfigError, match="^runs: given int; expected the folder of runs"):
        qd.read_run("small", 5)  # type: ignore[arg-type]
    for command in (qd.run, qd.evaluate):
        with pytest.raises(ConfigError, match="^output: given int; expected the path of a folder, or None"):
            command(config, output=5)  # type: ignore[arg-type]


@pytest.mark.parametrize("command", [qd.run, qd.evaluate, qd.forecast_as_of, qd.sweep, qd.audit])
def test_a_config_that_no_disk_can_hold_is_refused(command: Any) -> None:  # noqa: ANN401 - any of them
    with pytest.raises(ConfigError, match="^config: given 'a.x00.yaml'; expected a YAML file"):
        command("a\0.yaml")


@pytest.mark.parametrize("workers", ["x", 0, 1.5])
def test_what_is_no_number_of_workers_is_refused(config: Path, workers: Any) -> None:  # noqa: ANN401 - what is none
    with pytest.raises(ConfigError, match="^sweep: workers: given .*; expected a whole number, above 0"):
        qd.sweep(config, workers=workers)
