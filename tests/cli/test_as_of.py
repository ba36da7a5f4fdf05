"""`quantdl forecast`: tables on the screen, the same as CSV and JSON, and nothing written over."""

import json

import pandas as pd
import pytest

from tests.cli.running import invoke
from tests.small_experiment import small_config, with_model

TABLES = ("law", "risk", "orders", "exits", "positions", "events")


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What the command prints as a table and as JSON, and the folders that it wrote."""
    folder = tmp_path_factory.mktemp("forecast")
    config = small_config(folder)
    with_model(config, "  kind: ewma_t\n  horizon: 5\n")
    arguments = ["forecast", str(config), "--as-of", "2016-07-11"]
    shown = invoke(*arguments, "--output", str(folder / "shown"))
    printed = invoke(*arguments, "--output", str(folder / "printed"), "--json")
    return folder, shown, printed


def test_the_last_line_is_the_folder_with_every_table(said):
    folder, shown, _ = said
    assert shown[0] == 0, shown
    assert shown[1].splitlines()[-1] == str(folder / "shown")
    names = {f"{name}.csv" for name in TABLES} | {"as_of.json"}
    assert {path.name for path in (folder / "shown").iterdir()} == names
    for heading in ("Log return of the next session", "Risk, as a fraction of equity", "next session: 2016-07-12"):
        assert heading in shown[1]


def test_csv_and_json_hold_the_same(said):
    folder, _, printed = said
    told = json.loads(printed[1])
    for name in TABLES:
        table = pd.read_csv(folder / "printed" / f"{name}.csv")
        assert len(table) == len(told[name])
        for record, (_, line) in zip(told[name], table.iterrows(), strict=True):
            numbers = {key: value for key, value in record.items() if isinstance(value, float)}
            assert numbers == {key: line[key] for key in numbers}
    facts = json.loads((folder / "printed" / "as_of.json").read_text())
    assert facts == {key: told[key] for key in facts}
    assert (facts["session"], facts["fitted_through"]) == ("2016-07-11", "2016-06-30")


def test_twice_the_same_is_twice_the_same_bytes(said):
    folder, _, _ = said
    for path in (folder / "shown").iterdir():
        assert path.read_bytes() == (folder / "printed" / path.name).read_bytes()


def test_it_counts_no_trial_and_writes_no_run(said):
    folder, _, _ = said
    assert not (folder / "runs" / "ledger.jsonl").exists()
    assert not list((folder / "runs").glob("*/manifest.json"))


def test_a_folder_that_exists_is_left_alone(said):
    folder, _, _ = said
    before = {path.name: path.read_bytes() for path in (folder / "shown").iterdir()}
    again = invoke("forecast", str(folder / "small.yaml"), "--output", str(folder / "shown"))
    assert again[0] == 2
    assert "exists already; name a folder that does not" in again[2]
    assert before == {path.name: path.read_bytes() for path in (folder / "shown").iterdir()}


def test_a_day_that_is_none_is_refused(said):
    wrong = invoke("forecast", str(said[0] / "small.yaml"), "--as-of", "11.7.2016")
    assert wrong[0] == 2
    assert "--as-of: given '11.7.2016'; expected a date such as 2016-12-30" in wrong[2]


def test_a_day_before_the_test_span_is_a_fault_of_data(said):
    early = invoke("forecast", str(said[0] / "small.yaml"), "--as-of", "2016-06-30")
    assert early[0] == 3
    assert "used to fit and to choose" in early[2]
