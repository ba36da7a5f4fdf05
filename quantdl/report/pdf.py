"""A page as PDF, printed by the Chromium that is installed: in a process of its own, and without a network."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from quantdl.disk import disk_errors, replacing
from quantdl.errors import ConfigError, RunError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
"""Programs that print, by the names that systems give them; the first one found is taken."""
ENDING = ".pdf"
_OPTIONS = (
    "--headless",
    "--disable-gpu",
    "--disable-dev-shm-usage",  # a container has little shared memory
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--proxy-server=127.0.0.1:1",  # nothing outside can be reached
    "--no-pdf-header-footer",
)


def find_browser(names: Sequence[str] = BROWSERS) -> str:
    """Return the path of the first of these programs that is installed.

    Raises:
        ConfigError: If none of them is.
    """
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        raise ConfigError(
            f"--pdf: needs Chromium or Chrome, and none of {', '.join(names)} is on the PATH. Install one (on Debian "
            "`apt-get install chromium`), or open the HTML file and print it from a browser."
        )
    return found


def write_pdf(page: Path, destination: Path, browser: str, seconds: float = 180.0) -> Path:
    """Print a page of ours as PDF, in one step.

    Args:
        page: The HTML file.
        destination: The PDF; it is replaced.
        browser: Path of a Chromium, see `find_browser`.
        seconds: After how many it is given up.

    Returns:
        The file written.

    Raises:
        RunError: If the browser fails, says nothing for too long, or the disk refuses. What stood there stays.
    """
    with (
        disk_errors(destination, place="another place"),
        tempfile.TemporaryDirectory(prefix="quantdl-print-", ignore_cleanup_errors=True) as profile,
        replacing(destination) as draft,
    ):
        own = [f"--user-data-dir={profile}", f"--print-to-pdf={draft.absolute()}", page.absolute().as_uri()]
        # Chromium does not start as root with its sandbox; the page is ours, and its policy fetches nothing.
        told = _told(browser, [*_OPTIONS, *(["--no-sandbox"] if os.geteuid() == 0 else []), *own], seconds, destination)
        if not _is_whole(draft):
            raise RunError(f"{destination}: {browser} printed nothing. Its last words: {told or 'none'}")
    return destination


def _told(browser: str, options: Sequence[str], seconds: float, destination: Path) -> str:
    """Run the browser to its end and return the last line that it said."""
    with tempfile.TemporaryFile() as words:
        process = subprocess.Popen(
            [browser, *options], stdin=subprocess.DEVNULL, stdout=words, stderr=words, start_new_session=True
        )
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise RunError(
                f"{destination}: {browser} had not printed after {seconds:g} seconds and was ended. Try again when the "
                "machine is less busy, or print the HTML file from a browser."
            ) from error
        finally:
            with suppress(ProcessLookupError):  # it and all that it has started
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        words.seek(0)
        lines = words.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _is_whole(draft: Path) -> bool:
    if not draft.is_file():
        return False
    content = draft.read_bytes()
    return content.startswith(b"%PDF-") and b"%%EOF" in content[-64:]
