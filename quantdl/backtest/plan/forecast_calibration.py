"""Forecast calibration: whether the forecasts agree with what happened. The plan states nothing for it."""

from quantdl.backtest.plan.context import FinishedRun
from quantdl.backtest.plan.evidence import ItemVerdict, ReportRow

ROW = ReportRow("Forecast calibration", "value-at-risk", "Value at risk")

# Chance that all tests of a right model together raise an alarm; split evenly between them (Bonferroni).
FALSE_ALARM = 0.05


def share_of_each(n_tests: int) -> float:
    """Return the p-value below which each of so many tests rejects: its even share of the false alarms of all."""
    return FALSE_ALARM / n_tests


def judge(run: FinishedRun) -> ItemVerdict:
    """Hold the p-value of each test against its share of the false alarms that all of them together may raise.

    The figure gives every test with its p-value; the cause names those that reject.
    """
    tests = run.evidence.calibration
    if not tests:
        return ItemVerdict("forecasts agree with what happened", "no forecast", doubts=("the run has no model",))
    level = share_of_each(len(tests))
    shown = [
        f"{test.name}: {test.figure}, p = {'undefined' if test.p_value is None else f'{test.p_value:.2g}'}"
        for test in tests
    ]
    rejecting = [test.name for test in tests if test.p_value is not None and test.p_value < level]
    return ItemVerdict(
        statement=f"no test rejects the forecasts at {FALSE_ALARM:.0%} over all {len(tests)} tests ({level:.2%} each)",
        figure="; ".join(shown),
        failures=(f"rejected by {_listed(rejecting)}",) if rejecting else (),
        doubts=tuple(f"{test.name} says nothing" for test in tests if test.p_value is None),
    )


def _listed(names: list[str]) -> str:
    """Return names as a sentence lists them; they hold commas themselves."""
    return names[0] if len(names) == 1 else f"{'; '.join(names[:-1])}; and {names[-1]}"
