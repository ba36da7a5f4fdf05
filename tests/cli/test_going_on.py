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
    assert "nothing is kept; `quantdl run small.yaml` starts again" in training_kept(config)
    with pytest.raises(KeyboardInterrupt), keeping_unfinished(config):
        (folder,) = (tmp_path / "runs" / ".unfinished").iterdir()
        (folder / "a.safetensors").write_bytes(bytes(1_500_000))
        raise KeyboardInterrupt
    said = training_kept(config)
    assert kept_states(config) == (folder / "a.safetensors",)
    assert f"the state of the training is kept in {folder} (1.5 MB)" in said
    assert "`quantdl run small.yaml` goes on from there" in said


def test_a_config_that_keeps_no_states_has_none():
    assert kept_states(SimpleNamespace(output=SimpleNamespace(state_seconds=None))) == ()
