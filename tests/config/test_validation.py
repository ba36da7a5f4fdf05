"""A part of a document as a typed object: nothing is coerced, text stays as written, every fault has its place."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, TypeAdapter

from quantdl.bounds import PositiveInt
from quantdl.config.config_fault import ConfigFault, dotted
from quantdl.config.document import Document
from quantdl.config.validation import FaultyPart, read_value, refusal
from quantdl.config.yaml_reader import parse_document
from quantdl.errors import ConfigError, FieldFaults, PlanError


@dataclass(frozen=True)
class Range:
    low: int = 0
    high: int = 9

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise FieldFaults(("low", "too high"), ("high", "too low"))


@dataclass(frozen=True)
class Stop:
    kind: Literal["stop"]
    loss: float


@dataclass(frozen=True)
class Wait:
    kind: Literal["wait"]
    bars: PositiveInt


class Part(BaseModel, extra="forbid", strict=True):
    ticker: str = ""
    flag: bool = False
    range: Range = Range()
    action: Stop | Wait | None = None
    numbers: tuple[float, ...] = ()


def document(text: str) -> Document:
    return parse_document(text, Path("a.yaml"))


def read(text: str) -> Part:
    return read_value(TypeAdapter(Part), document(text))


def faults(text: str) -> dict[str, str]:
    with pytest.raises(FaultyPart) as refused:
        read(text)
    return {dotted(fault.keys): fault.message for fault in refused.value.faults}


@pytest.mark.parametrize("text", ["ON", "007", "1E5", "NULL", "2024-01-01", "'x'"])
def test_text_stays_as_written(text: str) -> None:
    assert read(f"ticker: {text}").ticker == text.strip("'")


@pytest.mark.parametrize("text", ["yes", "1", "'true'", "on"])
def test_a_flag_is_true_or_false_only(text: str) -> None:
    assert faults(f"flag: {text}")["flag"].startswith("given ")


def test_a_whole_number_serves_as_a_number_but_not_the_reverse() -> None:
    assert read("numbers: [1, 2.5, 1e-3]").numbers == (1.0, 2.5, 0.001)
    message = faults("action: {kind: wait, bars: 2.0}")["action.bars"]
    assert message == "given '2.0'; expected a whole number, above 0; did you mean 2?"


def test_a_part_below_a_prefix_is_read_with_its_full_keys() -> None:
    whole = document("a:\n  b: {low: x}\n")
    with pytest.raises(FaultyPart) as refused:
        read_value(TypeAdapter(Range), whole, ("a", "b"))
    ((keys, line),) = [(fault.keys, fault.mark.line) for fault in refused.value.faults]
    assert (keys, line) == (("a", "b", "low"), 2)


def test_what_a_type_checks_itself_stands_at_the_fields_it_names() -> None:
    assert faults("range: {low: 5, high: 3}") == {"range.low": "too high", "range.high": "too low"}


def test_a_misspelt_kind_is_the_only_fault_of_its_block() -> None:
    assert faults("action: {kind: stopp, bars: 3}") == {
        "action.kind": "given 'stopp'; expected one of stop, wait; did you mean 'stop'?"
    }


def test_a_misspelt_key_is_not_missing_as_well() -> None:
    assert list(faults("action: {kind: stop, los: 0.1}")) == ["action.los"]


def test_faults_of_the_plan_alone_refuse_the_plan() -> None:
    whole = document("plan: {a: 1}\nseed: x\n")
    of_plan = ConfigFault(("plan", "a"), "wrong", whole.mark(("plan", "a")))
    of_seed = ConfigFault(("seed",), "wrong", whole.mark(("seed",)))
    assert type(refusal(whole, [of_plan])) is PlanError
    both = refusal(whole, [of_seed, of_plan, of_seed])
    assert type(both) is ConfigError
    assert str(both).startswith("a.yaml: 2 errors\na.yaml:1:11: plan.a: wrong\n")
