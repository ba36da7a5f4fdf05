"""What an interruption says: what is kept, and the command that goes on."""

import sys
from types import SimpleNamespace

import pytest
import typer
from typer.testing import CliRunner

from quantdl.cli.exits import Commands
from quantdl.cli.going_on import saying_how_to_go_on, this_command, training_kept
from quantdl.config import load_config
from quantdl.experiment.unfinished import keeping_unfinished, kept_states
from tests.small_experiment import with_model


def test_the_command_is_repeated_for_a_shell(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/x/quantdl", "run", "my config.yaml", "--seed", "3"])
    assert this_command() == "`quantdl run 'my config.yaml' --seed 3`"


def test_ctrl_c_says_what_is_kept_and_leaves_with_130():
    app = typer.Typer(cls=Commands)

    @app.callback(invoke_without_command=True)
    def work() -> None:
        with saying_how_to_go_on(lambda: "interrupted: all is kept"):
            raise KeyboardInterrupt

    result = CliRunner().invoke(app, [])
    assert (result.exit_code, result.stdout, result.stderr) == (130, "", "interrupted: all is kept\n")


def test_an_unfinished_training_is_named_with_its_folder_and_size(tmp_path, write_small, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["quantdl", "run", "small.yaml"])
    config = load_config(write_small(tmp_path))
    with pytest.raises(KeyboardInterrupt), keeping_unfinished(config):
        (folder,) = (tmp_path / "runs" / ".unfinished").iterdir()
        (folder / "a.safetensors").write_bytes(bytes(1_500_000))
        raise KeyboardInterrupt
    said = training_kept(config)
    assert kept_states(config) == (folder / "a.safetensors",)
    assert f"the state of the training is kept in {folder} (1.5 MB)" in said
    assert "`quantdl run small.yaml` goes on from there" in said


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("", "no state of a training had been saved yet (the first is after 30 s of it)"),
        (", state_seconds: 5", "no state of a training had been saved yet (the first is after 5 s of it)"),
        (", state_seconds: null", "output.state_seconds is null, so no state of a training is kept"),
    ],
)
def test_before_the_first_state_is_saved_the_interruption_says_so_and_leaves_no_folder(
    tmp_path, write_small, monkeypatch, lines, said
):
    monkeypatch.setattr(sys, "argv", ["quantdl", "run", "small.yaml"])
    config = load_config(write_small(tmp_path, {"output: {root: runs}\n": f"output: {{root: runs{lines}}}\n"}))
    with pytest.raises(KeyboardInterrupt), keeping_unfinished(config):
        raise KeyboardInterrupt
    assert (
        training_kept(config) == f"interrupted: no run was written, and {said}; `quantdl run small.yaml` starts again"
    )
    assert not (config.runs_root / ".unfinished").exists()


def test_a_model_that_is_not_trained_in_passes_keeps_no_state(tmp_path, write_small, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["quantdl", "run", "small.yaml"])
    path = write_small(tmp_path)
    with_model(path, "  kind: ewma_t\n  horizon: 5\n")
    said = training_kept(load_config(path))
    assert said == "interrupted: nothing was written; `quantdl run small.yaml` starts again"


def test_a_config_that_keeps_no_states_has_none():
    assert kept_states(SimpleNamespace(output=SimpleNamespace(state_seconds=None))) == ()
