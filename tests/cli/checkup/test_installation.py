"""What is installed is held against what the package says that it needs."""

import shutil
from importlib import metadata

import numpy as np
import pytest

from quantdl.cli.checkup import installation as module
from quantdl.cli.checkup.installation import Requirement, installation, is_older, requirements


@pytest.mark.parametrize(
    ("found", "least", "older"),
    [
        ("2.9", "2.10", True),
        ("2.10", "2.9", False),
        ("3", "3.0.0", False),
        ("2.10.0+cu128", "2.10", False),
        ("1.0rc1", "1.1", True),
    ],
)
def test_versions_are_compared_by_their_numbers(found: str, least: str, older: bool) -> None:
    assert is_older(found, least) == older


def test_requirements_are_read_with_their_extras() -> None:
    lines = ["numpy>=2.3", 'quantdl[search]; extra == "test"', 'ray>=2.50; extra == "ray"', "ruamel.yaml>=0.18.15"]
    assert requirements(lines) == (
        Requirement("numpy", "2.3", ""),
        Requirement("quantdl", "", "test"),
        Requirement("ray", "2.50", "ray"),
        Requirement("ruamel.yaml", "0.18.15", ""),
    )


def test_a_library_that_is_missing_or_too_old_is_named() -> None:
    assert Requirement("numpy", "2.0", "").fault == ""
    assert Requirement("numpy", "99.0", "").fault == f"numpy is {np.__version__}, at least 99.0"
    assert Requirement("no-such-library", "1.0", "").fault == "no-such-library is missing"


def test_a_missing_library_breaks_and_a_missing_extra_does_not(monkeypatch) -> None:
    stated = ["numpy>=99.0", 'no-such-library>=1.0; extra == "ray"']
    monkeypatch.setattr(module, "requires", lambda name: stated)
    found = {one.what: one for one in installation()}
    assert found["libraries"].state == "broken" and "numpy is" in found["libraries"].detail
    assert found["extra ray"].state == "note" and found["extra ray"].fix == "pip install 'quantdl[ray]'"


def test_what_is_not_installed_cannot_be_compared(monkeypatch) -> None:
    def missing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(module, "requires", missing)
    assert [one.what for one in installation()][-1] == "libraries"


def test_another_version_than_the_tested_one_is_noted(monkeypatch) -> None:
    monkeypatch.setattr(module, "version", {"numpy": "9.9", "pandas": "3.0+local"}.__getitem__)
    found = module._pins("numpy==2.3\npandas==3.0\nscipy==1.0\n", {"numpy", "pandas"})
    assert (found.state, "numpy 9.9, tested 2.3" in found.detail, "pandas" in found.detail) == ("note", True, False)


def test_a_browser_is_looked_for(monkeypatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/chromium" if name == "chromium" else None)
    assert module._browser().state == "ok"
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert module._browser().state == "note"
