"""The book of today under the returns of the past."""

import numpy as np
import pytest

from quantdl.market.sources import load_sp500
from quantdl.risk.historical import HistoricalSimulation, trailing_returns
from quantdl.simulation import panel_of_closes


@pytest.mark.parametrize("position", [3000, 6700])
def test_historical_simulation_is_the_book_under_the_last_500_returns(position):
    panel = load_sp500()
    weights = np.random.default_rng(position).dirichlet(np.ones(len(panel.assets)))
    closes = panel.closes
    days = range(position - 499, position + 1)  # the last return ends at the session that asks
    losses = np.array([-(weights * (closes[day] / closes[day - 1] - 1.0)).sum() for day in days])
    risk = HistoricalSimulation(panel).book_risk(panel.sessions[position], weights)
    np.testing.assert_allclose(risk.losses.numpy(), losses, atol=1e-14)
    assert risk.value_at_risk(0.95) == pytest.approx(np.sort(losses)[474], abs=1e-14)  # 475 of 500 are not above it
    assert risk.expected_shortfall(0.99) == pytest.approx(np.sort(losses)[-5:].mean(), abs=1e-14)
    assert risk.value_at_risk(0.95) > 0


def test_historical_simulation_knows_what_a_halt_cost():
    closes = np.full((120, 2), 100.0)
    closes[40:45, 1] = np.nan
    closes[45:, 1] = 50.0
    panel = panel_of_closes(closes)
    losses = HistoricalSimulation(panel).book_risk(panel.sessions[-1], np.array([0.5, 0.5])).losses.numpy()
    assert losses.max() == pytest.approx(0.25)  # half of the book loses half
    assert np.count_nonzero(losses) == 1


def test_trailing_returns_leave_out_halts_and_end_at_the_session():
    closes = np.array([[1.0, 5.0], [1.1, 5.0], [1.1, np.nan], [1.21, 6.0], [1.21, 3.0]])
    panel = panel_of_closes(closes)
    np.testing.assert_allclose(trailing_returns(panel, 0, panel.sessions[3]), [0.1, 0.0, 0.1], atol=1e-12)
    # whatever the return over the halt is taken for, the loss of the last session is there and nothing after it
    assert trailing_returns(panel, 1, panel.sessions[4])[-1] == pytest.approx(-0.5)
    assert trailing_returns(panel, 1, panel.sessions[1]) == pytest.approx([0.0])
