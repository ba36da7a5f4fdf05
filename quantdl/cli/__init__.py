"""The command line: ``quantdl run configs/quickstart.yaml`` and what goes with it.

Figures go to standard output, progress and errors to standard error. Exit codes: 0 done, 2 config or usage, 3 data,
4 plan refused or leak, 5 integrity, 6 run failed, 130 interrupted, 141 the reader of the output went away.
"""

import os

__all__ = ["main"]

_INTERRUPTED = 130  # see `quantdl.cli.exits`, which is not there yet where this is needed


def main() -> None:
    """Run the command line and leave with its exit code."""
    try:
        from quantdl.cli.commands import app
        from quantdl.cli.exits import leave_with
    except KeyboardInterrupt:
        os._exit(_INTERRUPTED)
    leave_with(app)
