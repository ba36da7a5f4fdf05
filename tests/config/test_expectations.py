"""What a type expects, in words; a union is narrowed by what the file says."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field, TypeAdapter

from quantdl.bounds import Interval, NotEmpty, PositiveInt, Text
from quantdl.config.expectations import Expectations
from quantdl.config.yaml_reader import parse_document


@dataclass(frozen=True)
class Circle:
    kind: Literal["circle"]
    radius: PositiveInt


@dataclass(frozen=True)
class Square:
    kind: Literal["square"]
    side: float
    turned: bool = False


@dataclass(frozen=True)
class Drawing:
    shape: Circle | Square
    title: Text
    day: date
    file: Path
    share: Annotated[float, Interval(ge=0, lt=1)]
    colour: Literal["red", "blue"] | None
    points: Annotated[tuple[int, ...], NotEmpty]
    by_name: dict[str, Square]
    some_by_name: Annotated[dict[str, Square], NotEmpty]
    shapes: tuple[Literal["all"] | Circle | Square, ...]
    code: Annotated[str, Field(description="a colour code", examples=["#ff0000"])]


def expectations(text: str) -> Expectations:
    return Expectations(TypeAdapter(Drawing), parse_document(text, Path("a.yaml")))


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("title", "text that is not empty"),
        ("day", "a date such as 2019-01-02"),
        ("file", "a path relative to this file"),
        ("share", "a number, at least 0, below 1"),
        ("colour", "one of red, blue or null"),
        ("points", "a list that is not empty, each a whole number"),
        ("shapes", "a list, each all or a mapping whose kind is one of circle, square"),
        ("by_name", "a mapping"),
        ("some_by_name", "a mapping that is not empty"),
        ("shape", "a mapping whose kind is one of circle, square"),
        ("code", "a colour code, such as #ff0000"),
    ],
)
def test_a_type_is_said_in_words(key: str, words: str) -> None:
    assert expectations("{}").phrase((key,)) == words


def test_a_union_is_narrowed_by_its_kind() -> None:
    asked = expectations("shape: {kind: square, radius: 3}")
    assert asked.properties(("shape",)) == ["kind", "side", "turned"]
    assert asked.phrase(("shape", "turned")) == "true or false"


def test_a_union_without_a_kind_is_narrowed_by_the_keys_that_fit() -> None:
    assert expectations("shape: {radius: 3}").properties(("shape",)) == ["kind", "radius"]
    assert expectations("shape: {side: 3}").properties(("shape",)) == ["kind", "side", "turned"]


def test_every_kind_may_stand_in_a_union() -> None:
    assert expectations("shape: {kind: triangle}").choices(("shape", "kind")) == ["circle", "square"]


def test_items_of_a_list_and_values_of_a_mapping_are_known() -> None:
    asked = expectations("shapes: [{kind: circle}]\nby_name: {first: {}}")
    assert asked.phrase(("shapes", 0, "radius")) == "a whole number, above 0"
    assert asked.phrase(("by_name", "first", "side")) == "a number"
    assert asked.choices(("shapes", 0)) == ["all"]


def test_the_member_that_the_file_does_not_mean_is_told_from_the_one_it_means() -> None:
    asked = expectations("shape: {kind: circle}")
    assert asked.is_other_member(("shape",), "Square")
    assert not asked.is_other_member(("shape",), "Circle")
    assert not asked.is_other_member(("shape",), "kind")
