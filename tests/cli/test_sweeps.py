"""`quantdl sweep` of a grid prints every set and how the best one is to be judged."""

from dataclasses import replace
from datetime import date

import pytest

from quantdl.cli.sweeps import print_sweep
from quantdl.experiment.grid_table import GridTable, SetRow

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
