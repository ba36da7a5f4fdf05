"""What a strategy can read, and when a model is asked."""

from dataclasses import replace

import numpy as np
import pytest

from quantdl.backtest import Forecasts
from quantdl.errors import LookAheadError, PlanError, RunError
from tests.backtest.worlds import FLAT, Schedule, closes_with, run, world


def test_an_undeclared_field_cannot_be_read():
    panel = world(FLAT, fields={"high": FLAT + 1})

    class Reads:
        def decide(self, view):
            view.field("high")

    with pytest.raises(PlanError, match="reads 'high' on 2018-01-02, but the plan trusts only"):
        run(panel, Reads())
    assert len(run(panel, Reads(), trusted_data={"fields": ("close", "high")}).equity) == 12


def test_draws_are_made_on_demand_and_only_for_the_session_asked():
    asked = []

    def draws(session):
        asked.append(session)
        return np.full((7, 2), 0.01)

    class Uses:
        def decide(self, view):
            if len(view.sessions) % 5 == 1:
                assert view.draws.shape == (7, 2)
                assert view.draws is view.draws

    panel = world(FLAT)
    run(panel, Uses(), forecasts=Forecasts(5, draws, None), sample={"purge_bars": 6})
    assert asked == [panel.sessions[0], panel.sessions[5], panel.sessions[10]]


def test_a_forecast_of_a_session_the_model_has_seen_is_an_error():
    def draws(session):
        raise LookAheadError(f"fitted through 2018-06-29, asked for {session:%Y-%m-%d}")

    class Uses:
        def decide(self, view):
            return view.draws

    with pytest.raises(LookAheadError, match="fitted through"):
        run(world(FLAT), Uses(), forecasts=Forecasts(5, draws, None), sample={"purge_bars": 6})


def test_returns_are_those_of_a_holder_and_no_longer_than_history():
    strategy = Schedule({})
    run(world(closes_with([100, 110, np.nan, 121])), strategy)
    assert strategy.views[0].simple_returns(5).shape == (0, 2)
    np.testing.assert_allclose(strategy.views[1].simple_returns(5), [[0.1, 0.0]])
    np.testing.assert_allclose(strategy.views[3].simple_returns(2)[:, 0], [0.1, 0.1])


def test_trailing_returns_stand_in_for_draws_over_the_same_horizon():
    closes = 100.0 * np.exp(0.001 * np.arange(12.0) ** 2)
    strategy = Schedule({})
    run(world(closes_with(closes)), strategy)
    view, early = (replace(one, horizon_bars=5) for one in (strategy.views[-1], strategy.views[0]))
    bars, known = view.horizon_bars, closes[: len(view.sessions)]
    expected = np.log(known[bars:] / known[:-bars])
    assert len(expected) > 2
    np.testing.assert_allclose(view.trailing_returns(20)[:, 0], expected)
    np.testing.assert_allclose(view.trailing_returns(2)[:, 0], expected[-2:])
    assert early.trailing_returns(20).shape == (0, 2)


def test_a_law_needs_a_column_for_every_asset():
    class Uses:
        def decide(self, view):
            return view.draws

    with pytest.raises(RunError, match=r"has shape \(7, 3\), expected \(draws, 2\)"):
        run(world(FLAT), Uses(), forecasts=Forecasts(5, lambda session: np.zeros((7, 3)), None),
            sample={"purge_bars": 6})  # fmt: skip


def test_without_a_model_there_are_no_draws():
    strategy = Schedule({})
    run(world(FLAT), strategy)
    assert strategy.views[0].draws is None
