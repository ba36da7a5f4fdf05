"""Two runs on the terminal."""

from datetime import date

from quantdl.cli.comparison import print_comparison
from quantdl.results.comparison import Pair, RunComparison
from quantdl.risk.curves.paired_returns import PairedReturns
from quantdl.risk.scores.model_scores import AgainstOne
from quantdl.scoring.comparisons import ScoreDifference

MEAN, SHARPE, TAIL = (ScoreDifference(mean, mean / 2, 2.0, 0.046, 100) for mean in (0.0002, 0.05, -0.01))


def compared(**changes):
    shown = dict(
        first="runs/a", second="runs/b", figures=(Pair("sharpe", 1.5, 0.5, 1.0),), bars=100, start=date(2024, 1, 2),
        end=date(2024, 5, 24), returns=PairedReturns(MEAN, SHARPE, 0.5, TAIL), undefined="", sharpe_difference=0.8,
        sharpe_error=0.4, forecasts=AgainstOne("b", -0.125, -3.0, 0.004, -2.5, 0.013, 0.7), forecasts_undefined="",
    )  # fmt: skip
    return RunComparison(**(shown | changes))


def lines(capsys):
    return {" ".join(line.split()) for line in capsys.readouterr().out.splitlines()}


def test_every_test_is_a_line_in_its_unit(capsys):
    print_comparison(compared(), "a", "b")
    shown = lines(capsys)
    assert "Sharpe ratio 1.50 0.50 1.00" in shown
    assert "mean return [bp] a bar 2.0000 1.0000 2.0000 0.046" in shown
    assert "Sharpe a bar 0.0500 0.0250 2.0000 0.046" in shown
    assert "Sharpe a year 0.8000 0.4000 2.0000 0.046" in shown
    assert "ES 95% [%] a bar -1.0000 -0.5000 2.0000 0.046" in shown
    assert "log loss of forecasts [nats] -0.1250 -2.5000 0.013" in shown
    assert "First less second, 100 returns over the same bars, 2024-01-02 to 2024-05-24" in shown


def test_what_cannot_be_tested_says_why(capsys):
    print_comparison(
        compared(
            returns=None,
            undefined="needs 20 returns over the same bars, there are 3",
            forecasts=None,
            forecasts_undefined="both runs need a model whose forecasts met a return",
        ),
        "a",
        "b",
    )
    shown = lines(capsys)
    assert "undefined: needs 20 returns over the same bars, there are 3" in shown
    assert "undefined: forecasts: both runs need a model whose forecasts met a return" in shown
    assert not [line for line in shown if line.startswith("First less second")]


def test_figures_have_the_words_and_units_of_a_single_run_in_its_order(capsys):
    figures = (
        Pair("costs.traded", 137433339.6062, 37433339.6062, 100_000_000.0),
        Pair("n_returns", 1006, 1006, 0.0),
        Pair("cagr", 0.1629, 0.1204, 0.0425),
        Pair("selection.overfitting_probability", None, None, None),
        Pair("of_another_version", 0.5, 0.25, 0.25),
    )
    print_comparison(compared(figures=figures), "a", "b")
    out = capsys.readouterr().out
    shown = [" ".join(line.split()) for line in out.splitlines()]
    assert "return a year 16.3% 12.0% 4.2%" in shown
    assert "returns 1,006 1,006 0" in shown
    assert "value traded, money 137,433,340 37,433,340 100,000,000" in shown
    assert "probability of overfitting" in shown
    assert "of_another_version 0.5000 0.2500 0.2500" in shown
    places = [out.index(words) for words in ("return a year", "returns", "value traded", "of_another_version")]
    assert places == sorted(places)


def test_what_is_small_is_not_written_as_zero(capsys):
    small = ScoreDifference(0.00001, 0.000002, 5.0, 2.97e-32, 100)
    print_comparison(compared(returns=PairedReturns(MEAN, small, 0.5, TAIL)), "a", "b")
    assert "Sharpe a bar 0.00001 0.000002 5.0000 < 0.001" in lines(capsys)
