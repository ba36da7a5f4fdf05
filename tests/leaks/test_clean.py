"""Strategies that look at nothing but what was known: no false alarm."""

import pytest

from quantdl.audit import audit
from tests.leaks.clean import CLEANS

QUICK = ("cools down 3", "file until now")
QUICK_CUTS = 5


def test_there_are_as_many_clean_strategies_as_promised():
    assert len(CLEANS) >= 50
    assert len({str(clean) for clean in CLEANS}) == len(CLEANS)
    assert {str(clean) for clean in CLEANS} >= set(QUICK)


@pytest.mark.parametrize("clean", [clean for clean in CLEANS if str(clean) in QUICK], ids=str)
def test_a_clean_strategy_is_called_clean_at_a_few_cuts(clean, tmp_path):
    report = audit(clean.make(tmp_path), cuts=QUICK_CUTS)
    assert report.verdict == "CLEAN" and report.exit_code == 0, report
    assert report.coverage.verified == QUICK_CUTS


@pytest.mark.slow
@pytest.mark.parametrize("clean", CLEANS, ids=str)
def test_a_clean_strategy_is_called_clean(clean, tmp_path):
    report = audit(clean.make(tmp_path), cuts=None)
    assert report.verdict == "CLEAN" and not report.leaks, report
    assert report.coverage.verified == report.coverage.asked_for == report.coverage.decisions
    assert report.coverage.decided_again == report.coverage.decisions
    assert all(report.self_test.values()) and "strategy" in report.self_test
