"""The page itself: self-contained, safe, the same for the same run."""

import base64
import hashlib
import json
import re
import tomllib
from fnmatch import fnmatch
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from quantdl.errors import RunError
from quantdl.records import to_plain
from quantdl.report import write_report
from quantdl.report.html import script_json
from quantdl.results.run_record import read_run
from quantdl.results.tables import write_parquet
from quantdl.risk.curves.intervals import CurveIntervals, Interval
from quantdl.runs import RunWriter, open_run
from tests.recorded_run import derived

PROJECT = Path(__file__).parents[2]
MOST_BYTES = 3_000_000


class Page(HTMLParser):
    """Elements with their attributes, the text of scripts, and the visible text."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.scripts, self.words, self.inside = [], [], [], None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag in {"script", "style"}:
            self.inside = tag
            if tag == "script":
                self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag):
        if tag == self.inside:
            self.inside = None

    def handle_data(self, data):
        if self.inside == "script":
            attrs, text = self.scripts[-1]
            self.scripts[-1] = (attrs, text + data)
        elif self.inside is None and data.strip():
            self.words.append(" ".join(data.split()))

    @property
    def text(self):
        return " ".join(self.words)

    def charts(self):
        return {attrs["data-chart"]: json.loads(text) for attrs, text in self.scripts if "data-chart" in attrs}


@pytest.fixture
def report(files, write, tmp_path):
    return write_report(write(files), tmp_path / "report.html").read_text(encoding="utf-8")


def body(text):
    return text[text.index('<main id="report">') : text.index("</main>")]


def test_the_report_is_one_file_that_asks_for_nothing_else(report):
    for tag, attrs in Page(report).elements:
        assert not {"src", "srcset", "action", "data"} & set(attrs), (tag, attrs)
        assert attrs.get("href", "#").startswith("#") or attrs["href"] == "data:,"
        assert tag not in {"iframe", "object", "embed", "base", "form", "img"}


def test_the_report_stays_below_its_size(report):
    assert len(report.encode()) < MOST_BYTES


def test_the_policy_names_exactly_the_scripts_that_run(report):
    page = Page(report)
    policy = next(
        attrs["content"] for tag, attrs in page.elements if attrs.get("http-equiv") == "Content-Security-Policy"
    )
    running = [text for attrs, text in page.scripts if "type" not in attrs]
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in running]
    assert re.findall(r"'sha256-([^']+)'", policy) == hashes
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in policy and "unsafe-inline" not in policy.split("style-src")[0]


def test_plotly_is_inlined_once(report):
    assert report.count("* plotly.js (cartesian - minified) v") == 1


def test_every_chart_has_its_place_and_its_words(report):
    page = Page(report)
    places = {attrs["id"]: attrs for tag, attrs in page.elements if attrs.get("class") == "chart"}
    assert set(page.charts()) == set(places)
    assert len(places) >= 12
    assert all(attrs["role"] == "img" and len(attrs["aria-label"]) > 20 for attrs in places.values())


def test_ids_are_unique_and_every_link_finds_its_target(report):
    page = Page(report)
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    targets = {attrs["href"][1:] for tag, attrs in page.elements if tag == "a"}
    assert targets <= set(ids)


def test_the_verdict_comes_first_then_the_picture_then_the_evidence(report):
    order = [
        report.index(f'<section id="{name}"')
        for name in (
            "verdict",
            "equity",
            "thesis",
            "checklist",
            "figures",
            "further-figures",
            "value-at-risk",
            "calibration",
            "exposures",
            "costs",
            "regimes",
            "trades",
            "invalidation",
            "data",
            "config",
            "selection",
        )
    ]
    assert order == sorted(order)


def test_the_first_screen_says_the_verdict_in_plain_words_and_five_figures(report, files, write):
    found = read_run(write(files, name="again")).plain_verdict
    first = report[report.index('<section id="verdict"') : report.index('<section id="equity"')]
    assert f"{found.headline} {found.advice}</h2>" in unescape(first)
    assert first.index("</h2>") < first.index("<details>") < first.index('class="tiles"')
    assert first.count('class="tile"') == 5 and first.count(" to ") >= 1


def test_the_interval_of_the_headline_figures_is_explained_right_below_them(files, write, tmp_path):
    found = CurveIntervals(0.95, 500, 12.3, *(Interval(0.01, 0.02) for _ in range(4)), {})
    files.records["metrics.json"]["intervals"] = to_plain(found)
    page = write_report(write(files), tmp_path / "report.html").read_text()
    first = page[page.index('<section id="verdict"') : page.index('<section id="equity"')]
    assert first.index('class="tiles"') < first.index("Below each figure stands its interval of 95%")
    assert '<div class="tiles" style="--tiles: 5">' in first


def test_the_subtitle_has_the_test_span_of_the_checklist(files, write, tmp_path):
    files.records["metrics.json"]["strategy"]["start"] = "2018-12-31"
    page = write_report(write(files), tmp_path / "report.html").read_text()
    subtitle = re.search(r'<p class="subtitle">(.*?)</p>', page)[1]
    assert subtitle.startswith("2019-01-02 to 2022-12-28 ")


def test_long_tables_fold_and_print_whole(report):
    rest = report.count('<tr class="rest">') + report.count('<tr class="heading rest">')
    assert rest > 0 and report.count('<details class="more">') == report.count("Show all ")
    assert ".folded:not(:has(+ .more[open])) tr.rest { display: none; }" in report
    assert ".folded tr.rest { display: table-row !important; }" in report[report.index("@media print") :]


def test_every_color_of_the_charts_has_one_for_the_dark(report):
    """Colors that plotly reads stand in the look, and the page changes each of them by one table."""
    page = Page(report)
    table = report[report.index("const dark = {") :]
    known = set(re.findall(r'"(#[0-9A-F]{6}|rgba\([^)]*\))":', table[: table.index("};")]))
    used = set(re.findall(r"#[0-9A-Fa-f]{6}|rgba\([^)]*\)", json.dumps(page.charts())))
    assert {color.upper() if color.startswith("#") else color for color in used} - known == set()


def test_the_same_run_gives_the_same_bytes(files, write, tmp_path):
    run = write(files)
    first, second = (write_report(run, tmp_path / name).read_bytes() for name in ("a.html", "b.html"))
    assert first == second


def test_what_may_differ_between_identical_runs_stays_out_of_the_body(files, write, tmp_path):
    first = write_report(write(files), tmp_path / "a.html").read_text(encoding="utf-8")
    files.records["environment.json"] |= {"python": "3.99.9", "packages": {"numpy": "9.9.9"}}
    files.records["selection.json"] |= {"n_trials": 4321, "deflated_sharpe": None}
    files.texts["log.txt"] = "another log"
    second = write_report(write(files), tmp_path / "b.html").read_text(encoding="utf-8")
    assert body(first) == body(second)
    assert first != second
    assert "3.99.9" in second and "4,321" in second


def test_the_run_id_stands_in_the_record_only(files, write, tmp_path):
    run = write(files)
    text = write_report(run, tmp_path / "a.html").read_text(encoding="utf-8")
    assert run.id not in body(text)
    assert run.id in text


def test_a_report_can_be_made_before_the_run_is_published(files, tmp_path):
    records, frames = derived(files)
    with RunWriter(tmp_path, "early") as writer:
        for name, record in records.items():
            writer.write_json(name, record)
        for name, frame in frames.items():
            write_parquet(frame, writer.path(name))
        write_report(writer.so_far(), writer.path("report.html"))
    run = open_run(writer.target)
    again = write_report(run, tmp_path / "again.html")
    assert run.read_bytes("report.html") == again.read_bytes()


def test_a_disk_that_refuses_is_named(files, write, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(RunError, match=r"file/report\.html: the report could not be written .* Choose another place"):
        write_report(write(files), blocked / "report.html")


def test_json_in_a_script_keeps_its_meaning_and_loses_its_teeth():
    text = json.dumps({"name": "</script><!--<script>&\u2028"}, ensure_ascii=False)
    safe = script_json(text)
    assert not set("<>&\u2028") & set(safe)
    assert json.loads(safe) == json.loads(text)


def test_every_template_is_package_data():
    patterns = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"][
        "quantdl.report"
    ]
    names = [f"templates/{path.name}" for path in (PROJECT / "quantdl/report/templates").iterdir()]
    assert [name for name in names if not any(fnmatch(name, pattern) for pattern in patterns)] == []
