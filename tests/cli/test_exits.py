"""How the command line ends: exit codes, one line on standard error, no traceback."""

import os
import signal
import subprocess
import sys
import time
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
    assert result.exit_code == 6
    assert result.stderr == "/runs/x: No space left on device. Free some space, or write to another disk.\n"
    result = CliRunner().invoke(raising(PermissionError(13, "Permission denied", "/runs")), [])
    assert result.exit_code == 6
    assert result.stderr == "/runs: Permission denied. Check the permissions, or give another path.\n"


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


LOSES_IT = """
import sys, typer
from quantdl.cli.exits import Commands, leave_with
app = typer.Typer(cls=Commands)
@app.callback(invoke_without_command=True)
def work():
    import signal, time
    try:
        print("started", flush=True)
        if sys.argv[1] == "text":
            exec("time.sleep(60)", {"time": time})
        time.sleep(60)
    except KeyboardInterrupt:
        if sys.argv[1] == "other":
            raise ImportError("initialization failed") from None
        if sys.argv[1] == "code":
            raise typer.Exit(6) from None
        if sys.argv[1] == "text":
            raise
    if sys.argv[1] == "twice":
        signal.raise_signal(signal.SIGINT)
leave_with(lambda prog_name: app(args=[], prog_name=prog_name))
"""


@pytest.mark.parametrize("what, code", [("other", 130), ("text", 130), ("code", 130), ("twice", 130), ("finish", 0)])
def test_an_interrupt_that_becomes_something_else_is_still_exit_code_130(what: str, code: int) -> None:
    """A library that is being imported turns it into an error of its own, or has code compiled from text, after which
    Python would end by the signal; a command that ends well has ended well."""
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", LOSES_IT, what]
    process = subprocess.Popen(
        command, env=ENVIRONMENT, stdout=pipe, stderr=pipe, text=True, preexec_fn=heed_interrupts
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, "Traceback" in errors) == (code, False), errors


@pytest.mark.slow
def test_an_interrupt_at_any_moment_of_a_command_is_exit_code_130(tmp_path: Path, write_small) -> None:
    """From the imports to the end of the run, thirty times; one that comes after the end finds exit code 0."""
    config = write_small(tmp_path)
    codes = set()
    for moment in range(30):
        command = [sys.executable, "-m", "quantdl", "run", str(config), "--output", str(tmp_path / f"{moment}")]
        process = subprocess.Popen(
            command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=heed_interrupts
        )
        time.sleep(0.5 + 0.25 * moment)  # before it the interpreter itself may not have begun to heed signals
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=300)
        codes.add(process.returncode)
        assert (tmp_path / f"{moment}").exists() == (process.returncode == 0)
    assert codes <= {130, 0} and 130 in codes


def test_a_reader_that_leaves_causes_no_traceback(root: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "quantdl", "runs", "list", "--json", "--root", str(root)]
    process = subprocess.run(command, env=ENVIRONMENT, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert (process.returncode, process.stderr) == (141, "")
