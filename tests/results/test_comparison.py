"""The record of runs compared: what the command line prints as JSON comes back as it was."""

from datetime import date

from quantdl.records import from_plain, to_plain
from quantdl.results.comparison import ComparedRuns, Pair, RunComparison
from quantdl.risk.curves.paired_returns import PairedReturns
from quantdl.risk.scores.model_scores import AgainstOne
from quantdl.scoring.comparisons import ScoreDifference


def test_a_comparison_comes_back_from_json_as_it_was():
    test = ScoreDifference(0.1, 0.05, 2.0, 0.046, 100)
    found = RunComparison(
        first="runs/a",
        second="runs/b",
        figures=(Pair("sharpe", 1.0, None, None), Pair("verdict", "defended", "refused", None)),
        bars=100,
        start=date(2024, 1, 2),
        end=date(2024, 5, 24),
        returns=PairedReturns(test, None, None, test),
        undefined="a book that does not vary has no Sharpe ratio",
        sharpe_difference=None,
        sharpe_error=None,
        forecasts=AgainstOne("b", -0.1, -2.0, 0.05, -1.9, 0.06, 0.7),
        forecasts_undefined="",
    )
    compared = ComparedRuns((found,), (1.0, None))
    assert from_plain(ComparedRuns, to_plain(compared)) == compared
