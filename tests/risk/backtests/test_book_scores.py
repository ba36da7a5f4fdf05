"""Models compared by FZ0: the true one wins, equals are told apart by neither test, and faults are named."""

import math

import numpy as np
import pytest

from quantdl.risk.backtests import compare_book_risk

VAR, ES = 1.6448536, 2.0627128  # standard normal at 0.95


def world(n=1500):
    losses = np.random.default_rng(5).standard_normal(n)
    right = np.full(n, VAR), np.full(n, ES)
    low = np.full(n, 0.7 * VAR), np.full(n, 0.7 * ES)
    near = np.full(n, 1.001 * VAR), np.full(n, 1.001 * ES)
    return losses, {"low": low, "right": right, "near": near}


def test_the_score_of_the_truth_is_the_logarithm_of_its_shortfall():
    losses, models = world(200_000)
    found = compare_book_risk(losses, {"right": models["right"], "low": models["low"]}, 0.95, seed=1, n_bootstraps=10)
    assert found.mean["right"] == pytest.approx(math.log(2.0627128), abs=0.01)  # 0.72402


def test_a_model_that_understates_risk_leaves_the_confidence_set_and_one_almost_right_stays():
    losses, models = world()
    found = compare_book_risk(losses, models, 0.95, seed=1, n_bootstraps=300)
    assert found.best in ("right", "near")
    assert found.against_best["low"].mean > 0
    assert found.against_best["low"].p_value < 0.01
    assert found.confidence["low"] < 0.1 <= min(found.confidence["right"], found.confidence["near"])


def test_faults_name_the_model():
    losses, models = world(100)
    with pytest.raises(ValueError, match="at least 2 models"):
        compare_book_risk(losses, {"right": models["right"]}, 0.95, 1)
    with pytest.raises(ValueError, match="low: losses and predictions must be series of one length"):
        compare_book_risk(losses, {**models, "low": (np.ones(99), np.ones(99))}, 0.95, 1)
    with pytest.raises(ValueError, match="low: fz0 needs a positive expected shortfall"):
        compare_book_risk(losses, {**models, "low": (np.ones(100), np.zeros(100))}, 0.95, 1)
    with pytest.raises(ValueError, match="low: losses and predictions must be finite"):
        compare_book_risk(losses, {**models, "low": (np.full(100, np.nan), np.ones(100))}, 0.95, 1)
    with pytest.raises(ValueError, match="every 10-th"):
        compare_book_risk(losses, models, 0.95, 1, horizon=10)
