"""The commands that carry out a config refuse what would be lost, before anything is read or trained."""

import json
from pathlib import Path

import pytest

from quantdl.experiment import given, pipeline
from tests.cli.running import invoke


def test_a_folder_to_write_that_exists_is_wrong_usage(tmp_path: Path, write_small, root: Path) -> None:
    config = write_small(tmp_path)
    first = sorted(root.glob("example-*"))[0]
    code, output, errors = invoke("run", str(config), "--output", str(first))
    assert (code, output) == (2, "")
    assert f"Give another place with --output, or remove it with `quantdl runs delete {first}`" in errors
    (tmp_path / "README.md").write_text("precious")
    code, _, errors = invoke("run", str(config), "--output", str(tmp_path / "README.md"))
    assert code == 2
    assert "README.md: a file stands there, and nothing is overwritten. Give another place with --output." in errors
    assert "delete" not in errors


@pytest.mark.parametrize("command", ["run", "evaluate", "backtest"])
def test_a_damaged_ledger_is_exit_code_5_before_anything_is_read_or_trained(
    tmp_path: Path, write_small, command: str
) -> None:
    config = write_small(tmp_path)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "ledger.jsonl").write_text('{"not": "a trial"}\n')
    code, output, errors = invoke(command, str(config))
    assert (code, output) == (5, "")
    assert "ledger.jsonl:1: not the line that was written" in errors and "Restore the ledger from a copy" in errors
    assert "..." not in errors  # no stage of the work was begun


class Refuses:
    """Stands for a disk that is full."""

    def __call__(self, *_: object) -> None:
        raise OSError(28, "No space left on device", "/runs/x")


@pytest.mark.parametrize("command", ["run", "backtest"])
def test_a_disk_that_refuses_is_a_sentence_and_exit_code_6(
    tmp_path: Path, write_small, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(given, "load_data", Refuses())
    code, output, errors = invoke(command, str(write_small(tmp_path)))
    assert (code, output) == (6, "")
    assert "No space left on device" in errors and "Free some space" in errors and "Traceback" not in errors


def test_an_interrupted_run_says_how_to_go_on(tmp_path: Path, write_small, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(given, "load_data", interrupted)
    code, output, errors = invoke("run", str(write_small(tmp_path)))
    assert (code, output) == (130, "")
    assert "no state of a training had been saved yet" in errors and "starts again" in errors
    assert not any((tmp_path / "runs").glob("small-*"))


@pytest.mark.parametrize("option", ["--json", "--quiet"])
def test_a_backtest_prints_json_alone_or_the_verdict_alone(
    small_outcome, tmp_path: Path, write_small, option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "carry_out", lambda config, progress: small_outcome)
    code, output, errors = invoke("backtest", str(write_small(tmp_path)), option)
    assert code == 0 and errors == ""
    verdict = small_outcome.checklist.verdict
    if option == "--quiet":
        assert output == f"verdict: {verdict}\n"
    else:
        found = json.loads(output)
        assert found["checklist"]["verdict"] == verdict
        assert found["metrics"]["strategy"] == found["strategy"]
        assert found["verdict"]["headline"] and found["fitted_through"] == ["2016-06-30"]
    code, output, errors = invoke("backtest", str(write_small(tmp_path)), "-v")
    assert code == 0 and output.splitlines()[-1] == f"verdict: {verdict}"
    assert "read: prices sp500, bundled" in errors and "fitted through: 2016-06-30" in errors and "took: " in errors
