import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from enum import Enum
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, strategies as some

from quantdl.errors import DataError
from quantdl.records import INLINE, OMIT_DEFAULT, digest, from_plain, json_text, named, part_of, to_plain


class Side(Enum):
    BUY = "buy"
    SELL = "sell"


@dataclass(frozen=True)
class Inner:
    day: date
    amount: float
    note: str | None = None


@dataclass(frozen=True)
class Outer:
    name: str
    count: int
    kind: Literal["a", "b"]
    inner: tuple[Inner, ...]
    by_name: Mapping[str, date]
    mixed: float | str | None = None
    flag: bool = False


def read_back(record):
    return from_plain(type(record), json.loads(json_text(to_plain(record), "a test")))


inners = some.builds(Inner, some.dates(), some.floats(allow_nan=False, allow_infinity=False), some.none() | some.text())


@given(
    some.builds(
        Outer,
        some.text(some.characters()),
        some.integers(),
        some.sampled_from(["a", "b"]),
        some.lists(inners, max_size=3).map(tuple),
        some.dictionaries(some.text(), some.dates(), max_size=3),
        some.none() | some.text() | some.floats(allow_nan=False, allow_infinity=False),
        some.booleans(),
    )
)
def test_every_record_comes_back_as_it_was(record):
    assert read_back(record) == record


@pytest.mark.parametrize(
    "symbol", ["NA", "NAN", "NULL", "TRUE", "ON", "NO", "Y", "INF", "1E5", "007", "MAR 1", "\udc80"]
)
def test_symbols_stay_text(symbol):
    record = Outer(symbol, 1, "a", (), {symbol: date(2020, 1, 1)}, symbol)
    assert read_back(record) == record


def test_numbers_of_numpy_and_timestamps_become_plain():
    plain = to_plain(Inner(datetime(2020, 1, 2, 16, 30), np.float64(0.1)))
    assert plain == {"day": "2020-01-02", "amount": 0.1, "note": None}


def test_a_field_that_was_not_written_takes_its_default():
    assert from_plain(Inner, {"day": "2020-01-02", "amount": 1}) == Inner(date(2020, 1, 2), 1.0)


@pytest.mark.parametrize(
    ("plain", "words"),
    [
        (None, "expected an object, got None"),
        ([], r"expected an object, got \[\]"),
        ("text", "expected an object, got 'text'"),
        ({"day": "2020-01-02"}, r"lacks the fields \['amount'\]"),
        ({"day": "2020-01-02", "amount": 1.0, "more": 1}, r"unknown fields \['more'\]"),
        ({"day": "yesterday", "amount": 1.0}, "Inner.day: .*yesterday"),
        ({"day": "2020-01-02", "amount": True}, "Inner.amount: expected .*float.*, got True"),
        ({"day": "2020-01-02", "amount": "1.0"}, "Inner.amount: expected .*float.*, got '1.0'"),
        (
            {"day": "2020-01-02", "amount": 1.0, "note": 3},
            "Inner.note: 3 is not among the values that the field may hold",
        ),
    ],
)
def test_what_is_no_such_record_is_refused(plain, words):
    with pytest.raises(ValueError, match=words):
        from_plain(Inner, plain)


def test_json_is_the_same_for_the_same_content_in_any_order():
    one = OrderedDict(b=[1.5, None], a={"z": 0.1, "y": "é"})
    two = OrderedDict(a={"y": "é", "z": 0.1}, b=[1.5, None])
    expected = '{\n  "a": {\n    "y": "é",\n    "z": 0.1\n  },\n  "b": [\n    1.5,\n    null\n  ]\n}\n'
    assert json_text(one, "x.json") == json_text(two, "x.json") == expected


