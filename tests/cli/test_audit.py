"""What `quantdl audit` prints, and how it ends."""

from datetime import date

from quantdl.audit.verdict import AuditReport, Coverage, Leak, Warned
from quantdl.cli.audit import print_audit

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
