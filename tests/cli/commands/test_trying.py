"""`quantdl search` and `quantdl sweep`: what each asks for, and a row for everything that was tried."""

import json
from pathlib import Path

import pytest

from tests.cli.running import VALID, invoke
from tests.small_experiment import small_config
from tests.small_sweep import sweep_config


def test_a_search_without_a_search_block_says_what_to_write() -> None:
    code, output, errors = invoke("search", str(VALID))
    assert (code, output) == (2, "")
    assert "search: nothing to search" in errors


def test_the_address_of_a_cluster_goes_with_ray() -> None:
    code, _, errors = invoke("sweep", str(VALID), "--address", "10.0.0.1:6379")
    assert code == 2
    assert "give --ray as well" in errors


@pytest.mark.slow
def test_a_sweep_prints_a_row_for_each_run_and_fails_when_one_does(tmp_path: Path, write_small) -> None:
    """The folder of these prices is named by a variable that is not set, which only a run finds out."""
    known = "  kind: sp500\n  start: 2010-01-04\n  assets: [AAPL, JPM, KO, PG, RRC, XOM]\n"
    data = (
        "  kind: csv_folder\n  path: ${env:QUANTDL_NO_SUCH_FOLDER}\n  source: a test\n  timezone: America/New_York\n"
        "  frequency: 1D\n  adjustment: total_return\n  calendar: XNYS\n  as_of: 2016-12-30\n  licence: for this test\n"
    )
    code, output, _ = invoke("sweep", str(write_small(tmp_path, {known: data})), "--seeds", "2", "--json")
    rows = json.loads(output)["rows"]
    assert code == 6
    assert [line["code"] for line in rows] == [2, 2]
    assert all("QUANTDL_NO_SUCH_FOLDER is not set" in line["problem"] for line in rows)


def test_a_sweep_is_carried_out_alone(tmp_path: Path) -> None:
    path = str(sweep_config(tmp_path))
    for more in ([path], ["--seeds", "2"]):
        code, output, errors = invoke("sweep", path, *more)
        assert (code, output) == (2, "")
        assert "a config with a sweep is carried out alone" in errors and "small_sweep.yaml:" in errors


@pytest.mark.slow
def test_the_command_line_plays_a_grid_on_processes_and_prints_it(tmp_path: Path) -> None:
    path = str(sweep_config(tmp_path))
    (code, output, _), (again, other, _) = (invoke("sweep", path, "--json", "--workers", count) for count in ("1", "2"))
    assert (code, again) == (0, 0)
    one, two = json.loads(output), json.loads(other)
    assert one["rows"] == two["rows"] and one["best"] == two["best"]
    assert one["selection"] | {"n_records": 16} == two["selection"]
    assert one["selection"]["n_trials"] == 8


def test_one_config_without_a_sweep_is_refused_before_it_looks_at_the_test_span(tmp_path: Path) -> None:
    code, _, error = invoke("sweep", str(small_config(tmp_path)))
    assert code == 2 and "has no sweep" in error and "--seeds" in error
    assert not (tmp_path / "runs").exists()
