"""Scalars by the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema), section 10.3.2."""

import math

import pytest

from quantdl.config.scalars import meant_flag, resolve

CORE = {
    "1e-4": 1e-4, "1E5": 1e5, "-.5": -0.5, "+12.": 12.0, "0.1": 0.1, ".inf": math.inf, "-.INF": -math.inf,
    "0": 0, "-7": -7, "007": 7, "0o17": 15, "0x1F": 31, "true": True, "False": False, "~": None, "": None, "Null": None,
}  # fmt: skip
TEXT = ["yes", "ON", "no", "NA", "1_000", "0b1", "1:30", "2024-01-01", "nan", "inf", "1e", ".", "--1", "tRUE", "1 000"]


@pytest.mark.parametrize("text, value", CORE.items())
def test_core_schema_scalars(text: str, value: object) -> None:
    assert (resolve(text), type(resolve(text))) == (value, type(value))


@pytest.mark.parametrize("text", TEXT)
def test_everything_else_is_text(text: str) -> None:
    assert resolve(text) == text


def test_not_a_number_is_one() -> None:
    assert math.isnan(float(str(resolve(".nan"))))


def test_a_number_of_a_million_digits_is_left_alone() -> None:
    assert resolve("9" * 1_000_000) == "9" * 1_000_000


@pytest.mark.parametrize("text, flag", [("yes", "true"), ("OFF", "false"), ("1", "true"), ("maybe", None)])
def test_flags_of_older_yaml_are_recognized(text: str, flag: str | None) -> None:
    assert meant_flag(text) == flag
