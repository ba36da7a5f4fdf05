"""What a user installs, and what an import costs."""

import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

import quantdl

PROJECT = Path(__file__).parents[1]
NOT_PACKAGED = ("strategies", "configs", "tests", "data", "notebooks", "benchmarks")


@pytest.fixture(scope="module")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of all files in the wheel, built from a copy of the project and without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    project = folder / "project"
    unwanted = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info")
    shutil.copytree(PROJECT / "quantdl", project / "quantdl")
    for name in NOT_PACKAGED:
        if (PROJECT / name).is_dir():
            shutil.copytree(PROJECT / name, project / name, ignore=unwanted)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, project)
    build = f"from setuptools import build_meta; build_meta.build_wheel({str(folder)!r})"
    subprocess.run([sys.executable, "-c", build], check=True, capture_output=True, cwd=project)
    (wheel,) = folder.glob("*.whl")
    assert wheel.name.startswith(f"quantdl-{quantdl.__version__}-py3-none-any")
    return set(ZipFile(wheel).namelist())


def test_every_file_of_the_package_is_in_the_wheel(packaged):
    files = (path for path in (PROJECT / "quantdl").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    assert {path.relative_to(PROJECT).as_posix() for path in files} <= packaged


@pytest.mark.parametrize(
    "kind", ["quantdl/py.typed", "quantdl/report/templates/*.html", "quantdl/report/vendored/*.js", "quantdl/market/sources/*.csv"]
)
def test_package_data_is_in_the_wheel(packaged, kind):
    assert [name for name in packaged if Path(name).match(kind)]


def test_nothing_but_the_package_is_in_the_wheel(packaged):
    folders = {name.split("/")[0] for name in packaged}
    assert folders == {"quantdl", f"quantdl-{quantdl.__version__}.dist-info"}


def test_the_licence_and_the_command_are_in_the_wheel(packaged):
    metadata = f"quantdl-{quantdl.__version__}.dist-info"
    assert {f"{metadata}/licenses/LICENSE", f"{metadata}/entry_points.txt"} <= packaged


@pytest.mark.parametrize("module", ["quantdl", "quantdl.errors", "quantdl.cli", "quantdl.runs.store"])
def test_importing_loads_neither_torch_nor_pandas(module):
    script = f"import sys, {module}; print(*sorted({{'torch', 'pandas'}} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, cwd=PROJECT)
    assert loaded.stdout.split() == []


def test_a_sub_package_loads_when_it_is_first_used():
    script = "import quantdl; print(quantdl.errors.DataError.exit_code, 'calendars' in dir(quantdl))"
    used = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, cwd=PROJECT)
    assert used.stdout.split() == ["3", "True"]


@pytest.mark.parametrize("name", ["no_such_room", "_private", "pandas"])
def test_an_unknown_attribute_is_an_attribute_error(name):
    with pytest.raises(AttributeError, match=name):
        getattr(quantdl, name)
