"""The span of the test: stated, inside the data, long enough, and played to its end."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from quantdl.backtest import run_backtest
from quantdl.backtest.plan import sample
from quantdl.backtest.plan.context import RunSpan
from quantdl.backtest.plan.invalidation import DrawdownLimit
from quantdl.backtest.plan.sample import Sample
from tests.backtest.judged import Fixed, failed, good_plan, good_run, judged, market, only, row, run
from tests.backtest.worlds import random_walk, span, world

PANEL = world(random_walk(300, 4), calendar="XNYS")
FIRST, LAST = PANEL.sessions[0].date(), PANEL.sessions[-1].date()
GOOD = Sample(FIRST, LAST, 50, 0)


def faults(stated, model_horizon):
    return [*sample.faults(stated, model_horizon), *sample.length_faults(stated, 5)]


@pytest.mark.parametrize(
    ("stated", "model_horizon", "item", "words"),
    [
        (replace(GOOD, last=date(2017, 1, 3)), None, "sample.last", "a day after"),
        (replace(GOOD, minimum_sessions=5), None, "sample.minimum_sessions", "one holding period"),
        (replace(GOOD, purge_bars=3), None, "sample.purge_bars", "nothing is trained"),
        (replace(GOOD, purge_bars=5), 5, "sample.purge_bars", "6 (fill one bar later, exit at the horizon"),
    ],
)
def test_a_sample_that_shows_nothing_is_refused(stated, model_horizon, item, words):
    found = {fault.item: str(fault) for fault in faults(stated, model_horizon)}
    assert set(found) == {item}
    assert words in found[item]


def test_a_sample_that_fits_is_accepted():
    assert faults(GOOD, None) == faults(replace(GOOD, purge_bars=6), 5) == []
    assert list(sample.data_faults(GOOD, RunSpan(PANEL, *span(PANEL)))) == []


@pytest.mark.parametrize(
    ("stated", "item", "words"),
    [
        (replace(GOOD, first=date(2018, 3, 1)), "sample", "the run's span"),
        (replace(GOOD, minimum_sessions=301), "sample.minimum_sessions", "300 sessions"),
    ],
)
def test_a_sample_that_is_not_the_run_s_is_refused(stated, item, words):
    found = {fault.item: str(fault) for fault in sample.data_faults(stated, RunSpan(PANEL, *span(PANEL)))}
    assert set(found) == {item}
    assert words in found[item]


def test_a_day_that_is_no_session_is_named_with_what_to_write():
    panel = world(random_walk(300, 2), calendar="XNYS")
    stated, own = replace(GOOD, first=date(2018, 7, 4), last=panel.sessions[-1].date()), RunSpan(panel, *span(panel))
    (fault,) = sample.data_faults(stated, own)
    assert fault.fix == "2018-07-04 is no session of the data: write the run's first and last session"


def test_a_span_outside_the_data_is_refused():
    end = PANEL.sessions[-1] + pd.Timedelta(days=400)
    found = sample.data_faults(replace(GOOD, last=end.date()), RunSpan(PANEL, PANEL.sessions[0], end))
    assert ["inside the data" in str(fault) for fault in found] == [True]


def short_run():
    panel = market().between(market().sessions[0], market().sessions[259])
    plan = good_plan()
    plan = replace(plan, sample=replace(plan.sample, last=panel.sessions[-1].date(), minimum_sessions=100))
    return plan, panel, run_backtest(panel, plan, Fixed(), *span(panel))


def test_a_run_of_less_than_a_year_fails():
    plan, panel, result = short_run()
    early = panel.between(panel.sessions[0], panel.sessions[239])
    plan = replace(plan, sample=replace(plan.sample, last=early.sessions[-1].date()))
    result = run_backtest(early, plan, Fixed(), *span(early))
    checklist = judged(plan, result, early)
    assert only("sample", checklist) == "10 sessions too few"
    assert row("sample", checklist).figure == "240 of 240 sessions traded; purge 0 bars"


def test_sessions_that_are_missing_from_the_record_fail():
    """The last ten of 260 sessions were never played."""
    plan, panel, result = short_run()
    kept = result.equity.index[:250]
    frames = ("equity", "weights_after_fill", "quantities", "exposures", "conditions", "regimes", "traded")
    cut = replace(result, **{name: getattr(result, name).loc[kept] for name in frames})
    assert only("sample", judged(plan, cut, panel)) == "10 sessions of the span are not in the record"


def test_sessions_after_a_halt_are_no_evidence():
    plan = good_plan(invalidation=(DrawdownLimit("drawdown", 0.03),))
    result = run(plan)
    live = int(np.flatnonzero(result.equity.index == result.halted_on)[0])
    assert live < 300
    assert failed(judged(plan, result))["sample"] == f"{300 - live} sessions too few"
    assert row("sample", judged(plan, result)).figure == f"{live} of 400 sessions traded; purge 0 bars"


def test_the_plan_may_ask_for_more():
    assert only("sample", judged(good_plan(sample={"minimum_sessions": 450}), good_run())) == "50 sessions too few"
