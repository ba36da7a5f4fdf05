"""Paths to data: beside the config, or below a folder that the environment names."""

from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from quantdl.config.data_paths import DataPath, expanded
from quantdl.errors import ConfigError

ADAPTER = TypeAdapter(DataPath)


def test_a_plain_path_stays_as_it_is():
    assert expanded(ADAPTER.validate_python(Path("../prices.parquet")), "here") == Path("../prices.parquet")


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
    with pytest.raises(ValidationError, match="only names that begin with QUANTDL_"):
        ADAPTER.validate_python(Path(text))


def test_what_a_variable_holds_is_not_read_again(monkeypatch):
    monkeypatch.setenv("QUANTDL_DATABANK", "${env:QUANTDL_OTHER}")
    monkeypatch.setenv("QUANTDL_OTHER", "/secret")
    assert expanded(Path("${env:QUANTDL_DATABANK}/a"), "here") == Path("${env:QUANTDL_OTHER}/a")
