"""What is predicted for a book, where the easy cases end."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from quantdl.config import load_config
from quantdl.errors import PlanError
from quantdl.experiment.figures import yardstick
from quantdl.experiment.pipeline import _with_start
from quantdl.experiment.predictions import HISTORY_SESSIONS, HistoricalSimulation, ModelPredictions, risk_table
from quantdl.risk.metrics import performance
from quantdl.sequences import NEXT_SESSION
from quantdl.simulation import panel_of_closes
from quantdl.training.forecasting import forecast_sessions


@pytest.fixture(scope="module")
def predictions(small_outcome) -> ModelPredictions:
    fitted = small_outcome.fitted
    bars = range(fitted.histories.bar_of("2016-06-30"), fitted.histories.bar_of("2016-07-20"))
    book = forecast_sessions(fitted.fitted, fitted.histories, bars)
    return ModelPredictions(book, 5, 7, 4000, small_outcome.data.panel)


def test_a_held_asset_that_did_not_trade_is_not_riskless(predictions, small_outcome):
    session = predictions.book.sessions[5]
    weights = np.array([0.0, 0.5, 0.5, 0.0, 0.0, 0.0])
    whole = predictions.book_risk(session, weights)
    law = predictions.book.law(session, NEXT_SESSION)
    gone = torch.ones_like(law.present)
    gone[:, 1] = False
    pieces = tuple(replace(piece, law=piece.law.observed(gone)) for piece in predictions.book.pieces)
    gap = replace(predictions, book=replace(predictions.book, pieces=pieces)).book_risk(session, weights)
    without = predictions.book_risk(session, weights * [1, 0, 1, 1, 1, 1])
    assert gap.value_at_risk(0.99) > 1.3 * without.value_at_risk(0.99)
    assert gap.value_at_risk(0.99) > 0.8 * whole.value_at_risk(0.99)


def test_the_stand_in_for_an_absent_asset_is_its_own_history_alone(predictions):
    session = predictions.book.sessions[5]
    alone = np.array([0.0, 1.0, 0.0, 0.0, 0.0, 0.0])
    law = predictions.book.law(session, NEXT_SESSION)
    gone = torch.ones_like(law.present)
    gone[:, 1] = False
    pieces = tuple(replace(piece, law=piece.law.observed(gone)) for piece in predictions.book.pieces)
    risk = replace(predictions, book=replace(predictions.book, pieces=pieces)).book_risk(session, alone)
    closes = predictions.panel.until(session).closes[:, 1]
    history = -np.diff(closes)[-HISTORY_SESSIONS:] / closes[:-1][-HISTORY_SESSIONS:]
    assert risk.value_at_risk(0.95) == pytest.approx(np.quantile(history, 0.95), rel=0.02)


def test_a_level_that_few_losses_cannot_reach_is_left_out():
    closes = 100.0 * np.exp(np.cumsum(0.01 * np.random.default_rng(0).standard_normal((80, 2)), axis=0))
    panel = panel_of_closes(closes)
    sessions = panel.sessions[50:60]
    weights = pd.DataFrame(0.5, index=sessions, columns=["A", "B"])
    table, _ = risk_table(HistoricalSimulation(panel), weights, pd.Series(0.0, index=sessions))
    assert set(table["level"]) == {0.95}  # fifty losses have no one in a hundred


def test_the_curve_of_a_ruined_book_ends_with_its_ruin(small_outcome):
    result = small_outcome.result
    equity = result.equity.copy()
    equity.iloc[40:, equity.columns.get_loc("equity")] = -5_000.0
    curve = _with_start(replace(result, equity=equity), small_outcome.data.panel.sessions)
    assert len(curve) == 42  # the money before, forty sessions, the ruin
    assert performance(curve, 252.0).total_return == pytest.approx(-1.0, abs=1e-6)


def test_cash_does_not_win_on_losses(small_outcome):
    baseline = small_outcome.equal_weight
    curve = _with_start(small_outcome.baseline, small_outcome.data.panel.sessions)
    tenth = performance(curve.iloc[0] * (0.9 + 0.1 * curve / curve.iloc[0]), baseline.bars_per_year)
    compared = yardstick("expected_shortfall", tenth, baseline, exposure=0.1)
    assert compared.strategy == pytest.approx(compared.equal_weight, rel=0.05)
    assert compared.strategy < 0.2 * baseline.expected_shortfall_95


def test_a_level_beyond_the_draws_is_refused_with_its_line(tmp_path, write_small):
    condition = "    - {kind: stale_data, bars: 5}\n"
    beyond = condition + "    - {kind: calibration, level: 0.9999, false_halt_probability: 0.05}\n"
    with pytest.raises(PlanError, match=r"plan\.invalidation\[3\]\.level: given 0\.9999; expected at most 0\.9995"):
        load_config(write_small(tmp_path, {condition: beyond}))


def test_historical_simulation_knows_what_a_halt_cost():
    closes = np.full((120, 2), 100.0)
    closes[40:45, 1] = np.nan
    closes[45:, 1] = 50.0
    panel = panel_of_closes(closes)
    losses = HistoricalSimulation(panel).book_risk(panel.sessions[-1], np.array([0.5, 0.5])).losses.numpy()
    assert losses.max() == pytest.approx(0.25)  # half of the book loses half
    assert np.count_nonzero(losses) == 1
