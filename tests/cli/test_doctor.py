"""`quantdl doctor`: what it prints, within the terminal, and how it ends."""

import json
from pathlib import Path

import pytest

from quantdl.cli import checkup as module
from quantdl.cli.checkup import Finding
from quantdl.cli.doctor import print_findings
from tests.cli.running import invoke

WELL = Finding("runs", "ok", "a folder of some length " * 6, "never shown")
SLOW = Finding("threads", "slow", "two pools", "export OMP_NUM_THREADS=1")
BROKEN = Finding("prices", "broken", "gone\x1b[2J", "pip install skfolio")


@pytest.mark.parametrize("columns", [40, 80, 300])
def test_lines_fit_and_a_fix_stands_where_there_is_something_to_mend(capsys, monkeypatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    print_findings([WELL, SLOW, BROKEN])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= max(60, min(columns, 120))
    assert "never shown" not in "".join(lines) and "\x1b" not in "".join(lines)
    assert "fix: export OMP_NUM_THREADS=1" in "".join(lines)
    assert lines[-1] == "Broken: prices. Slow: threads."


@pytest.mark.parametrize(("findings", "code"), [((WELL, SLOW), 0), ((WELL, BROKEN), 6)])
def test_only_what_is_broken_ends_with_a_code(monkeypatch, findings: tuple[Finding, ...], code: int) -> None:
    monkeypatch.setattr(module, "checkup", lambda root, look: findings)
    assert invoke("doctor")[0] == code
    found, output, _ = invoke("doctor", "--json")
    assert found == code
    told = json.loads(output)
    assert told["broken"] == (code == 6) and [one["what"] for one in told["findings"]] == [one.what for one in findings]


def test_a_folder_that_cannot_be_written_is_found(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, output, errors = invoke("doctor", "--root", str(tmp_path / "file" / "runs"))
    assert (code, errors) == (6, "")
    assert "Broken: runs." in output
