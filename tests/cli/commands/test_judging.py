"""The commands that judge: how an audit ends."""

import json

import pytest

from quantdl.experiment import auditing
from tests.cli.running import VALID, invoke
from tests.cli.test_audit import CLEAN, LEAKY, OPEN
from tests.experiment.test_auditing import plain_config


@pytest.mark.parametrize(("report", "code"), [(CLEAN, 0), (LEAKY, 4), (OPEN, 7)], ids=lambda item: str(item)[:30])
def test_the_command_ends_with_the_code_of_the_verdict(report, code, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(auditing, "audit_config", lambda config, cuts, progress: asked.append(cuts) or report)
    path = str(plain_config(tmp_path))
    found, output, _ = invoke("audit", path, "--cuts", "5")
    assert (found, output.split(":")[0]) == (code, report.verdict)
    found, output, _ = invoke("audit", path, "--all", "--json")
    assert (found, json.loads(output)["verdict"]) == (code, report.verdict)
    assert asked == [5, None]


def test_wrong_usage_is_refused():
    code, output, errors = invoke("audit", str(VALID), "--all", "--cuts", "3")
    assert (code, output) == (2, "") and "--all verifies every decision" in errors
    assert invoke("audit", str(VALID), "--cuts", "0")[0] == 2
    assert invoke("audit", "nowhere.yaml")[0] == 2


def test_a_clean_config_ends_with_0_and_writes_nothing(tmp_path):
    code, output, _ = invoke("audit", str(plain_config(tmp_path)), "--cuts", "1")
    assert code == 0 and output.startswith("CLEAN")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["audited.yaml"]
