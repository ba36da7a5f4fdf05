"""How the command line ends: exit codes, one line on standard error, no traceback."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from quantdl.cli.exits import Commands
from quantdl.errors import (
    CalendarError,
    ConfigError,
    DataError,
    IntegrityError,
    LookAheadError,
    PlanError,
    QuantdlError,
    RunError,
)
from tests.cli.running import ENVIRONMENT, heed_interrupts


@pytest.mark.parametrize(
    "error, code",
    [
        (ConfigError, 2),
        (DataError, 3),
        (CalendarError, 3),
        (PlanError, 4),
        (LookAheadError, 4),
        (IntegrityError, 5),
        (RunError, 6),
        (QuantdlError, 6),
    ],
)
def test_each_error_has_its_exit_code_and_only_its_message(error: type[QuantdlError], code: int) -> None:
    result = CliRunner().invoke(raising(error("what, where, expected, fix")), [])
    assert (result.exit_code, result.stdout, result.stderr) == (code, "", "what, where, expected, fix\n")


def test_a_disk_that_refuses_is_a_failed_run() -> None:
    result = CliRunner().invoke(raising(OSError(28, "No space left on device", "/runs/x")), [])
    assert (result.exit_code, result.stderr) == (6, "/runs/x: No space left on device\n")


def raising(error: BaseException) -> typer.Typer:
    failing = typer.Typer(cls=Commands)

    @failing.callback(invoke_without_command=True)
    def fail() -> None:
        raise error

    return failing


SLEEPER = """
import time, typer
from quantdl.cli.exits import Commands, leave_with
app = typer.Typer(cls=Commands)
@app.callback(invoke_without_command=True)
def sleep():
    import warnings
    warnings.warn("doubtful")
    print("started", flush=True)
    time.sleep(60)
leave_with(app)
"""


def test_an_interrupt_is_exit_code_130_and_one_line() -> None:
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", SLEEPER]
    process = subprocess.Popen(
        command, env=ENVIRONMENT, stdout=pipe, stderr=pipe, text=True, preexec_fn=heed_interrupts
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors == "warning: doubtful\ninterrupted; no run was written\n"


def test_a_reader_that_leaves_causes_no_traceback(root: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "quantdl", "runs", "list", "--json", "--root", str(root)]
    process = subprocess.run(command, env=ENVIRONMENT, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert (process.returncode, process.stderr) == (141, "")
