"""What was found, in plain English and as an exit code."""

from datetime import date

import pytest

from quantdl.audit.verdict import AuditReport, Coverage, Leak

DAY = date(2020, 1, 2)
COVERAGE = Coverage(1006, 48, 24, 24, 48, 6, 61, {"noise": 61}, (), (), ())


def leak(near, far, reads=(), detail="") -> str:
    return Leak("features", "momentum", DAY, "AAPL", near, far, reads, "noise", detail).sentence()


def test_a_leak_names_stage_field_asset_session_and_reach():
    assert leak(1, 1, ("close",)) == (
        "features: momentum of AAPL at the close of 2020-01-02 changes when only later data change (noise). "
        "It looks 1 bar ahead. It depends on later values of close."
    )


@pytest.mark.parametrize(
    ("near", "far", "said"),
    [
        (3, 3, "It looks 3 bars ahead."),
        (1, 1000, "It looks 1 bar ahead, and as far as 1,000."),
        (None, 5, "It looks at least 5 bars ahead."),
    ],
)
def test_the_reach_is_said(near, far, said):
    assert said in leak(near, far)


def test_a_reach_that_is_not_known_is_not_said():
    assert "looks" not in leak(None, None) and leak(None, None, detail="A cache.").endswith("(noise). A cache.")


@pytest.mark.parametrize(("verdict", "code"), [("CLEAN", 0), ("LEAK", 4), ("INCONCLUSIVE", 7)])
def test_the_exit_codes_are_those_of_the_command_line(verdict, code):
    assert AuditReport(verdict, (), (), COVERAGE, {}).exit_code == code


def test_the_coverage_says_how_many_of_how_many():
    assert COVERAGE.sentence().startswith(
        "24 of 24 decisions asked for verified through the whole pipeline, of 48 taken in 1,006 sessions"
    )
