"""A result on the terminal: the verdict first, then the strategy beside equal weight, in eighty columns."""

import pytest

from quantdl.cli.results import part, print_result

METRICS = {
    "strategy": {
        "start": "2019-01-01",
        "end": "2020-12-31",
        "cagr": 0.1,
        "total_return": 0.21,
        "volatility": 0.2,
        "sharpe": 0.5,
        "max_drawdown": -0.25,
        "value_at_risk_95": 0.0123,
        "undefined": {},
    },
    "baseline": {"cagr": None, "total_return": 0.1, "sharpe": None, "undefined": {"sharpe": "too short"}},
    "costs": {"share_of_initial_equity": 0.004, "annual_turnover": 2.5},
    "further": {"strategy": {"sharpe": {"lower": -0.3, "upper": 1.3, "confidence": 0.9}}},
}
SAMPLE = {"first": "2019-01-02", "last": "2020-12-31"}
VERDICT = {"headline": "It lost.", "advice": "Do not trade it.", "reasons": ["It was late."]}


def printed(capsys, **others):
    record = {"verdict": VERDICT, "metrics": METRICS, "breakdowns": {}, "selection": {}, "sample": SAMPLE} | others
    print_result(*(record[name] for name in ("verdict", "metrics", "breakdowns", "selection", "sample")))
    return capsys.readouterr().out.splitlines()


def test_the_verdict_is_the_first_line_and_its_reasons_follow(capsys):
    lines = printed(capsys)
    assert lines[:2] == ["It lost. Do not trade it.", "Also: It was late."]


def test_figures_stand_side_by_side_with_their_interval(capsys):
    rows = "\n".join(printed(capsys))
    assert "return a year" in rows and "10.0%" in rows
    assert "its 90% interval" in rows and "-0.30 to 1.30" in rows
    assert "1.23%" in rows and "-25.0%" in rows and "0.40%" in rows
    assert "Sharpe ratio: undefined: too short" in rows


def test_no_line_is_wider_than_a_terminal_of_eighty_columns(capsys):
    breakdowns = {"opened_by": [{"trades": 12_000}, {"trades": 345}]}
    lines = printed(capsys, breakdowns=breakdowns, selection={"n_trials": 14, "deflated_sharpe": 0.5})
    assert max(map(len, lines)) <= 80
    assert any("12,345" in line for line in lines) and any("50.0%" in line for line in lines)


@pytest.mark.parametrize("metrics", [{}, {"strategy": None}, {"strategy": {"sharpe": 0.5}}])
def test_what_a_run_does_not_have_is_left_out(capsys, metrics):
    lines = printed(capsys, metrics=metrics, verdict={})
    assert not any("return" in line for line in lines)
    assert any("0.50" in line for line in lines) == bool(metrics.get("strategy"))


def test_a_part_that_is_no_record_is_empty():
    assert part({"a": [1]}, "a") == {} and part({}, "a", "b") == {}


def test_the_span_is_the_test_span_of_the_plan(capsys):
    """The curve starts at the close before it, 2019-01-01 here."""
    assert "2019-01-02 to 2020-12-31, after costs" in printed(capsys)
    without = " ".join(" ".join(printed(capsys, sample={})).split())
    assert "from the close of 2019-01-01 to that of 2020-12-31, after costs" in without


def test_an_end_of_the_interval_below_zero_shows_that_it_is(capsys):
    further = {"strategy": {"sharpe": {"lower": -0.0031, "upper": 2.08, "confidence": 0.95}}}
    rows = "\n".join(printed(capsys, metrics={**METRICS, "further": further}))
    assert "-0.003 to 2.08" in rows


def test_a_deflated_sharpe_ratio_that_is_undefined_says_why(capsys):
    selection = {"n_trials": 2, "deflated_sharpe": None, "undefined": {"deflated_sharpe": "of 2 trials 1 has one"}}
    assert "deflated Sharpe ratio: undefined: of 2 trials 1 has one" in printed(capsys, selection=selection)
