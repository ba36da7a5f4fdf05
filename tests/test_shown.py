"""What a notebook shows is text, whatever an object holds."""

from html.parser import HTMLParser

import pytest

from quantdl.shown import Sheet, block, cell_text, counted, facts, note, sheet, shown, table, title

HOSTILE = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "a\x00b", "\u202eabc", "&amp;", "x" * 10_000)


class Tags(HTMLParser):
    """Collects the tags and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert {name for name, _ in attrs} <= {"style"}

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_is_shown_becomes_a_tag(text):
    page = block(title(text), facts({text: text}), table([text, text], [[text, text]]), note(text))
    assert Tags(page).tags == {"div", "table", "tr", "th", "td"}


def test_what_is_shown_reads_as_it_was_given():
    page = Tags(block(title("A & B"), facts({"source": "<mine>"}), table(["asset", "weight"], [["X", "0.50"]])))
    assert page.text == "A & Bsource<mine>assetweightX0.50"


def test_signs_that_turn_or_end_a_line_are_not_shown():
    assert shown("a\u202eb\x00c\nd") == "a b c d"


def test_long_text_is_cut():
    assert len(shown("x" * 10_000)) == 600


def test_an_empty_note_is_nothing():
    assert note("") == ""


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_in_a_sheet_becomes_a_tag(text):
    page = sheet(Sheet(text, (text, "figure"), ((text, 0.5),)))
    assert Tags(page).tags == {"div", "table", "tr", "th", "td"}


def test_numbers_of_a_sheet_stand_to_the_right_and_text_to_the_left():
    given = Sheet("Sets", ("name", "Sharpe", "halted on"), (("KO", 0.12345, None), ("PG", float("nan"), "2018-03-01")))
    assert [given.is_numeric(at) for at in range(3)] == [False, True, False]
    page = sheet(given)
    assert page.count("text-align:left") == 2 * 3
    assert Tags(page).text == "SetsnameSharpehalted onKO0.1235PGundefined2018-03-01"


def test_only_one_thing_is_named_in_the_singular():
    assert [counted(n, "asset") for n in (0, 1, 2, 2120)] == ["0 assets", "1 asset", "2 assets", "2,120 assets"]


def test_a_number_gets_as_many_decimals_as_show_that_it_is_not_zero():
    numbers = (1.9933, 0.0049, -0.0031, 0.0, 1e-12, 16.0)
    assert [cell_text(number, 2) for number in numbers] == ["1.99", "0.005", "-0.003", "0.00", "0.00", "16.00"]
    assert cell_text(0.00001) == "0.0000"
