"""What several commands take is read, or refused with what was expected."""

import os
from datetime import date
from pathlib import Path

import pytest

from quantdl.cli.commands.arguments import day_of, existing, layout_of, load, new_folder
from quantdl.errors import ConfigError, RunError
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
    assert (layout_of("stooq"), layout_of(None)) == ("stooq", None)
    with pytest.raises(ConfigError, match="^--layout: given 'tradingveiw'; expected .*; did you mean 'tradingview'?"):
        layout_of("tradingveiw")


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
