"""A stored run on the terminal, also one of a former version and one that failed."""

import json

from quantdl.cli.stored import contents_of, fitted_through, one_line, print_stored
from quantdl.runs.manifest import open_run
from quantdl.runs.store import RunWriter


def test_a_run_is_shown_with_its_own_verdict_and_where_the_rest_is(small_run, capsys):
    run = open_run(small_run)
    verdict = json.loads((small_run / "verdict.json").read_text())
    print_stored(run)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{verdict['headline']} {verdict['advice']}"
    assert f"report:  {small_run / 'report.html'}" in lines
    assert any(f"quantdl runs show {run.id} --json" in line for line in lines)
    assert fitted_through(run) == ("2016-06-30",)


def test_a_run_of_a_former_version_gets_the_same_verdict_from_its_records(small_run, tmp_path, capsys):
    run = open_run(small_run)
    with RunWriter(tmp_path / "runs", "former") as former:
        for name in set(run.files) - {"verdict.json"}:
            former.write_bytes(name, run.read_bytes(name))
    print_stored(run)
    now = capsys.readouterr().out.splitlines()
    print_stored(open_run(former.target))
    assert capsys.readouterr().out.splitlines()[:5] == now[:5]


def test_a_run_that_failed_says_when_and_why(tmp_path, capsys):
    with RunWriter(tmp_path, "x") as run:
        run.write_json("failure.json", {"session": "2016-07-01", "message": "it broke a cap", "equity": 1.0})
    found = open_run(run.target)
    print_stored(found)
    assert capsys.readouterr().out == "The run failed on 2016-07-01: it broke a cap\n"
    assert contents_of(found)["failure"]["message"] == "it broke a cap"
    assert one_line(found) == ("", None)


def test_a_damaged_run_is_called_so_in_a_list(tmp_path):
    with RunWriter(tmp_path, "x") as run:
        run.write_json("metrics.json", {"strategy": {"sharpe": 0.5}})
        run.write_json("checklist.json", {"verdict": "defended"})
    found = open_run(run.target)
    assert one_line(found) == ("defended", 0.5)
    (run.target / "metrics.json").write_text("{}")
    assert one_line(found) == ("damaged", None)


def test_a_run_is_shown_under_its_test_span(small_run, capsys):
    sample = json.loads((small_run / "config.json").read_text())["plan"]["sample"]
    print_stored(open_run(small_run))
    assert f"{sample['first']} to {sample['last']}, after costs" in capsys.readouterr().out
