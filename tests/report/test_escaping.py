"""Whatever a name, a ticker, a rule or an error says, it stays text."""

import itertools
import json
from functools import cache, partial
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd

from quantdl.backtest.judging.checklist import Checklist
from quantdl.errors import QuantdlError
from quantdl.market.card import DataCard
from quantdl.records import from_plain
from quantdl.report import write_comparison, write_report
from quantdl.results.census import CensusRecord
from quantdl.results.metrics import RunMetrics
from quantdl.results.run_record import TrainingCourse
from quantdl.results.setup import read_setup
from quantdl.runs.environment import Environment
from quantdl.runs.selection import Selection
from quantdl.training.checkpoints import ModelDescription

PAYLOADS = tuple(json.loads((Path(__file__).parents[1] / "records" / "payloads.json").read_text(encoding="utf-8")))
BENIGN = "plain words, nothing more than that"


class Elements(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found, self.declarations = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, tuple(name for name, _ in attrs)))

    def handle_comment(self, data):
        self.declarations.append("comment")

    def handle_decl(self, decl):
        self.declarations.append(decl)

    def handle_pi(self, data):
        self.declarations.append("processing instruction")


class Words:
    """Appends a payload, or a harmless text as long, to each text; the same text always gets the same.

    As long, because the length of a text decides whether it may wrap.
    """

    longest = max(map(len, PAYLOADS)) + 1

    def __init__(self, payloads):
        self.payloads, self.given = itertools.cycle(payloads), {}

    def __call__(self, text):
        if text not in self.given:
            self.given[text] = f"{text} {next(self.payloads):~<{self.longest}}"
        return self.given[text]


def payloads(start):
    return Words(PAYLOADS[start:] + PAYLOADS[:start])


def benign():
    return Words([BENIGN])


def filled(files, words):
    """Append to every free text of the run: values, keys that name something, cells, column names."""
    files.records = {name: in_record(name, record, words) for name, record in files.records.items()}
    files.frames = {name: in_frame(frame, words) for name, frame in files.frames.items()}
    files.texts["written/1_calm_twelve.yaml"] += "".join(f"# {words(str(line))}\n" for line in range(len(PAYLOADS)))
    return files


NAMED = {"coverage", "regimes", "stress_windows", "packages", "counts", "traded_by_year", "parameters", "undefined"}
READERS = {
    "config.json": read_setup,
    "card.json": partial(from_plain, DataCard),
    "census.json": partial(from_plain, CensusRecord),
    "checklist.json": partial(from_plain, Checklist),
    "environment.json": partial(from_plain, Environment),
    "metrics.json": partial(from_plain, RunMetrics),
    "model/model.json": partial(from_plain, ModelDescription),
    "selection.json": partial(from_plain, Selection),
    "training.json": partial(from_plain, TrainingCourse),
}


@cache
def takes_any_text(name, path, original):
    """Whether a record can hold any text in a place; a day or one of a few fixed words is refused when it is read."""
    changed = json.loads(original)
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = f"{place[path[-1]]} {PAYLOADS[0]}"
    try:
        READERS[name](changed)
    except (ValueError, QuantdlError):
        return False
    return True


def in_record(name, record, words):
    original = json.dumps(record)

    def fill(value, path=(), named=False):
        match value:
            case dict():
                inside = {key: fill(item, (*path, key), key in NAMED) for key, item in value.items()}
                return {words(key) if named else key: item for key, item in inside.items()}
            case list():
                return [fill(item, (*path, place)) for place, item in enumerate(value)]
            case str() if takes_any_text(name, path, original):
                return words(value)
        return value

    return fill(record)


def test_the_free_texts_of_a_run_are_many(simulated):
    """So that the tests below attack something: a record that took no text at all would pass them."""
    words = payloads(0)
    filled(simulated(), words)
    assert len(words.given) > 200
    for text in ("R. Lindqvist, quantitative research", "RRC", "XNYS", "Energy", "monthly renewal", "crash of 2020"):
        assert text in words.given, text


def in_frame(frame, words):
    changed = frame.copy()
    for column in changed.columns:
        if pd.api.types.is_string_dtype(changed[column]) and len(changed):
            changed[column] = changed[column].map(words)
    known = {"equity", "cash", "gross", "net", "turnover", "costs", "held_return", "halted", "regime"}
    if changed.index.name == "session" and not set(changed.columns) & known:
        changed.columns = [words(column) for column in changed.columns]
    return changed


def page(files, write, path, words):
    return write_report(write(filled(files, words)), path).read_text(encoding="utf-8")


def test_no_payload_adds_an_element_or_an_attribute(simulated, write, tmp_path):
    attacked = page(simulated(), write, tmp_path / "attacked.html", payloads(17))
    calm = page(simulated(), write, tmp_path / "calm.html", benign())
    found, expected = Elements(attacked), Elements(calm)
    assert found.found == expected.found
    assert found.declarations == expected.declarations
    assert not [name for _, names in found.found for name in names if name.startswith("on")]


def test_payloads_reach_the_reader_as_they_are(simulated, write, tmp_path):
    files = simulated()
    files.records["config.json"]["plan"]["hypothesis"]["statement"] = "<b>Calm & safe</b> {{ 7 * 7 }}"
    text = write_report(write(files), tmp_path / "a.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;Calm &amp; safe&lt;/b&gt; {{ 7 * 7 }}" in text


def test_names_in_charts_are_escaped_twice(simulated, write, tmp_path):
    """Once for the script element, once for plotly, which would turn a link in a label into a link."""
    files = simulated()
    evil = '<a href="https://evil.example">Energy</a>'
    files.frames["exposures.parquet"] = files.frames["exposures.parquet"].rename(columns={"Energy": evil})
    text = write_report(write(files), tmp_path / "a.html").read_text(encoding="utf-8")
    start = text.index('data-chart="chart-groups">') + len('data-chart="chart-groups">')
    raw = text[start : text.index("</script>", start)]
    assert "<" not in raw
    assert '&lt;a href="https://evil.example"&gt;Energy&lt;/a&gt;' in json.loads(raw)["data"][0]["y"]


def test_no_payload_adds_an_element_to_a_comparison(simulated, write, tmp_path):
    pages = []
    for label, words in (("attacked", payloads(5)), ("calm", benign())):
        runs = [write(filled(simulated(seed), words), root=tmp_path / f"{label}{seed}") for seed in (1, 2)]
        pages.append(Elements(write_comparison(runs, tmp_path / f"{label}.html").read_text(encoding="utf-8")))
    assert pages[0].found == pages[1].found
    assert pages[0].declarations == pages[1].declarations
