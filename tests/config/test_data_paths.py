"""Paths to data: beside the config, or below a folder that the environment names."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from quantdl.config.data_paths import expanded, path_faults, respelled
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


PARTS = st.lists(st.sampled_from(["a", "b", "..", "."]), max_size=5).map("/".join)


@given(PARTS, PARTS, PARTS)
def test_a_respelled_path_leads_to_the_same_place(text: str, folder: str, other: str) -> None:
    start = Path("/root/x/y/z/u/v")  # nothing is there, so ".." means the folder above
    moved = respelled(text, start / folder, start / other)
    assert os.path.normpath(start / other / moved) == os.path.normpath(start / folder / text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/prices/a.csv", "/prices/a.csv"),
        ("${env:QUANTDL_BANK}/a.csv", "${env:QUANTDL_BANK}/a.csv"),
        ("${env:QUANTDL_BANK:-/bank}/a.csv", "${env:QUANTDL_BANK:-/bank}/a.csv"),
        ("${env:QUANTDL_BANK:-}/a.csv", "${env:QUANTDL_BANK:-}/a.csv"),
        ("${env:QUANTDL_BANK:-bank/}a.csv", "${env:QUANTDL_BANK:-base/bank}a.csv"),
        ("../data/${env:QUANTDL_SET}/${env:QUANTDL_NAME}.csv", "data/${env:QUANTDL_SET}/${env:QUANTDL_NAME}.csv"),
    ],
)
def test_a_variable_is_kept_and_what_stands_in_for_it_respelled(text: str, expected: str) -> None:
    assert respelled(text, Path("configs/base"), Path("configs")) == expected


def test_a_path_through_a_link_leads_to_the_same_file(tmp_path: Path) -> None:
    (tmp_path / "far" / "base").mkdir(parents=True)
    (tmp_path / "far" / "prices.csv").write_text("")
    (tmp_path / "base").symlink_to(tmp_path / "far" / "base")
    moved = respelled("../prices.csv", tmp_path / "base", tmp_path)
    assert os.path.samefile(tmp_path / moved, tmp_path / "far" / "prices.csv")
