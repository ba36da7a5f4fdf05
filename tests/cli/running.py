"""The command line in this process and in one of its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from quantdl.cli.commands import app

PROJECT = Path(__file__).parents[2]
VALID = PROJECT / "tests" / "config" / "valid.yaml"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"}


def quantdl(*arguments: str, cwd: Path = PROJECT) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    command = [sys.executable, "-m", "quantdl", *arguments]
    return subprocess.run(command, cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, timeout=60)


def invoke(*arguments: str) -> tuple[int, str, str]:
    """Run the command line in this process: exit code, output, errors."""
    result = CliRunner().invoke(app, list(arguments), prog_name="quantdl")
    return result.exit_code, result.stdout, result.stderr


def heed_interrupts() -> None:
    """For the child of a Popen: shells start background jobs, and so their children, with SIGINT ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
