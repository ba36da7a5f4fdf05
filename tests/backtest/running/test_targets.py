"""A table of targets is the strategy that would have answered them."""

import numpy as np
import pandas as pd
import pytest

from quantdl.backtest import Decision, Hold, TargetTable, market_history, prepare, run_backtest
from quantdl.backtest.plan.horizon import EveryBars
from quantdl.backtest.running.targets import offers_targets
from quantdl.errors import RunError
from tests.backtest.book.test_kernel import same
from tests.backtest.worlds import plan_for, random_walk, span, world

PANEL = world(random_walk(80, 3, seed=3))
ROWS = np.arange(0, 80, 7)


def table(weights=None, sessions=None, rules="rebalance"):
    generator = np.random.default_rng(5)
    found = generator.dirichlet([1.0] * 4, len(ROWS))[:, :3] * 0.9 if weights is None else weights
    return TargetTable(PANEL.sessions[ROWS] if sessions is None else sessions, found, rules)


class Reads:
    def __init__(self, given):
        self.answers = dict(zip(given.sessions, given.weights, strict=True))

    def decide(self, view):
        wanted = self.answers.get(view.session)
        if wanted is None:
            return None
        return Hold("rebalance") if np.isnan(wanted).all() else Decision(wanted, "rebalance")


def plan(**items):
    return plan_for(PANEL, **items)


def test_a_table_is_played_as_the_strategy_that_answers_it():
    given = table()
    given.weights[4] = np.nan  # an explicit hold
    for items in ({}, {"friction": {"fill_at": "decision_close"}}, {"sizing": {"stop_loss": 0.01}}):
        by_table = run_backtest(PANEL, plan(**items), given, *span(PANEL), None, 1000.0)
        same(by_table, run_backtest(PANEL, plan(**items), Reads(given), *span(PANEL), None, 1000.0))


def test_weights_before_costs_are_of_the_money_before_them():
    from quantdl.backtest import play_targets

    job = prepare(PANEL, plan(friction={"fill_at": "decision_close"}), *span(PANEL), 1000.0)
    given = TargetTable(PANEL.sessions[:1], np.array([[0.4, 0.0, 0.0]]), "rebalance", before_costs=True)
    result = play_targets(job, given)
    assert result.quantities.iloc[0, 0] == pytest.approx(400.0 / PANEL.closes[0, 0], rel=1e-12)
    assert result.equity["equity"].iloc[0] == pytest.approx(1000.0 - 0.4, rel=1e-12)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (table(weights=np.zeros((3, 3))), "weights have shape (3, 3), expected (12, 3): decisions by assets"),
        (table(sessions=pd.DatetimeIndex(["1999-01-01"] * 12)), "1999-01-01 is no session of the data"),
        (table(sessions=PANEL.sessions[ROWS[::-1]]), "does not come after the decision before it"),
        (table(rules="hunch"), "cites the rule 'hunch', which the plan does not have"),
        (table(rules=("rebalance", "leave")), "2 rules for 12 decisions. Give one for all, or one each."),
    ],
)
def test_a_table_that_does_not_fit_is_refused(given, words):
    with pytest.raises(RunError) as refused:
        run_backtest(PANEL, plan(), given, *span(PANEL))
    assert words in str(refused.value)


def heavy(row, weights):
    given = table(weights=np.full((len(ROWS), 3), 0.2))
    given.weights[row] = weights
    return given


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (heavy(2, [0.95, 0.0, 0.0]), "2018-01-16: weight 0.95 of A00 breaks sizing.max_weight"),
        (heavy(3, [0.5, 0.5, 0.5]), "2018-01-23: weight 1.5 of the book, gross breaks sizing.max_gross"),
        (heavy(1, [0.1, float("inf"), 0.1]), "2018-01-09: weight of A01 is inf"),
        (heavy(1, [-0.1, 0.1, 0.1]), "but the plan is long-only"),
        (table(np.full((12, 3), 0.2), rules="leave"), "under the rule 'leave', whose purpose is 'exit'"),
    ],
)
def test_what_the_plan_forbids_is_refused_in_the_words_used_for_strategies(given, words):
    with pytest.raises(RunError) as refused:
        run_backtest(PANEL, plan(), given, *span(PANEL))
    assert words in str(refused.value)


def test_a_larger_position_between_two_rebalances_is_refused():
    items = {"horizon": {"rebalance": EveryBars("every_bars", 14)}}
    given = table(np.linspace(0.1, 0.3, 12)[:, None] * np.ones((1, 3)))
    with pytest.raises(RunError, match="2018-01-09: .*the plan has no rebalance on that day"):
        run_backtest(PANEL, plan(**items), given, *span(PANEL))


def test_a_long_table_outgrows_the_first_logs_and_loses_nothing():
    panel = world(random_walk(600, 40, seed=1))
    weights = np.random.default_rng(0).dirichlet([1.0] * 40, 600) * 0.9
    result = run_backtest(panel, plan_for(panel), TargetTable(panel.sessions, weights, "rebalance"), *span(panel))
    assert len(result.fills) > 20_000
    shares = result.fills.groupby("asset")["quantity"].sum().reindex(panel.assets)
    np.testing.assert_allclose(shares, result.quantities.iloc[-1], rtol=1e-8)


def test_a_row_that_is_nan_in_part_is_refused():
    weights = np.full((len(ROWS), 3), 0.2)
    weights[2, 0] = np.nan
    with pytest.raises(RunError, match=r"row 2 has some weights that are NaN"):
        run_backtest(PANEL, plan(), table(weights=weights), *span(PANEL))


def test_the_history_ends_with_the_last_session_played_and_can_be_read_only():
    """Row t is what the view of close t shows."""
    seen = {}

    class Looks:
        def decide(self, view):
            seen[view.session] = view
            return None

    long = world(random_walk(90, 3, seed=3))
    first, last = long.sessions[10], long.sessions[69]
    made = plan_for(long, first=10, last=69, horizon={"rebalance": EveryBars("every_bars", 7)})
    job = prepare(long, made, first, last)
    history = market_history(job)
    run_backtest(long, made, Looks(), first, last)
    assert history.sessions[-1] == last and history.first == 10 and len(history.traded) == 70
    for t in (10, 40, 69):
        view = seen[history.sessions[t]]
        np.testing.assert_array_equal(history.continuous_closes[: t + 1], view.continuous_closes)
        np.testing.assert_array_equal(history.fields["close"][: t + 1], view.fields["close"])
        np.testing.assert_array_equal(history.listed[t], view.listed)
        assert bool(history.rebalance_due[t]) == view.rebalance_due
        assert history.limits_at(t).max_weight == view.limits.max_weight
    for values in (history.continuous_closes, history.fields["close"], history.listed, history.rebalance_due):
        with pytest.raises(ValueError, match="read-only"):
            values[-1] = 0


def test_a_parameter_named_targets_is_no_table():
    class WithParameter(Reads):
        targets = (0.1, 0.2)

    class WithTable(Reads):
        def targets(self, history):
            return table()

    found = [offers_targets(kind(table())) for kind in (Reads, WithParameter, WithTable)]
    assert found == [False, False, True]
