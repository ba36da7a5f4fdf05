"""What an item is judged by: the span of the run, and its sessions as text."""

from quantdl.backtest.plan.context import FinishedRun, RunSpan
from tests.backtest.judged import EVIDENCE, good_run, market
from tests.backtest.worlds import random_walk, world


def test_a_span_counts_the_bars_inside_it():
    panel = world(random_walk(60, 2))
    assert RunSpan(panel, panel.sessions[0], panel.sessions[-1]).n_sessions == 60
    assert RunSpan(panel, panel.sessions[10], panel.sessions[19]).n_sessions == 10


def test_a_session_is_named_by_its_day():
    run = FinishedRun(market(), good_run(), EVIDENCE, None, 365.0)
    assert (run.day(0), run.day(399)) == ("2018-01-02", "2019-02-05")
