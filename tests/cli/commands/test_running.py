"""The commands that carry out a config refuse what would be lost, before anything is read or trained."""

from pathlib import Path

import pytest

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
