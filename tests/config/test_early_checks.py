"""What is refused before anything heavy is loaded, and by the same words later."""

import subprocess
import sys
from pathlib import Path

import pytest

from quantdl.config import load_config
from quantdl.config.early_checks import check_project_name, stated_calendar, stated_search
from quantdl.errors import ConfigError

VALID = Path(__file__).with_name("valid.yaml")


@pytest.mark.parametrize("name", ["", "a/b", "-a", "a b", "\u00fcber", "a" * 65])
def test_a_name_that_no_file_can_have_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="NAME: given .*; expected letters, digits"):
        check_project_name(name)


def test_a_plain_name_of_up_to_64_letters_is_taken() -> None:
    check_project_name("my_strategy-2.1")
    check_project_name("a" * 64)


def test_a_calendar_is_stated_and_not_guessed() -> None:
    assert stated_calendar(Path("prices"), "XNYS") == "XNYS"
    with pytest.raises(ConfigError, match="prices: --calendar is needed for a bare path, for instance --calendar XNYS"):
        stated_calendar(Path("prices"), None)


def test_a_config_that_names_nothing_to_search_is_refused() -> None:
    with pytest.raises(ConfigError, match="search: nothing to search. Name a network under model"):
        stated_search(load_config(VALID))


def test_the_checks_load_neither_torch_nor_pandas() -> None:
    script = "import sys, quantdl.config.early_checks; print(*sorted({'torch', 'pandas'} & set(sys.modules)))"
    asked = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert asked.stdout.strip() == ""
