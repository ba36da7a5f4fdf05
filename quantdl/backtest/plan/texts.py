"""What each kind of text in a plan must be: a sentence says something, an author has a name, a calendar exists.

The kinds are annotations: a dataclass of the plan writes ``statement: Sentence``, and `text_faults` finds it. Any
language will do. Words are counted in scripts that set them apart; in those that do not, letters are. Meaning is not
judged: what is refused is a text in which nothing was written.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, is_dataclass
from functools import cache, lru_cache
from typing import Annotated, get_args, get_origin, get_type_hints

from quantdl.backtest.plan.refusals import PlanFault
from quantdl.calendars.bars import bar_length, bar_period
from quantdl.calendars.names import is_calendar, meant_names, shipped_names
from quantdl.calendars.zones import zone_names
from quantdl.errors import CalendarError, closest
from quantdl.market.card import DAILY

FEWEST_WORDS = 4

# Of them: a short sentence may well repeat one.
FEWEST_DIFFERENT_WORDS = 3

# Of these again: different words that are about something, not "this is to be written later" or "test test test one".
FEWEST_WORDS_ABOUT_SOMETHING = 2

# What people put where a text is asked for; a plan that holds it has not been written yet.
_PLACEHOLDERS = frozenset("todo tbd tba fixme n/a na none null nan nil unknown anonymous nobody xxx".split())

# Letters that lie side by side on a keyboard: what is typed to fill a field. Other such runs cannot be told from words.
_KEYBOARD_RUNS = frozenset("asd asdf asdfgh qwe qwer qwerty qwertz zxc zxcv yxcv hjkl jkl uiop foo baz".split())
_ALPHABET = "abcdefghijklmnopqrstuvwxyz"

# English words that are about nothing by themselves, and those that stand where a text is still to be written.
_ABOUT_NOTHING = frozenset(
    "the an this that these those it its is are was were be been being am to of in on at by for with from as and or "
    "but not no yes ok if then so we i you my our your will would shall should can could may might must do does did "
    "have has had here there now later soon again same above below before some any all every each one two three four "
    "five six seven eight nine ten first second third etc "
    "test tests testing text texts sentence sentences word words string placeholder filler dummy example lorem "
    "ipsum dolor sit amet consectetur adipiscing elit blah bla bar qux quux something anything nothing stuff thing "
    "things whatever fill filled write written add added put goes go come comes follow follows see pending required "
    "optional field value description hypothesis rule reason".split()
)

# What stands for a name and names no one, in lower case and with a blank for each sign.
_NO_ONE = frozenset(
    "n a|no one|noone|no name|not known|not applicable|not decided|someone|somebody|some one|anyone|anybody|"
    "to be announced|to be decided|to be defined|to be determined|author|name|your name|first last|test|tester|testing|"
    "test user|user|admin|me|myself|foo bar|john doe|jane doe|joe bloggs|a person|person|team|the team".split("|")
)

# Scripts that set no blanks between words, by how the names of their letters begin in Unicode.
_IDEOGRAPHS = ("CJK UNIFIED", "CJK COMPATIBILITY")
_UNSPACED = ("HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR")

_LONGEST_SHOWN = 60


@dataclass(frozen=True)
class TextRule:
    """A kind of text.

    Attributes:
        expected: What it must be, in words.
        holds: Whether a text is of this kind.
        fix: What to do about one that is not.
        meant: What was probably meant by one that is not, or None.
    """

    expected: str
    holds: Callable[[str], bool]
    fix: str
    meant: Callable[[str], str | None] = lambda text: None

    def fault(self, item: str, text: str) -> PlanFault | None:
        """Return what is wrong with a text, or None."""
        if self.holds(text):
            return None
        meant = self.meant(text)
        shown = text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 3]}..."
        return PlanFault(item, repr(shown), self.expected, self.fix if meant is None else f"did you mean {meant!r}")


def words(text: str) -> list[str]:
    """Return the words of a text: runs of letters of any script, with the marks and apostrophes inside them.

    An ideograph counts as a word, and so do up to two letters of another script that sets no blanks, such as Japanese
    kana or Thai. A letter over and over, such as ``"aaa"``, is no word.

    Example:
        >>> words("Don't hold 3 losers, aaa!"), words("低买高卖")
        (["don't", 'hold', 'losers'], ['低', '买', '高', '卖'])
    """
    found: list[str] = []
    script = ""
    for letter in unicodedata.normalize("NFC", text).casefold():
        kind = _script(letter)
        if kind == "mark" and script:
            found[-1] += letter
            continue
        joined = kind == script and (kind == "spaced" or (kind == "unspaced" and _letters(found[-1]) < 2))
        if joined:
            found[-1] += letter
        elif kind not in ("", "mark"):
            found.append(letter)
        script = "" if kind == "mark" else kind
    trimmed = [word.strip("'\u2019") for word in found]
    return [word for word in trimmed if word and (len(word) == 1 or len(set(word)) > 1)]


def _letters(word: str) -> int:
    return sum(letter.isalpha() for letter in word)


@cache
def _script(letter: str) -> str:
    """Return how words are made of a character: ``ideograph``, ``unspaced``, ``spaced``, ``mark``, or not at all."""
    if letter in "'\u2019":
        return "spaced"
    category = unicodedata.category(letter)
    if category.startswith("M"):
        return "mark"
    if not category.startswith("L"):
        return ""
    name = unicodedata.name(letter, "")
    if name.startswith(_IDEOGRAPHS):
        return "ideograph"
    return "unspaced" if name.startswith(_UNSPACED) else "spaced"


@lru_cache(maxsize=1024)  # a plan is checked before every run
def _is_sentence(text: str) -> bool:
    """Whether enough words are left without what says nothing: single Latin letters, placeholders, runs of keys."""
    found = [word for word in words(text) if _says_something(word)]
    different = set(found)
    about_something = len(different - _ABOUT_NOTHING)
    enough = len(found) >= FEWEST_WORDS and len(different) >= FEWEST_DIFFERENT_WORDS
    return enough and about_something >= FEWEST_WORDS_ABOUT_SOMETHING


def _says_something(word: str) -> bool:
    if word in _PLACEHOLDERS or word in _KEYBOARD_RUNS:
        return False
    return not _is_latin(word) or not (len(word) == 1 or _is_typed_along(word))


def _is_typed_along(word: str) -> bool:
    """Whether a Latin word is a run of the alphabet, has no vowel in four letters, or is one syllable over and over."""
    if len(word) >= 3 and word in _ALPHABET:
        return True
    plain = unicodedata.normalize("NFD", word)
    if len(word) >= 4 and not set(plain) & set("aeiouyæøœı"):
        return True
    return re.fullmatch(r"(.{2,4})\1+", word) is not None and len(word) >= 6


def _is_latin(word: str) -> bool:
    return unicodedata.name(word[0], "").startswith("LATIN")


def _is_written(text: str) -> bool:
    return bool(text.strip()) and text.strip().casefold() not in _PLACEHOLDERS


def _has_letters(text: str) -> bool:
    return _is_written(text) and any(letter.isalpha() for letter in text)


def _is_name(text: str) -> bool:
    """A name of a person or a desk: two letters that differ, not what stands for no one, nor two small letters."""
    spoken = " ".join("".join(letter if letter.isalpha() else " " for letter in text.casefold()).split())
    if spoken in _NO_ONE or not any(map(_says_something, spoken.split())):
        return False
    letters = [letter for letter in text if letter.isalpha()]
    return len(set(spoken) - {" "}) > 1 and (len(letters) > 2 or not letters[0].islower())


def _is_bar_length(text: str) -> bool:
    if text == DAILY or bar_period(text) is not None:
        return True
    try:
        bar_length(text)
    except CalendarError:
        return False
    return True


def _meant_calendar(text: str) -> str | None:
    names = [name for name in shipped_names() if len(name) > 2]  # futures' roots of two letters are near to anything
    return next(iter(meant_names(text, names)), None)


Sentence = Annotated[
    str,
    TextRule(
        f"a sentence of at least {FEWEST_WORDS} words, {FEWEST_DIFFERENT_WORDS} of them different, about something; "
        "single letters and placeholders do not count",
        _is_sentence,
        "say it in words another person can check",
    ),
]
PersonName = Annotated[str, TextRule("the name of a person or a desk", _is_name, "write who answers for it")]
Label = Annotated[str, TextRule("a name with a letter in it", _has_letters, "give it a name that says what it is")]
Symbol = Annotated[str, TextRule("a text that is not empty", lambda text: bool(text.strip()), "write it out")]
Folder = Annotated[str, TextRule("the name of a folder", _has_letters, "write one such as 'runs'")]
CalendarName = Annotated[
    str,
    TextRule(
        "the name of a trading calendar",
        is_calendar,
        "write the exchange's ISO code, such as 'XNYS', or '24/7'",
        _meant_calendar,
    ),
]
ZoneName = Annotated[
    str,
    TextRule(
        "the IANA name of a time zone",
        lambda text: text in zone_names(),
        "write one such as 'America/New_York'",
        lambda text: closest(text, zone_names()),
    ),
]
BarLength = Annotated[
    str,
    TextRule(
        "the length of a bar: '1D', '1W', '1M', or a whole number of 's', 'min' or 'h' below a day",
        _is_bar_length,
        "write one such as '1D' or '60min'",
        lambda text: closest(text, ["1D", "1W", "1M"]),
    ),
]
Fingerprint = Annotated[
    str,
    TextRule(
        "'sha256:' and 64 hexadecimal digits",
        lambda text: re.fullmatch(r"sha256:[0-9a-f]{64}", text) is not None,
        "copy it from what `quantdl data check` prints",
    ),
]


def text_faults(value: object, item: str) -> Iterator[PlanFault]:
    """Yield a fault for every text inside a value of the plan that is not what its annotation says.

    Args:
        value: An item of the plan, or anything inside one.
        item: Its dotted name.
    """
    if is_dataclass(value) and not isinstance(value, type):
        for name, hint in _hints_of(type(value)).items():
            yield from _field_faults(getattr(value, name), hint, f"{item}.{name}")
    elif isinstance(value, tuple):
        for index, element in enumerate(value):
            yield from text_faults(element, f"{item}.{index}")


@cache
def _hints_of(kind: type) -> dict[str, object]:
    """Return the annotations of a class: they are evaluated at every look, and a plan is checked before every run."""
    return get_type_hints(kind, include_extras=True)


def _field_faults(value: object, hint: object, item: str) -> Iterator[PlanFault]:
    inner = get_args(hint)
    if get_origin(hint) is Annotated:
        for rule in (extra for extra in inner[1:] if isinstance(extra, TextRule)):
            fault = rule.fault(item, str(value))
            if fault is not None:
                yield fault
    elif isinstance(value, tuple):
        for index, element in enumerate(value):
            yield from _field_faults(element, inner[0], f"{item}.{index}")
    elif isinstance(value, Mapping):
        for key, element in value.items():
            yield from _field_faults(key, inner[0], f"{item}.{key}")
            yield from _field_faults(element, inner[1], f"{item}.{key}")
    else:
        yield from text_faults(value, item)
