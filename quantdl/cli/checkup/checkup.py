"""All that is looked at, in order."""

from collections.abc import Callable, Iterator
from pathlib import Path

from quantdl.cli.checkup.finding import Finding
from quantdl.cli.checkup.installation import installation
from quantdl.cli.checkup.machine import machine
from quantdl.cli.checkup.places import places
from quantdl.cli.checkup.work import work


def checkup(root: Path, look: Callable[[str], None] = lambda what: None) -> Iterator[Finding]:
    """Yield what is found, one thing at a time.

    Args:
        root: Folder of the runs.
        look: Called with what is looked at next, for whoever waits.
    """
    look("the installation")
    yield from installation()
    look("the machine")
    yield from machine()
    look("the folders")
    yield from places(root)
    look("prices and compiled code")
    yield from work()
