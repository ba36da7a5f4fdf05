"""What the universe as of t allows a strategy to hold."""

from dataclasses import replace

import numpy as np
import pytest

from quantdl.backtest.book.tape import read_tape
from quantdl.backtest.run import run_backtest
from quantdl.backtest.running.decisions import Decision, Hold
from quantdl.errors import RunError
from quantdl.portfolio import equal_weights
from tests.backtest.worlds import plan_for, random_walk, span, world


def market(leaves=12, returns=None):
    """Three assets, of which the first is in the universe until row ``leaves``."""
    panel = world(random_walk(40, 3, seed=1))
    members = np.ones(panel.status.shape, dtype=bool)
    members[leaves : len(members) if returns is None else returns, 0] = False
    return replace(panel, members=members)


class EqualWeights:
    def decide(self, view):
        return Decision(0.9 * equal_weights(view.listed), "rebalance")


class Stubborn:
    """Keeps asking for all three, whatever the universe says."""

    def decide(self, view):
        return Decision(np.full(3, 0.3), "rebalance")


def test_only_what_belongs_to_the_universe_may_be_held():
    panel = market()
    tape = read_tape(panel)
    np.testing.assert_array_equal(tape.listed, panel.eligible)
    np.testing.assert_array_equal(tape.eligible, panel.eligible)


def test_without_members_everything_listed_may_be_held():
    panel = replace(market(), members=None)
    assert read_tape(panel).listed.all()


def test_an_asset_that_leaves_is_sold_at_the_next_decision():
    panel = market()
    held = run_backtest(panel, plan_for(panel), EqualWeights(), *span(panel)).quantities["A00"].to_numpy()
    assert (held[1:13] > 0).all()  # bought on row 1; row 12 decides to sell, row 13 fills
    assert (held[13:] == 0).all()


def test_an_asset_that_comes_back_may_be_held_again():
    panel = market(returns=20)
    held = run_backtest(panel, plan_for(panel), EqualWeights(), *span(panel)).quantities["A00"].to_numpy()
    assert (held[13:21] == 0).all()
    assert (held[21:] > 0).all()


class BuyAndHold:
    def decide(self, view):
        return Decision(np.full(3, 0.3), "rebalance") if view.bars_since_decision is None else Hold("rebalance")


def test_a_decision_to_hold_does_not_keep_what_has_left():
    panel = market()
    result = run_backtest(panel, plan_for(panel), BuyAndHold(), *span(panel))
    held = result.quantities["A00"].to_numpy()
    assert (held[1:13] > 0).all()
    assert (held[13:] == 0).all()
    assert result.quantities["A01"].to_numpy()[-1] > 0
    assert result.trades.query("asset == 'A00'")["rule_out"].tolist() == ["plan:universe"]


def test_asking_for_more_of_what_has_left_is_refused_by_name():
    panel = market()
    with pytest.raises(RunError, match="on A00, which is not"):
        run_backtest(panel, plan_for(panel), Stubborn(), *span(panel))


def test_the_universe_of_later_bars_changes_no_earlier_holding():
    early, late = market(), market(leaves=30)
    runs = [run_backtest(panel, plan_for(panel), EqualWeights(), *span(panel)) for panel in (early, late)]
    one, other = (run.quantities.to_numpy()[:13] for run in runs)
    assert one.tobytes() == other.tobytes()
