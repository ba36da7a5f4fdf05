"""What several commands take is read, or refused with what was expected."""

import os
from datetime import date
from pathlib import Path

import pytest

from quantdl.cli.commands.arguments import day_of, existing, file_format_of, load, new_folder
from quantdl.errors import ConfigError, RunError
from quantdl.market.sources.file_format import FileFormat
from tests.cli.running import VALID


def test_another_seed_is_taken_over() -> None:
    assert load(VALID).seed == 7
    assert load(VALID, 8).seed == 8


@pytest.mark.parametrize("text", ["30.12.2016", "2016-12-32", "today", ""])
def test_what_is_no_date_is_refused_by_the_name_of_its_option(text: str) -> None:
    assert day_of("2016-12-30", "--on") == date(2016, 12, 30)
    with pytest.raises(ConfigError, match="--on: given .*; expected a date such as 2016-12-30"):
        day_of(text, "--on")


def test_a_layout_that_is_none_is_refused_with_the_one_that_was_meant() -> None:
    assert file_format_of("stooq").layout == "stooq"
    with pytest.raises(ConfigError, match="^--layout: given 'tradingveiw'; expected .*; did you mean 'tradingview'?"):
        file_format_of("tradingveiw")


def test_options_say_how_files_are_written() -> None:
    assert file_format_of() == FileFormat()
    found = file_format_of(None, "DBK", "tab", ",", ".", date_format="%d.%m.%Y", skip_rows=2, newest_first=True)
    expected = FileFormat(
        symbol="DBK",
        separator="\t",
        decimal=",",
        thousands=".",
        date_format="%d.%m.%Y",
        skip_rows=2,
        newest_first=True,
    )
    assert found == expected


def test_what_no_file_can_be_written_like_is_refused_by_the_names_of_the_options() -> None:
    with pytest.raises(ConfigError) as refused:
        file_format_of(separator=":", decimal=";")
    assert str(refused.value) == (
        "--separator: given ':'; expected one of ',' ';' tab '|'\n--decimal: given ';'; expected one of '.' ','"
    )
    with pytest.raises(
        ConfigError, match="^--skip-rows: given -1; expected .*\n--date-format: |^--date-format: .*\n--skip-rows: "
    ):
        file_format_of(date_format="%d", skip_rows=-1)


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert existing(tmp_path) == tmp_path
    with pytest.raises(ConfigError, match="nowhere: no such file or folder"):
        existing(tmp_path / "nowhere")


def test_a_folder_that_cannot_be_made_is_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_folder(None)
    new_folder(tmp_path / "a" / "b")
    with pytest.raises(ConfigError, match="exists already"):
        new_folder(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="file is no folder"):
        new_folder(tmp_path / "file" / "x")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(RunError, match=f"{tmp_path} may not be written to. Check its permissions"):
        new_folder(tmp_path / "a" / "b")
