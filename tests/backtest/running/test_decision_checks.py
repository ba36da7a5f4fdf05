"""What a decision may not be."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from quantdl.backtest import Decision
from quantdl.backtest.plan.borrowing import Borrow
from quantdl.backtest.plan.horizon import EveryBars
from quantdl.backtest.plan.related_positions import NamedGroups
from quantdl.backtest.running.decision_checks import check_predicted_losses
from quantdl.errors import RunError
from quantdl.portfolio import within_limits
from quantdl.portfolio.limits import Limits, ShortfallLimit
from tests.backtest.worlds import FLAT, closes_with, random_walk, run, world


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ([np.nan, 0.1], r"2018-01-02: weight of A00 is nan \(rule 'rebalance'\)"),
        ([np.inf, 0.1], "weight of A00 is inf"),
        ([0.95, 0.0], r"weight 0.95 of A00 breaks sizing.max_weight = 0.9 \(rule 'rebalance'\)"),
        ([0.6, 0.6], "weight 1.2 of the book, gross breaks sizing.max_gross = 1"),
        ([-0.1, 0.5], "weight -0.1 on A00, but the plan is long-only"),
        ([0.1, 0.1, 0.1], r"shape \(3,\), expected \(2,\)"),
        (["a", "b"], "weights are not numbers"),
    ],
)
def test_weights_that_break_the_plan_stop_the_run(weights, words):
    with pytest.raises(RunError, match=words) as stopped:
        run(world(FLAT), {0: weights})
    assert stopped.value.exit_code == 6


def test_a_group_over_its_cap_stops_the_run():
    panel = world(np.full((12, 4), 100.0))
    groups = {"groups": NamedGroups("named", {"banks": ("A00", "A01"), "rest": ("A02", "A03")}), "max_group_gross": 0.5}
    with pytest.raises(RunError, match="weight 0.6 of banks breaks related_positions.max_group_gross = 0.5"):
        run(panel, {0: [0.3, 0.3, 0.2, 0.2]}, related_positions=groups)


def test_weight_on_an_unlisted_or_delisted_asset_stops_the_run():
    closes = closes_with([np.nan, np.nan, 100])
    with pytest.raises(RunError, match="on A00, which is not listed or not in the universe on that day"):
        run(world(closes), {1: [0.1, 0.1]})
    gone = np.full((12, 2), 100.0)
    gone[3:, 0] = np.nan
    with pytest.raises(RunError, match="on A00, which is not listed or not in the universe on that day"):
        run(world(gone, ended={"A00": date(2018, 1, 4)}), {5: [0.1, 0.1]})


def test_an_exit_rule_cannot_open_or_add():
    class Opens:
        def decide(self, view):
            return Decision(np.array([0.1, 0.1]), "leave")

    with pytest.raises(RunError, match=r"A00 goes from weight 0\.0000 to 0\.1000 under the rule 'leave'.*'exit'"):
        run(world(FLAT), Opens())


def test_positions_grow_only_on_the_cadence():
    cadence = {"rebalance": EveryBars("every_bars", 4)}
    assert len(run(world(FLAT), {0: [0.5, 0.0], 4: [0.6, 0.0], 6: [0.3, 0.0]}, horizon=cadence).decisions) == 3
    with pytest.raises(RunError, match=r"2018-01-08: weight 0.7 of A00 .* no rebalance on that day"):
        run(world(FLAT), {0: [0.5, 0.0], 6: [0.7, 0.0]}, horizon=cadence)


def test_within_limits_is_always_accepted():
    generator = np.random.default_rng(0)
    panel = world(random_walk(30, 6))

    class Wild:
        def decide(self, view):
            return Decision(within_limits(generator.normal(0, 2, 6), view.limits), "rebalance")

    items = {
        "sizing": {"long_only": False, "max_weight": 0.4, "max_gross": 1.4, "max_net": 0.2},
        "related_positions": {"max_group_gross": 0.9, "max_group_net": 0.15},
        "friction": {"borrow": Borrow(0.01, 0.3)},
    }
    result = run(panel, Wild(), **items)
    assert len(result.decisions) == 30
    assert pd.notna(result.equity["equity"]).all()


def test_a_predicted_loss_is_refused_with_the_time_of_a_bar_within_the_session():
    draws, label = np.full((20, 2), np.log(0.8)), pd.Timestamp("2024-01-02 10:30")
    limits = Limits(True, 1.0, 1.0, 1.0, np.zeros(2, int), ("all",), 1.0, 1.0, book_shortfall=ShortfallLimit(0.9, 0.05))
    with pytest.raises(RunError, match=r"^2024-01-02 10:30: a predicted 90% shortfall of 0.1 of the book breaks"):
        check_predicted_losses(np.array([0.5, 0.0]), ("rebalance",) * 2, limits, lambda: draws, ("A00", "A01"), label)
