"""A plan's texts say something: each kind of text is refused when it has no content, in any language and script."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Annotated, get_args, get_origin, get_type_hints

import pytest

from quantdl.backtest.plan.checks import plan_faults
from quantdl.backtest.plan.friction import StatedVolume
from quantdl.backtest.plan.items import Plan
from quantdl.backtest.plan.related_positions import NamedGroups
from quantdl.backtest.plan.texts import TextRule, words
from tests.backtest.worlds import plan_for, random_walk, world

PLAN = plan_for(world(random_walk(60, 4)))


def fault_of(plan, item):
    return next((fault for fault in plan_faults(plan, None, False) if fault.item == item), None)


def stated(**changes):
    return replace(PLAN, hypothesis=replace(PLAN.hypothesis, **changes))


def trusting(**changes):
    return replace(PLAN, trusted_data=replace(PLAN.trusted_data, **changes))


@pytest.mark.parametrize(
    "text",
    [
        "-1",
        "0",
        "-0.0",
        ".nan",
        "",
        "   ",
        "TODO",
        "aaa...",
        "a a a a a a",
        "aaaa bbbb cccc dddd",
        "no no no no no no",
        "yes no yes no yes no",
        "Shares rose.",
        "1 2 3 4 5 6 7 8",
        "!!! ??? ... --- +++",
        "低低低低低低低低",
        "あああああああああ",
        "買う",
        "a b c d",
        "a b c d e f g h",
        "I, a U.S. e-T",
        "todo tbd fixme todo",
        "TODO: TBD, FIXME; n/a!",
        "none none n/a unknown",
        "todo tbd fixme none null nil unknown",
        "tbd: a hypothesis to come",
        "asdf qwer zxcv asdf",
        "asdf qwer zxcv uiop hjkl",
        "buy sell buy sell buy",
        "test test test test",
        "this is a test of the plan",
        "some text goes here for now",
        "to be filled in later on",
        "see above, same as before",
        "Lorem ipsum dolor sit amet, consectetur",
        "foo bar baz qux",
        "abc def ghi jkl mno",
        "one two three four five",
        "asdfasdf jkljkl qweqwe zxczxc",
        "sdfg dfgh xcvb ghjk",
        "blah blah bla blah something",
        "The hypothesis will be written here.",
    ],
)
def test_a_text_without_content_is_no_sentence(text):
    fault = fault_of(stated(statement=text), "hypothesis.statement")
    assert fault is not None
    assert fault.given == repr(text)
    assert "at least 4 words" in fault.expected
    assert fault.fix


@pytest.mark.parametrize(
    "text",
    [
        "Buy low, sell high.",
        "A sample of ten shares.",
        "This is the test of momentum in shares.",
        "Spread risk across SPDR sectors.",
        "I buy a stock that fell.",
        "None; the stocks are among the most traded.",
        "Unknown risks may explain it.",
        "以强买强",
        "Купи у дна и продай у дна",
        "Don't hold what has fallen.",
        "Wer zuletzt lacht, lacht am besten.",
        "Купи дёшево, продай дорого.",
        "Αγόρασε φθηνά, πούλησε ακριβά.",
        "सस्ता खरीदो और महंगा बेचो।",
        "اشتر بسعر منخفض وبع بسعر مرتفع",
        "싸게 사서 비싸게 판다",
        "低买高卖",
        "安く買い高く売る",
        "ซื้อถูกขายแพง",
    ],
)
def test_a_sentence_of_any_script_is_one(text):
    assert fault_of(stated(statement=text), "hypothesis.statement") is None


def test_words_are_runs_of_letters_with_their_marks():
    assert words("Don't hold 3 losers: twenty-one") == ["don't", "hold", "losers", "twenty", "one"]
    assert words("हिन्दी भाषा") == ["हिन्दी", "भाषा"]
    assert words("e\u0301te\u0301") == ["\u00e9t\u00e9"]  # an accent written apart is part of its letter


NO_NAMES = ["-1", "", "n/a", "N.A.", "Unknown", "aaa", "...", "7", "no one", "No-one", "noone", "nobody", "Nobody"]
NO_NAMES += ["test", "Test User", "foo bar", "John Doe", "asdf jkl", "me"]
NO_NAMES += ["tbd", "T.B.D.", "TBD TBD", "to be determined", "someone", "x y", "ab", "none / unknown", "Name"]


@pytest.mark.parametrize("name", NO_NAMES)
def test_who_answers_for_a_run_has_a_name(name):
    plan = replace(PLAN, documentation=replace(PLAN.documentation, author=name))
    assert fault_of(plan, "documentation.author").fix == "write who answers for it"
    waiver = replace(PLAN.friction.liquidity, signed_by=name)
    plan = replace(PLAN, friction=replace(PLAN.friction, liquidity=waiver))
    assert fault_of(plan, "friction.liquidity.signed_by") is not None


NAMES = ["A. Risk", "王伟", "Bo", "Li", "Jo", "Li Na", "Peter Noone", "Ada", "desk 7", "Research desk", "Петр"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_any_script_is_one(name):
    plan = replace(PLAN, documentation=replace(PLAN.documentation, author=name))
    assert fault_of(plan, "documentation.author") is None


@pytest.mark.parametrize(
    ("given", "fix"),
    [
        ("XNY", "did you mean 'XNYS'"),
        ("xnys", "did you mean 'XNYS'"),
        ("XNAS", "did you mean 'NASDAQ'"),
        ("nan", "write the exchange's ISO code, such as 'XNYS', or '24/7'"),
        (".nan", "write the exchange's ISO code, such as 'XNYS', or '24/7'"),
    ],
)
def test_a_calendar_is_one_that_exists(given, fix):
    assert fault_of(trusting(calendar=given), "trusted_data.calendar").fix == fix


@pytest.mark.parametrize("calendar", ["XTKS", "24/7", "ASEX"])
def test_a_calendar_that_exists_is_one(calendar):
    assert fault_of(trusting(calendar=calendar), "trusted_data.calendar") is None


@pytest.mark.parametrize(
    ("field", "given", "fix"),
    [
        ("timezone", "America/NewYork", "did you mean 'America/New_York'"),
        ("timezone", "-1", "write one such as 'America/New_York'"),
        ("frequency", "1d", "did you mean '1D'"),
        ("frequency", "0", "write one such as '1D' or '60min'"),
        ("fingerprint", "sha256:0", "copy it from what `quantdl data check` prints"),
        ("fingerprint", f"sha256:{'F' * 64}", "copy it from what `quantdl data check` prints"),
        ("source", "-1", "give it a name that says what it is"),
    ],
)
def test_what_is_trusted_is_named_in_its_form(field, given, fix):
    assert fault_of(trusting(**{field: given}), f"trusted_data.{field}").fix == fix


def test_a_field_of_a_list_or_a_mapping_is_named_by_its_place():
    assert fault_of(trusting(fields=("close", "0")), "trusted_data.fields.1") is not None
    groups = NamedGroups("named", {"": ("A00",), "rest": ("A01", " ", "A03")})
    plan = replace(PLAN, related_positions=replace(PLAN.related_positions, groups=groups))
    assert fault_of(plan, "related_positions.groups.members.") is not None
    assert fault_of(plan, "related_positions.groups.members.rest.1") is not None
    volume = StatedVolume("stated", {"A00": 1e6, " ": 1e6}, "the exchange's fact book", 0.1, 1.0)
    plan = replace(PLAN, friction=replace(PLAN.friction, liquidity=volume))
    assert fault_of(plan, "friction.liquidity.dollar_volume. ") is not None


def test_a_long_text_is_shown_by_its_beginning():
    assert len(fault_of(stated(statement="a" * 5000), "hypothesis.statement").given) < 70


def records(record=Plan, seen=()):
    """Every dataclass that a plan may hold; a condition may hold conditions."""
    yield record
    for hint in get_type_hints(record).values():
        for part in (hint, *get_args(hint)):
            for kind in (part, *get_args(part)):
                if is_dataclass(kind) and kind not in seen:
                    yield from records(kind, (*seen, record, kind))


def kinds_of_text(hint):
    """The annotations of text inside a type hint, and bare ``str`` where a text has none."""
    if get_origin(hint) is Annotated:
        yield hint.__metadata__[0]
    elif hint is str:
        yield str
    elif get_origin(hint) in (tuple, Mapping):
        for inner in get_args(hint):
            yield from kinds_of_text(inner)


def test_every_text_of_the_plan_is_of_some_kind():
    found = {
        f"{record.__name__}.{entry.name}": kind
        for record in records()
        for entry in fields(record)
        for kind in kinds_of_text(get_type_hints(record, include_extras=True)[entry.name])
    }
    assert len(found) > 20
    assert [name for name, kind in found.items() if not isinstance(kind, TextRule)] == []
