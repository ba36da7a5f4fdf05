"""Paths to data: beside the config, or below a folder that the environment names."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from quantdl.config.data_paths import expanded, path_faults
from quantdl.errors import ConfigError


@dataclass(frozen=True)
class Inner:
    membership: Path | None = None


@dataclass(frozen=True)
class Outer:
    path: Path
    inner: Inner = Inner()


def test_a_plain_path_stays_as_it_is():
    assert expanded(Path("../prices.parquet"), "here") == Path("../prices.parquet")


def test_a_variable_names_a_folder(monkeypatch):
    monkeypatch.setenv("QUANTDL_DATABANK", "/somewhere")
    assert expanded(Path("${env:QUANTDL_DATABANK}/a.csv"), "here") == Path("/somewhere/a.csv")
    assert expanded(Path("${env:QUANTDL_DATABANK:-../else}/a.csv"), "here") == Path("/somewhere/a.csv")


@pytest.mark.parametrize("empty", [True, False])
def test_without_the_variable_the_other_folder_counts(monkeypatch, empty):
    if empty:
        monkeypatch.setenv("QUANTDL_DATABANK", "")
    else:
        monkeypatch.delenv("QUANTDL_DATABANK", raising=False)
    assert expanded(Path("${env:QUANTDL_DATABANK:-../else}/a.csv"), "here") == Path("../else/a.csv")


def test_an_unset_variable_is_named_with_its_place(monkeypatch):
    monkeypatch.delenv("QUANTDL_DATABANK", raising=False)
    with pytest.raises(ConfigError, match=r"run\.yaml:7:9: data\.path: the environment variable QUANTDL_DATABANK"):
        expanded(Path("${env:QUANTDL_DATABANK}/a.csv"), "run.yaml:7:9: data.path")


@pytest.mark.parametrize("text", ["${env:HOME}/a", "${env:AWS_SECRET_ACCESS_KEY}", "${HOME}/a", "${env:}", "a/${env:x"])
def test_no_other_variable_can_be_read(text):
    (fault,) = path_faults(Outer(Path(text)))
    assert fault[0] == "path" and "only names that begin with QUANTDL_" in fault[1]


def test_a_path_in_settings_within_settings_is_checked_too():
    good = Path("${env:QUANTDL_DATABANK:-..}/a.csv")
    assert list(path_faults(Outer(good, Inner(good)))) == []
    assert [name for name, _ in path_faults(Outer(good, Inner(Path("${HOME}"))))] == ["inner.membership"]


def test_what_a_variable_holds_is_not_read_again(monkeypatch):
    monkeypatch.setenv("QUANTDL_DATABANK", "${env:QUANTDL_OTHER}")
    monkeypatch.setenv("QUANTDL_OTHER", "/secret")
    assert expanded(Path("${env:QUANTDL_DATABANK}/a"), "here") == Path("${env:QUANTDL_OTHER}/a")
