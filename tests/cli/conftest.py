"""The command line in this process and in one of its own."""

from pathlib import Path

import pytest

from quantdl.runs.store import RunWriter


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with two runs."""
    for sharpe in (0.5, None):
        with RunWriter(tmp_path / "runs", "example") as run:
            run.write_json("checklist.json", {"verdict": "not defended", "items": []})
            run.write_json("verdict.json", {"headline": "It lost.", "advice": "Do not trade it.", "reasons": ["Late."]})
            run.write_json("metrics.json", {"strategy": {"sharpe": sharpe}})
    return tmp_path / "runs"
