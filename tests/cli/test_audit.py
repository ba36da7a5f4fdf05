"""What `quantdl audit` prints, and how it ends."""

import json
from datetime import date

import pytest

from quantdl.audit.verdict import AuditReport, Coverage, Leak, Warned
from quantdl.cli.audit import print_audit
from quantdl.experiment import auditing
from tests.cli.running import VALID, invoke
from tests.experiment.test_auditing import plain_config

COVERAGE = Coverage(
    1006, 48, 16, 16, 48, 2, 37, {"noise": 20, "flat": 17}, ("zero: refused",), ("features: x",), ("exit",)
)
LEAK = Leak("features", "trend", date(2020, 1, 2), "KO", 1, 1, ("close",), "noise")
CLEAN = AuditReport("CLEAN", (), (), COVERAGE, {"prices": True, "strategy": True})
WARNED = Warned(12, "closes.shift(-1)", "later rows back", "strategy.py")
LEAKY = AuditReport("LEAK", (LEAK,), (), COVERAGE, {}, ("/data/x.csv",), (WARNED,))
OPEN = AuditReport("INCONCLUSIVE", (), ("Too few decisions: 1.",), COVERAGE, {"prices": False})


def printed(report, capsys) -> list[str]:
    print_audit(report)
    return capsys.readouterr().out.splitlines()


def test_the_verdict_comes_first(capsys):
    assert printed(CLEAN, capsys)[0].startswith("CLEAN: nothing that was decided depends on data from after it")
    assert printed(LEAKY, capsys)[0].startswith("LEAK: something depends")
    assert printed(OPEN, capsys)[0].startswith("INCONCLUSIVE: nothing was shown")


def test_everything_that_was_found_is_said(capsys):
    text = "\n".join(printed(LEAKY, capsys))
    assert LEAK.sentence() in text
    assert "strategy.py:12: closes.shift(-1): later rows back" in text
    assert "/data/x.csv, by the strategy itself" in text
    assert "flat (17), noise (20)" in text
    assert "zero: refused" in text and "features: x" in text and "exit" in text


def test_reasons_and_a_self_test_that_failed_are_said(capsys):
    text = "\n".join(printed(OPEN, capsys))
    assert "Too few decisions: 1." in text and "prices MISSED" in text


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
