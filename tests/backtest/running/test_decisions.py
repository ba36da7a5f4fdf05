"""What a strategy answers."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from quantdl.backtest.running.decisions import Decision, Hold
from tests.backtest.worlds import FLAT, run, world


def test_a_decision_cannot_be_changed_after_it_was_given():
    with pytest.raises(FrozenInstanceError):
        Decision(np.zeros(1), "buy").rule = "sell"
    with pytest.raises(FrozenInstanceError):
        Hold("buy").rule = "sell"


def test_weights_changed_after_the_answer_change_nothing():
    class Reuses:
        weights = np.array([0.5, 0.0])

        def decide(self, view):
            self.weights[1] = 0.01 * len(view.sessions)
            return Decision(self.weights, "rebalance")

    result = run(world(FLAT), Reuses())
    np.testing.assert_allclose([item.weights[1] for item in result.decisions], 0.01 * np.arange(1, 13))
