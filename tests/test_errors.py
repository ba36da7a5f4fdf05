"""The errors a user meets: exit codes, fields at fault, and what was probably meant."""

from pathlib import Path

import pytest

from quantdl import errors
from quantdl.errors import FieldFaults, QuantdlError, closest, closest_file, did_you_mean, nearest


def test_every_error_has_the_exit_code_that_its_table_names():
    rows = [line.replace("+--", "").replace("|", "").split() for line in errors.__doc__.splitlines()]
    named = {row[0]: int(row[1]) for row in rows if len(row) > 1 and row[1].isdigit() and hasattr(errors, row[0])}
    classes = [item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, QuantdlError)]
    assert len(named) >= 8
    for kind in classes:
        listed = kind.__name__ if kind.__name__ in named else kind.__base__.__name__
        assert kind.exit_code == named[listed]


def test_an_error_of_settings_names_each_field():
    error = FieldFaults(("a", "given 1; expected 2"), ("b", "given 3; expected 4"))
    assert str(error) == "a: given 1; expected 2; b: given 3; expected 4"
    assert error.faults == (("a", "given 1; expected 2"), ("b", "given 3; expected 4"))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("widht", "width"),
        ("WIDTH", "width"),
        ("heads", "heads"),
        ("batch-size", "batch_size"),
        ("zzz", None),
        ("", None),
    ],
)
def test_what_was_meant_is_the_nearest_choice_if_it_is_near(given, expected):
    assert closest(given, ["width", "heads", "batch_size"]) == expected


def test_several_near_choices_come_nearest_first():
    assert nearest("XNYZ", ["XNSE", "XNYS", "XTKS", "XNAS"], most=2)[0] == "XNYS"
    assert len(nearest("ab", ["abc", "abd", "abe", "abf"], most=2)) == 2
    assert nearest("ab", []) == []


@pytest.mark.parametrize(
    ("given", "others", "meant"),
    [
        ("strategies/nosuch.py", ["strategies/pairs.py"], None),
        ("configs/mine.yaml", ["configs/q_mw.yaml"], None),
        ("configs/quickstrat.yaml", ["configs/quickstart.yaml", "configs/risk.yaml"], "configs/quickstart.yaml"),
        ("configs/base.yml", ["configs/base.yaml"], "configs/base.yaml"),
        ("a/pairs.py", ["a/pairs.yaml", "a/pairs.txt"], "a/pairs.txt"),
        ("pear.py", ["pear_tree.py", "pears.py"], "pears.py"),
    ],
)
def test_a_file_that_was_meant_has_nearly_the_same_name_whatever_its_folder_and_ending(given, others, meant):
    found = closest_file(Path(given), map(Path, others))
    assert found == (None if meant is None else Path(meant))


def test_a_hint_is_part_of_a_sentence():
    assert did_you_mean("widht", ["width"]) == "; did you mean 'width'?"
    assert did_you_mean("zzz", ["width"]) == ""
