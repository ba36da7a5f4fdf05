"""A fault is shown where it stands: file, line and column, dotted key, and the line itself with a caret."""

from pathlib import Path

import pytest

from quantdl.config.config_fault import ConfigFault, Mark, dotted, source_lines

PATH = Path("configs/a.yaml")


def test_a_place_reads_as_editors_open_it() -> None:
    assert str(Mark(PATH, 2, 10)) == "configs/a.yaml:2:10"


@pytest.mark.parametrize(
    ("keys", "text"), [((), ""), (("a",), "a"), (("a", 0, "b"), "a[0].b"), ((1, 2), "[1][2]"), (("BRK.B",), "BRK.B")]
)
def test_keys_are_dotted_and_places_in_lists_bracketed(keys: tuple[str | int, ...], text: str) -> None:
    assert dotted(keys) == text


def test_the_caret_stands_below_the_column() -> None:
    shown = ConfigFault(("seed",), "given 'x'", Mark(PATH, 2, 7)).render(["name: a", "seed: x"])
    assert shown.splitlines() == ["configs/a.yaml:2:7: seed: given 'x'", "    2 | seed: x", "      |       ^"]


@pytest.mark.parametrize("column", [1, 200, 400])
def test_a_long_line_is_cut_around_the_caret(column: int) -> None:
    line = "".join(chr(ord("a") + number % 26) for number in range(400))
    _, excerpt, caret = ConfigFault((), "wrong", Mark(PATH, 1, column)).render([line]).splitlines()
    assert len(excerpt) <= 8 + 110
    assert excerpt[caret.index("^")] == line[column - 1]


def test_a_place_beyond_the_file_shows_no_line() -> None:
    assert ConfigFault((), "wrong", Mark(PATH, 3, 1)).render(["a: 1"]) == "configs/a.yaml:3:1: wrong"


def test_characters_that_move_the_cursor_are_not_shown() -> None:
    assert "\x1b" not in ConfigFault((), "wrong", Mark(PATH, 1, 1)).render(["\x1b[2Ja: 1"])


def test_lines_end_as_yaml_counts_them() -> None:
    assert source_lines("a\r\nb\rc\nd\u2028e\x0cf") == ["a", "b", "c", "d\u2028e\x0cf"]
