"""Everything is looked at once, and said while one waits."""

from pathlib import Path

from quantdl.cli.checkup import checkup


def test_each_thing_is_looked_at_once(tmp_path: Path) -> None:
    said: list[str] = []
    found = [one.what for one in checkup(tmp_path, said.append)]
    assert len(found) == len(set(found))
    assert {"Python", "libraries", "threads", "runs", "cache", "prices", "engine"} <= set(found)
    assert len(said) == 4
