"""`quantdl sweep` of a grid prints every set and how the best one is to be judged."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from quantdl.cli.sweeps import print_sweep
from quantdl.experiment.parameter_sweep import GridTable, SetRow
from tests.cli.running import invoke
from tests.small_experiment import small_config
from tests.small_sweep import sweep_config

PLAYED = SetRow(0, {"fast": 5, "slow": 50}, "played", 0.8983, 0.0567, 0.145, -0.0989, 18.2, 5920.1, 364, None, "4e1f")
TABLE = GridTable(
    "validation",
    date(2017, 1, 3),
    date(2018, 12, 31),
    (
        PLAYED,
        SetRow(1, {"fast": 60, "slow": 50}, "refused", problem="fast must be shorter"),
        SetRow(2, {"fast": 7, "slow": 9}, "failed", problem="its process ended by signal 9"),
    ),
    0.6256,
    PLAYED,
    None,
)


def test_a_table_shows_every_set_and_what_was_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    print_sweep(TABLE)
    output = capsys.readouterr().out
    for cell in ("fast", "slow", "0.8983", "364", "fast must be shorter", "its process ended by signal 9"):
        assert cell in output
    assert "1 played, 1 refused, 1 failed of 3 sets" in output
    assert "equal weight over the same sessions: 0.6256" in output
    assert "the test span was not looked at" in output


def test_a_sweep_on_the_test_span_is_no_result_out_of_sample(capsys: pytest.CaptureFixture[str]) -> None:
    print_sweep(replace(TABLE, span="test"))
    output = capsys.readouterr().out
    assert "no result out of sample" in output and "not looked at" not in output


def test_without_a_sharpe_ratio_there_is_no_best_set(capsys: pytest.CaptureFixture[str]) -> None:
    print_sweep(replace(TABLE, best=None))
    assert "no set has a Sharpe ratio" in capsys.readouterr().out


def test_a_sweep_is_carried_out_alone(tmp_path: Path) -> None:
    path = str(sweep_config(tmp_path))
    for more in ([path], ["--seeds", "2"]):
        code, output, errors = invoke("sweep", path, *more)
        assert (code, output) == (2, "")
        assert "a config with a sweep is carried out alone" in errors and "small_sweep.yaml:" in errors


@pytest.mark.slow
def test_the_command_line_plays_a_grid_on_processes_and_prints_it(tmp_path: Path) -> None:
    path = str(sweep_config(tmp_path))
    (code, output, _), (again, other, _) = (invoke("sweep", path, "--json", "--workers", count) for count in ("1", "2"))
    assert (code, again) == (0, 0)
    one, two = json.loads(output), json.loads(other)
    assert one["rows"] == two["rows"] and one["best"] == two["best"]
    assert one["selection"] | {"n_records": 16} == two["selection"]
    assert one["selection"]["n_trials"] == 8


def test_one_config_without_a_sweep_is_refused_before_it_looks_at_the_test_span(tmp_path: Path) -> None:
    code, _, error = invoke("sweep", str(small_config(tmp_path)))
    assert code == 2 and "has no sweep" in error and "--seeds" in error
    assert not (tmp_path / "runs").exists()
