"""Contributions over a run: the last book in full, averages evenly spaced, nothing where too little is known."""

import numpy as np
import pandas as pd
import pytest
import torch

from quantdl.risk.book.contributions import expected_shortfall_contributions
from quantdl.risk.book.historical import HistoricalSimulation
from quantdl.risk.book.run_contributions import LEVEL, MOST_SESSIONS, run_contributions
from quantdl.simulation.panels import panel_of_closes

PANEL = panel_of_closes(100 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.01, (700, 3)), axis=0)))
GROUPS = ("x", "x", "y")


def weights_over(first: int, *rows: tuple[float, float, float]) -> pd.DataFrame:
    sessions = PANEL.bars[first : first + len(rows)]
    return pd.DataFrame(rows, sessions, list(PANEL.assets))


def test_the_last_book_is_divided_as_its_past_returns_say():
    weights = weights_over(600, (0.5, 0.0, 0.0), (0.2, 0.3, -0.4), (0.0, 0.0, 0.0))
    found = run_contributions(HistoricalSimulation(PANEL), weights, GROUPS)
    assert found.session == PANEL.sessions[601].date()
    own = np.asarray(PANEL.closes)[601 - 499 - 1 : 602]
    returns = torch.from_numpy(own[1:] / own[:-1] - 1)
    losses = -(returns @ torch.tensor([0.2, 0.3, -0.4], dtype=torch.float64))
    worst = losses.sort(descending=True).values
    by_hand = float((worst[:12].sum() + 0.5 * worst[12]) / 12.5)
    assert found.total == pytest.approx(by_hand, rel=1e-9)
    assert sum(one.component for one in found.positions) == pytest.approx(found.total, rel=1e-9)
    assert {one.name for one in found.groups} == {"x", "y"}
    assert found.source == "historical simulation, 500 sessions"


def test_averages_are_over_sessions_held_evenly_spaced_with_the_last():
    rows = [(0.1 + 0.001 * number, 0.2, 0.0) for number in range(100)]
    predictions = HistoricalSimulation(PANEL)
    found = run_contributions(predictions, weights_over(560, *rows), GROUPS)
    chosen = np.linspace(0, 99, MOST_SESSIONS).round().astype(int)
    components = []
    for number in chosen:
        own = np.array(rows[number])
        scenarios = predictions.scenarios(PANEL.bars[560 + number], own, LEVEL)
        components.append(expected_shortfall_contributions(scenarios, torch.from_numpy(own), LEVEL).component.numpy())
    by_name = {one.name: one for one in found.positions}
    assert found.n_sessions == MOST_SESSIONS
    mean = np.mean(components, axis=0)
    assert by_name[PANEL.assets[0]].mean_component == pytest.approx(mean[0])
    assert by_name[PANEL.assets[0]].mean_weight == pytest.approx(np.mean([rows[number][0] for number in chosen]))
    assert found.mean_total == pytest.approx(mean.sum())


def test_nothing_held_and_too_short_a_past_leave_nothing():
    assert run_contributions(HistoricalSimulation(PANEL), weights_over(600, (0.0, 0.0, 0.0)), GROUPS) is None
    assert run_contributions(HistoricalSimulation(PANEL), weights_over(20, (0.5, 0.0, 0.0)), GROUPS) is None
