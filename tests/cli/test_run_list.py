"""Runs as a list that fits a terminal of eighty columns, each named by the beginning of its identifier."""

import re

from quantdl.cli.run_list import print_runs, shortest_names
from quantdl.runs.store import RunWriter, list_runs, run_path


def test_a_name_is_as_short_as_tells_runs_apart():
    assert shortest_names(["01ABCDEFGH", "01ABCDEFZZ"]) == ["01ABCDEFG", "01ABCDEFZ"]
    assert shortest_names(["01ABCDEFGH", ""]) == ["01ABCDEF", ""]
    assert shortest_names([]) == []


def test_a_list_fits_eighty_columns_and_names_what_every_command_takes(tmp_path, capsys, monkeypatch):
    for number, verdict in enumerate(("not defended", "relative evidence only", "defended")):
        with RunWriter(tmp_path, f"a_strategy_{number}") as run:
            run.write_json("checklist.json", {"verdict": verdict})
            run.write_json("metrics.json", {"strategy": {"sharpe": 1.234}})
    print_runs(tmp_path, list_runs(tmp_path))
    lines = [line for line in capsys.readouterr().out.splitlines() if "a_strategy" in line]
    assert len(lines) == 3 and max(map(len, lines)) <= 80
    for line, entry in zip(lines, list_runs(tmp_path), strict=True):
        assert re.match(r"  \d{4}-\d\d-\d\d \d\d:\d\d   a_strategy_\d   ", line) and "1.23" in line
        assert run_path(tmp_path, line.split()[-1]) == entry.path


def test_a_failed_and_a_damaged_run_say_so(tmp_path, capsys):
    with RunWriter(tmp_path, "failed") as run:
        run.write_json("failure.json", {})
    with RunWriter(tmp_path, "damaged") as damaged:
        damaged.write_json("metrics.json", {})
    (damaged.target / "metrics.json").unlink()
    print_runs(tmp_path, list_runs(tmp_path), whole=True)
    output, errors = capsys.readouterr()
    assert re.search(r"failed +failed +failed-", output) and re.search(r"damaged +damaged", output)
    assert f"{damaged.target}: metrics.json: missing" in errors
