"""Whatever a name, a ticker, a rule or an error says, it stays text."""

import itertools
import json
from html.parser import HTMLParser

import pandas as pd
import pytest
from quantdl.report import write_comparison, write_report

ALERT = "alert(1)"
PAYLOADS = (
    f"<script>{ALERT}</script>", f"</script><script>{ALERT}</script>", f"<img src=x onerror={ALERT}>", f"<svg/onload={ALERT}>",
    f"<svg><script>{ALERT}</script></svg>", f"<body onload={ALERT}>", f"<iframe src=javascript:{ALERT}>", "<iframe srcdoc='<b>'>",
    f'"><script>{ALERT}</script>', f"'><script>{ALERT}</script>", f'" onmouseover="{ALERT}', f"' onfocus='{ALERT}' autofocus='",
    f"<a href=javascript:{ALERT}>x</a>", f"<a href='data:text/html,<script>{ALERT}</script>'>x</a>", "<b>bold</b>", "<!-- comment",
    "--><b>after</b>", "<![CDATA[<b>]]>", "<!doctype html>", "</main></body></html><h1>end</h1>", "</title><b>", "</style><b>",
    "</textarea><b>", "</td></tr></table><b>", "<table><tr><td>", "<math><mtext><b>", "<template><b>", "<noscript><b>", "</noscript><b>",
    "<plaintext>", "<xmp><b>", "<base href=//evil>", "<link rel=stylesheet href=//evil>", "<meta http-equiv=refresh content=0>",
    "<form action=//evil><input>", "<object data=//evil>", "<embed src=//evil>", f"<details open ontoggle={ALERT}>",
    f"<video><source onerror={ALERT}>", f"<input onfocus={ALERT} autofocus>", "&lt;script&gt;", "&#60;script&#62;", "&#x3c;b&#x3e;",
    "\\u003cscript\\u003e", "\\x3cscript\\x3e", "%3Cscript%3E", "{{ 7 * 7 }}", "{% for x in y %}", "{# comment #}", "${7*7}",
    "\u2028\u2029", "\x07bell", "\u202eright to left", "<ScRiPt>x</sCrIpT>", "< script>", "<\tscript>", "<script\n>", "<\u0130mg src=x>",
    "=cmd|' /C calc'!A0", "javascript:alert(1)//", "]]>", "<?php echo 1 ?>",
)  # fmt: skip
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
    """Append to every text of the run: values, keys that name something, cells, column names."""
    files.records = {name: in_record(record, words) for name, record in files.records.items()}
    files.frames = {name: in_frame(frame, words) for name, frame in files.frames.items()}
    files.texts["config.yaml"] += "".join(f"# {words(str(line))}\n" for line in range(len(PAYLOADS)))
    return files


NAMED = {"coverage", "regimes", "stress_windows", "packages", "counts", "traded_by_year", "parameters", "undefined"}


def in_record(value, words, named=False):
    match value:
        case dict():
            return {words(key) if named else key: in_record(item, words, key in NAMED) for key, item in value.items()}
        case list():
            return [in_record(item, words) for item in value]
        case str():
            return words(value)
    return value


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


@pytest.mark.parametrize("start", [0, 17, 31])
def test_no_payload_adds_an_element_or_an_attribute(start, simulated, write, tmp_path):
    attacked = page(simulated(), write, tmp_path / "attacked.html", payloads(start))
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
    assert "&lt;a href=\"https://evil.example\"&gt;Energy&lt;/a&gt;" in json.loads(raw)["data"][0]["y"]


def test_no_payload_adds_an_element_to_a_comparison(simulated, write, tmp_path):
    pages = []
    for label, words in (("attacked", payloads(5)), ("calm", benign())):
        runs = [write(filled(simulated(seed), words), root=tmp_path / f"{label}{seed}") for seed in (1, 2)]
        pages.append(Elements(write_comparison(runs, tmp_path / f"{label}.html").read_text(encoding="utf-8")))
    assert pages[0].found == pages[1].found
    assert pages[0].declarations == pages[1].declarations
