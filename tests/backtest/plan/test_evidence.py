"""What an item makes of the evidence: failures go before doubts, and without either it passes."""

import pytest

from quantdl.backtest.plan.evidence import ItemVerdict


@pytest.mark.parametrize(
    ("failures", "doubts", "passed", "cause"),
    [
        ((), (), True, ""),
        ((), ("unknown",), None, "unknown"),
        (("broken",), (), False, "broken"),
        (("broken", "late"), ("unknown",), False, "broken; late; unknown"),
    ],
)
def test_failures_go_before_doubts(failures, doubts, passed, cause):
    verdict = ItemVerdict("promised", "measured", failures, doubts)
    assert (verdict.passed, verdict.cause) == (passed, cause)
