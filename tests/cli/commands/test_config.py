"""`quantdl config show` prints a config in full, `quantdl config schema` what editors check it by."""

import json
from pathlib import Path

from quantdl.config import load_config
from quantdl.config.yaml_reader import parse_document
from tests.cli.running import PROJECT, VALID, invoke

RISK = PROJECT / "configs" / "risk" / "sp500.yaml"


def test_a_config_is_shown_with_what_it_leaves_out() -> None:
    code, output, errors = invoke("config", "show", str(VALID))
    assert (code, errors) == (0, "")
    assert parse_document(output, Path("shown.yaml")).faults == ()
    assert "initial_equity: 1000000.0" in output and "initial_equity" not in VALID.read_text()


def test_json_is_all_that_is_printed() -> None:
    code, output, _ = invoke("config", "show", str(VALID), "--json")
    assert code == 0
    assert json.loads(output)["plan"]["sizing"]["max_weight"] == load_config(VALID).plan.sizing.max_weight


def test_the_risk_of_a_book_has_a_kind_of_its_own() -> None:
    code, output, _ = invoke("config", "show", str(RISK), "--kind", "risk", "--json")
    assert code == 0 and json.loads(output)["levels"]
    assert invoke("config", "show", str(RISK))[0] == 2


def test_a_wrong_config_is_refused_as_everywhere(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("name: a\nsede: 3\n")
    code, output, errors = invoke("config", "show", str(tmp_path / "a.yaml"))
    assert (code, output) == (2, "") and "did you mean 'seed'?" in errors


def test_the_schema_is_printed_or_written_and_never_over_a_file(tmp_path: Path) -> None:
    code, printed, _ = invoke("config", "schema")
    assert code == 0
    file = tmp_path / "new" / "run.json"
    assert invoke("config", "schema", "--output", str(file)) == (0, f"{file}\n", "")
    assert json.loads(file.read_text()) == json.loads(printed)
    code, _, errors = invoke("config", "schema", "--output", str(file))
    assert code == 2 and "exists already" in errors
    assert "levels" in json.loads(invoke("config", "schema", "--kind", "risk")[1])["$defs"]["Config"]["properties"]
