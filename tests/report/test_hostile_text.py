"""Sixty hostile texts in every place of a page that a name can reach: they stay text, and nothing else changes."""

import dataclasses
import itertools
from functools import cache
from html.parser import HTMLParser

import pytest

from quantdl.report import document, html, write_report
from quantdl.report.document import (
    Bullets,
    Cell,
    Chart,
    Charts,
    Code,
    Facts,
    Heading,
    Row,
    Section,
    Table,
    Words,
)
from quantdl.report.look import safe
from tests.hostile import LONG, TEXTS
from tests.report.test_escaping import Elements, in_frame, in_record

SHORT = tuple(text for text in TEXTS if text != LONG)


class Names:
    """Another hostile text for each text, in turn, each once more with a number; the same text gets the same."""

    def __init__(self, texts):
        self.texts, self.given = itertools.cycle(texts), {}

    def __call__(self, text):
        if text not in self.given:
            self.given[text] = f"{next(self.texts)}{len(self.given)}"
        return self.given[text]


class Harmless(Names):
    """A harmless text of the length of each hostile one, because the length of a text decides whether it may wrap."""

    def __call__(self, text):
        hostile = super().__call__(text)
        return str(list(self.given).index(text)).rjust(len(hostile), "x")


def hostile_texts():
    return SHORT


def filled_with(files, texts, names=Names):
    """Put hostile texts in the place of all that a run names, as if config, data and strategy had named it so."""
    words, small = names(texts), 200 if LONG in texts else 10**9
    files.records = {name: in_record(name, record, words) for name, record in files.records.items()}
    files.frames = {
        name: in_frame(frame, words) if len(frame) < small else frame for name, frame in files.frames.items()
    }
    files.texts["written/1_calm_twelve.yaml"] += "".join(f"# {words(str(line))}\n" for line in range(len(texts)))
    return files


def test_there_are_sixty_texts_and_a_run_names_more_than_that(simulated):
    words = Names(SHORT)
    for name, record in simulated().records.items():
        in_record(name, record, words)
    assert len(set(TEXTS)) >= 60 and len(words.given) > 2 * len(SHORT)


def test_a_run_of_hostile_names_has_the_elements_of_one_of_harmless_names(simulated, write, tmp_path):
    pages = []
    for names in (Names, Harmless):
        run = write(filled_with(simulated(), SHORT, names), root=tmp_path / names.__name__)
        pages.append(Elements(write_report(run, tmp_path / "a.html").read_text(encoding="utf-8", errors="strict")))
    attacked, calm = pages
    assert attacked.found == calm.found and attacked.declarations == calm.declarations
    assert not [name for _, names in attacked.found for name in names if name.startswith("on")]


# Every field of every part of a page, alone.


def cell(text):
    return Cell(text, tone="bad", under=text, pill=False, link="")


def parts(text):
    """Every kind of part, with the text in each of its fields."""
    chart = Chart("chart-a", text, text, 300, f'{{"x": "{safe("x")}"}}')
    columns = (Cell(text), Cell(text, numeric=True))
    rows = (Row((cell(text), Cell(text, pill=True))), Row((Cell(text),), heading=True), Row((Cell(text), Cell(text))))
    return {
        Table: Table(text, columns, rows, text),
        Words: Words(text, "notice"),
        Bullets: Bullets((text, text)),
        Heading: Heading(text),
        Facts: Facts(((text, text),)),
        Code: Code(text, text, True),
        Chart: chart,
        Charts: Charts((chart,)),
    }


@cache
def layout_of_a_section():
    return html._environment().get_template("parts.html").module.section


def laid_out(text):
    return layout_of_a_section()(Section("a", text, text, text, tuple(parts(text).values())))


class Texts(HTMLParser):
    """The texts of a page, and the values of the attributes that hold one."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)
        self.close()

    def handle_data(self, data):
        self.found.append(data)

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name == "aria-label"]


def test_every_kind_of_part_is_attacked():
    kinds = {one for one in vars(document).values() if dataclasses.is_dataclass(one) and hasattr(one, "kind")}
    assert {kind for kind in kinds if kind in document.Part.__args__} <= set(parts("x")) | _without_own_text()


def _without_own_text():
    """Parts that hold nothing but other parts, or figures."""
    return {kind for kind in document.Part.__args__ if kind not in parts("x") and not _texts_of(kind)}


def _texts_of(kind):
    return [one for one in dataclasses.fields(kind) if one.type is str or one.type == tuple[str, ...]]


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: ascii(text)[:30])
def test_a_hostile_text_stays_the_text_that_it_is_in_every_part(text):
    attacked, calm = laid_out(text), laid_out("x" * len(text))
    found, expected = Elements(attacked), Elements(calm)
    assert found.found == expected.found and found.declarations == expected.declarations
    places = sum(one.count("x" * len(text)) for one in Texts(calm).found)
    newlines = text.replace("\r", "\n")  # a page may not tell the two apart
    shown = [one.replace("\r", "\n") for one in Texts(attacked).found]
    assert sum(one.count(newlines) for one in shown) == places > 15


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: ascii(text)[:30])
def test_no_hostile_text_is_markup_in_the_label_of_a_chart(text):
    """Plotly reads tags, links and entities in labels; what it reads back is the text, and no tag is left."""
    label = safe(text)
    assert "<" not in label and ">" not in label
    assert label.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == text
    assert "<" not in html.script_json(f'"{label}"')