@pytest.mark.parametrize(
    ("content", "where"),
    [
        ({"a": {"b": [0.0, float("nan")]}, "c": -float("inf")}, r"a\.b\[1\], c\."),
        ((1.0, float("inf")), r"\[1\]\."),
        (float("nan"), r"the top\."),
    ],
)
def test_numbers_that_are_not_finite_are_named_by_their_keys(content, where):
    with pytest.raises(DataError, match=rf"x\.json: not a finite number at {where} Fix: give None"):
        json_text(content, "x.json")


def test_text_that_no_file_can_hold_is_escaped_and_comes_back():
    plain = {"symbol": "\udc80", "name": "é"}
    text = json_text(plain, "x.json")
    assert text.isascii() and json.loads(text) == plain
    assert json_text(dict(reversed(plain.items())), "x.json") == text


def test_an_object_that_is_no_record_is_refused():
    with pytest.raises(TypeError, match="cannot be stored"):
        to_plain(object())


@dataclass(frozen=True)
class Parcel:
    inner: Inner = field(metadata=INLINE)
    total: float = field(metadata=named("return"))
    place: tuple[str, float]
    anything: object
    label: str | None = field(default=None, metadata=OMIT_DEFAULT)


PARCEL = Parcel(Inner(date(2020, 1, 2), 1.5), 0.25, ("shelf", 3.0), {"a": [1, None]})
WRITTEN = {
    "day": "2020-01-02",
    "amount": 1.5,
    "note": None,
    "return": 0.25,
    "place": ["shelf", 3.0],
    "anything": {"a": [1, None]},
}


def test_metadata_decides_how_a_field_is_written():
    assert to_plain(PARCEL) == WRITTEN
    assert to_plain(Parcel(PARCEL.inner, 0.25, PARCEL.place, None, "heavy"))["label"] == "heavy"
    assert from_plain(Parcel, WRITTEN) == PARCEL


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"place": ["shelf"]}, "Parcel.place: expected 2 values"),
        ({"place": ["shelf", "three"]}, "Parcel.place: expected"),
        ({"amount": None}, "Parcel.inner: Inner.amount: expected"),
        ({"inner": {}}, r"Parcel has unknown fields \['inner'\]"),
        ({"total": 0.25}, r"Parcel has unknown fields \['total'\]"),
    ],
)
def test_a_wrong_field_is_named(change, words):
    with pytest.raises(ValueError, match=words):
        from_plain(Parcel, {**WRITTEN, **change})


def test_a_record_written_inline_may_not_be_left_out():
    plain = {key: value for key, value in WRITTEN.items() if key not in {"day", "amount", "note"}}
    with pytest.raises(ValueError, match=r"Parcel.inner: Inner .* lacks the fields \['amount', 'day'\]"):
        from_plain(Parcel, plain)


def test_a_part_of_a_record_holds_what_its_kind_names():
    @dataclass(frozen=True)
    class Whole(Inner):
        further: int = 3

    assert part_of(Whole(date(2020, 1, 2), 1.5, "x"), Inner) == Inner(date(2020, 1, 2), 1.5, "x")


@dataclass(frozen=True)
class Seen:
    day: date
    at: datetime


@given(some.datetimes(timezones=some.sampled_from([UTC, timezone(timedelta(hours=-5, minutes=-30))])))
def test_an_instant_comes_back_to_the_microsecond_and_its_day_as_a_day(instant):
    assert read_back(Seen(instant.date(), instant)) == Seen(instant.date(), instant)


def test_a_digest_is_that_of_the_sorted_json_and_changes_with_every_value():
    # printf '{"a": 1, "b": [null, 0.5]}' | sha256sum
    known = "a28db635"
    plain = {"b": [None, 0.5], "a": 1}
    assert digest(plain) == digest({"a": 1, "b": [None, 0.5]}) and digest(plain).startswith(known)
    others = [{"a": 1, "b": [0.5, None]}, {"a": 1}, {"a": 2, "b": [None, 0.5]}, {"a": True, "b": [None, 0.5]}]
    assert len({digest(other) for other in [plain, *others]}) == 5
    with pytest.raises(ValueError, match="not JSON compliant"):
        digest({"a": float("nan")})
