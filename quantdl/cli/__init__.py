"""The command line: ``quantdl run configs/quickstart.yaml`` and what goes with it.

Figures go to standard output, progress and errors to standard error. Exit codes: 0 done, 2 config or usage, 3 data,
4 plan refused or leak, 5 integrity, 6 run failed, 130 interrupted, 141 the reader of the output went away.
"""

try:
    from quantdl.cli.commands import app
    from quantdl.cli.exits import leave_with
except KeyboardInterrupt:  # while this is imported nothing else can tell the shell
    raise SystemExit(130) from None

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line and leave with its exit code."""
    leave_with(app)
