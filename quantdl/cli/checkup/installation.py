"""Python, the libraries that quantdl needs, those that it can use, and a browser for PDF."""

import platform
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import quantdl
from quantdl.cli.checkup.finding import Finding

OLDEST, NEWEST = (3, 11), (3, 14)
"""Versions of Python on which quantdl is tested, the first and the last."""

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
_USES = {
    "notebooks": "carries out the notebooks",
    "ray": "`quantdl sweep --ray`",
    "search": "`quantdl search`",
    "yfinance": "prices fetched from Yahoo",
}
_REQUIREMENT = re.compile(r'(?P<name>[\w.-]+)\s*(?:>=\s*(?P<least>[\w.]+))?[^;]*(?:;.*extra == "(?P<extra>[\w-]+)")?')
_PIN = re.compile(r"(?P<name>[\w.-]+)==(?P<version>\S+)")


@dataclass(frozen=True)
class Requirement:
    """A library that is needed: its name, the least version, and the extra that it belongs to, each empty for none."""

    name: str
    least: str
    extra: str

    @property
    def fault(self) -> str:
        """What is wrong with what is installed; empty for nothing."""
        try:
            found = version(self.name)
        except PackageNotFoundError:
            return f"{self.name} is missing"
        return f"{self.name} is {found}, at least {self.least}" if is_older(found, self.least) else ""


def is_older(found: str, least: str) -> bool:
    """Tell whether a version comes before another; only their numbers count.

    Example:
        >>> is_older("2.9.1", "2.10"), is_older("2.10.0+cpu", "2.10"), is_older("2.10", "2.10.0")
        (True, False, False)
    """
    one, other = (tuple(map(int, re.findall(r"\d+", text.partition("+")[0])[:3])) for text in (found, least))
    return one + (0,) * (3 - len(one)) < other + (0,) * (3 - len(other))


def requirements(lines: Sequence[str]) -> tuple[Requirement, ...]:
    """Read the requirements that a package states about itself."""
    read = [_REQUIREMENT.match(line) for line in lines]
    return tuple(Requirement(one["name"], one["least"] or "", one["extra"] or "") for one in read if one is not None)


def installation() -> Iterator[Finding]:
    """Yield what is found of Python, libraries and extras."""
    yield Finding("quantdl", "ok", f"{quantdl.__version__}, in {Path(quantdl.__file__).parent}")
    yield _python(sys.version_info[:2])
    try:
        stated = requirements(requires("quantdl") or ())
    except PackageNotFoundError:
        yield Finding("libraries", "note", "quantdl is not installed, so what it needs is not known.", "pip install .")
        return
    yield _libraries([one for one in stated if not one.extra])
    constraints = Path(quantdl.__file__).parents[1] / "constraints.txt"
    if constraints.is_file():
        yield _pins(constraints.read_text(encoding="utf-8"), {_usual(one.name) for one in stated if not one.extra})
    for extra, use in _USES.items():
        yield _extra(extra, use, [one for one in stated if one.extra == extra])
    yield _browser()


def _python(found: tuple[int, ...]) -> Finding:
    detail = f"{platform.python_version()}, {sys.executable}"
    if OLDEST <= found <= NEWEST:
        return Finding("Python", "ok", detail)
    tested = f"quantdl is tested on {'.'.join(map(str, OLDEST))} to {'.'.join(map(str, NEWEST))}"
    return Finding("Python", "broken" if found < OLDEST else "note", f"{detail}; {tested}.", "install one of these")


def _libraries(needed: Sequence[Requirement]) -> Finding:
    faults = [fault for one in needed if (fault := one.fault)]
    if not faults:
        return Finding("libraries", "ok", f"all {len(needed)} are there, none too old")
    return Finding("libraries", "broken", "; ".join(faults), "pip install --upgrade quantdl")


def _pins(text: str, names: set[str]) -> Finding:
    """Compare the libraries that quantdl names with the exact versions that it is tested with."""
    pins = [one for one in _PIN.finditer(text) if _usual(one["name"]) in names]
    others = [f"{one['name']} {found}, tested {one['version']}" for one in pins if (found := _other(one))]
    if not others:
        return Finding("versions", "ok", f"exactly those of constraints.txt, {len(pins)} libraries")
    fix = "pip install -c constraints.txt . gives the same digits as the tests saw"
    return Finding("versions", "note", f"not as in constraints.txt: {'; '.join(others)}", fix)


def _usual(name: str) -> str:
    """Return the name of a package as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _other(pin: re.Match[str]) -> str:
    """Return the version that is installed where it is another one."""
    try:
        found = version(pin["name"])
    except PackageNotFoundError:
        return ""  # said with the libraries
    return "" if found.partition("+")[0] == pin["version"].partition("+")[0] else found


def _extra(name: str, use: str, needed: Sequence[Requirement]) -> Finding:
    faults = [fault for one in needed if (fault := one.fault)]
    if not faults:
        return Finding(f"extra {name}", "ok", use)
    return Finding(f"extra {name}", "note", f"{'; '.join(faults)}: {use}", f"pip install 'quantdl[{name}]'")


def _browser() -> Finding:
    for name in _BROWSERS:
        if path := shutil.which(name):
            return Finding("browser", "ok", f"{path}, which prints reports as PDF")
    return Finding("browser", "note", "no Chromium or Chrome, which prints reports as PDF", "install chromium")
