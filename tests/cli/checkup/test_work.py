"""Whether the engine is compiled is told by what is kept of it, and by its age."""

import os
from pathlib import Path

from quantdl.cli.checkup.work import compiled, work


def test_the_engine_is_compiled_where_something_newer_than_its_source_is_kept(tmp_path: Path) -> None:
    source, kept = tmp_path / "kernel.py", tmp_path / "cache"
    source.write_text("")
    kept.mkdir()
    assert compiled(kept, source).state == "note"
    (kept / "kernel.advance-7.py311.nbi").write_text("")
    assert compiled(kept, source).state == "ok"
    os.utime(source, (2e9, 2e9))
    assert compiled(kept, source).state == "note"


def test_an_engine_that_cannot_be_kept_is_slow(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert compiled(tmp_path / "file" / "cache", tmp_path / "file").state == "slow"


def test_the_bundled_prices_are_read() -> None:
    prices, engine = work()
    assert prices.state == "ok" and "20 assets, 1990-01-02 to 2022-12-28" in prices.detail
    assert engine.state in ("ok", "note")
