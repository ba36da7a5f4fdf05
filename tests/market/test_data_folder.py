"""The sample and the code in data/README.md do what the page says."""

import re
from pathlib import Path

DATA = Path(__file__).parents[2] / "data"


def test_the_page_reads_the_sample(monkeypatch):
    monkeypatch.chdir(DATA.parent)
    blocks = re.findall(r"```python\n(.*?)```", (DATA / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    _, own, yahoo, quality = blocks
    assert "yfinance" in yahoo
    names: dict[str, object] = {}
    for block in (own, quality.replace('"refuse"', '"keep"')):
        exec(compile(block, "data/README.md", "exec"), names)  # the page is ours
    panel, census = names["panel"], names["census"]
    assert panel.assets == ("007", "ALPHA", "NA")
    assert {kind: count for kind, count in census.counts().items() if count} == {"missing_session": 4}
    assert panel.status[:40, 2].tolist() == [0] * 40
