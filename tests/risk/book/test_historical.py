"""The book of today under the returns of the past."""

import numpy as np
import pytest

from quantdl.market.sources import load_sp500
from quantdl.risk.book.historical import HistoricalSimulation, trailing_returns
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
    assert len(losses) == 119 - 5  # a bar of the halt is no session without a loss: it is no session


def listed_late(returns: np.ndarray, sessions: int = 700):
    """A panel of an old asset that rises a little each day and one that was listed as many returns ago as are given."""
    closes = np.full((sessions, 2), np.nan)
    closes[:, 0] = 1.001 ** np.arange(sessions)
    closes[-len(returns) - 1 :, 1] = 50.0 * np.cumprod([1.0, *(1.0 + returns)])
    return panel_of_closes(closes)


def test_an_asset_listed_a_hundred_sessions_ago_is_not_diluted_by_days_before_its_listing():
    """A hundred returns of -0.1 % to -10 %: the 95th smallest loss is 9.5 %, the 99th 9.9 %, the worst 10 %."""
    returns = -0.001 * np.random.default_rng(0).permutation(np.arange(1, 101))
    panel = listed_late(returns)
    risk = HistoricalSimulation(panel).book_risk(panel.sessions[-1], np.array([0.0, 1.0]))
    assert risk.n == len(risk.losses) == 100
    assert risk.value_at_risk(0.95) == pytest.approx(0.095)
    assert risk.value_at_risk(0.99) == pytest.approx(0.099)
    assert risk.expected_shortfall(0.99) == pytest.approx(0.1)
    both = HistoricalSimulation(panel).book_risk(panel.sessions[-1], np.array([0.5, 0.5]))
    assert both.value_at_risk(0.95) == pytest.approx(0.5 * 0.095 - 0.5 * 0.001)  # the old asset gained 0.1 % each day
    old = HistoricalSimulation(panel).book_risk(panel.sessions[-1], np.array([1.0, 0.0]))
    assert old.n == 500 and old.losses.numpy() == pytest.approx(-0.001)


def test_a_book_with_too_few_common_sessions_says_how_many_it_needs_and_which_asset_is_short():
    panel = listed_late(np.full(60, -0.01))
    risk = HistoricalSimulation(panel).book_risk(panel.sessions[-1], np.array([0.5, 0.5]))
    assert risk.reaches(0.95) and not risk.reaches(0.99)
    needed = "level 0.99 needs at least 100 observations, got 60 past sessions in which every held asset has a return"
    assert risk.short_of(0.99) == f"{needed} ({panel.assets[1]} has 60, the fewest of them)"
    for measure in (risk.value_at_risk, risk.expected_shortfall):
        with pytest.raises(ValueError, match="needs at least 100 observations, got 60 past sessions"):
            measure(0.99)


def test_two_assets_that_never_traded_together_have_no_common_history():
    closes = np.full((400, 2), np.nan)
    closes[:210, 0] = 100.0 * 1.01 ** np.arange(210)
    closes[250:, 1] = 100.0 * 0.99 ** np.arange(150)
    panel = panel_of_closes(closes)
    risk = HistoricalSimulation(panel).book_risk(panel.sessions[-1], np.array([0.5, 0.5]))
    assert risk.n == 0 and not risk.reaches(0.5)
    assert f"got 0 past sessions in which every held asset has a return ({panel.assets[1]} has 149" in risk.short_of(
        0.95
    )


def test_a_session_that_one_asset_missed_is_made_up_for_by_an_older_one():
    random = np.random.default_rng(4)
    closes = 100.0 * np.exp(np.cumsum(0.01 * random.standard_normal((620, 2)), axis=0))
    closes[600, 1] = np.nan
    panel = panel_of_closes(closes)
    risk = HistoricalSimulation(panel).book_risk(panel.sessions[-1], np.array([0.4, 0.6]))
    counted = [day for day in range(119, 620) if day != 600]  # the last 500 in which both traded
    before = [599 if day == 601 else day - 1 for day in counted]  # the return over the gap stands once, at its end
    first = closes[counted, 0] / closes[[day - 1 for day in counted], 0] - 1.0
    second = closes[counted, 1] / closes[before, 1] - 1.0
    np.testing.assert_allclose(risk.losses.numpy(), -(0.4 * first + 0.6 * second), atol=1e-14)


def test_no_return_after_the_session_that_asks_is_read():
    panel = listed_late(-0.001 * np.arange(1.0, 301.0))
    for position in (450, 520, 699):
        session, weights = panel.sessions[position], np.array([0.3, 0.7])
        whole, known = (
            HistoricalSimulation(data).book_risk(session, weights) for data in (panel, panel.until(session))
        )
        assert whole.losses.numpy().tobytes() == known.losses.numpy().tobytes()
        assert whole.basis == known.basis


def test_the_source_says_how_many_sessions_were_used():
    simulation = HistoricalSimulation(listed_late(np.full(60, -0.01)))
    assert simulation.source(500, 500) == "historical simulation, 500 sessions"
    assert simulation.source(37, 500) == "historical simulation, 37 to 500 sessions"


def test_trailing_returns_leave_out_halts_and_end_at_the_session():
    closes = np.array([[1.0, 5.0], [1.1, 5.0], [1.1, np.nan], [1.21, 6.0], [1.21, 3.0]])
    panel = panel_of_closes(closes)
    np.testing.assert_allclose(trailing_returns(panel, 0, panel.sessions[3]), [0.1, 0.0, 0.1], atol=1e-12)
    # whatever the return over the halt is taken for, the loss of the last session is there and nothing after it
    assert trailing_returns(panel, 1, panel.sessions[4])[-1] == pytest.approx(-0.5)
    assert trailing_returns(panel, 1, panel.sessions[1]) == pytest.approx([0.0])


def test_dead_sessions_are_no_sessions_of_the_past():
    """A row on which nothing trades after every fifth: the last 500 returns are the same, asked on either day."""
    closes = 100.0 * np.exp(np.cumsum(0.01 * np.random.default_rng(0).standard_normal((600, 2)), axis=0))
    wide = np.insert(closes, np.arange(5, 601, 5), np.nan, axis=0)
    plain, dead = panel_of_closes(closes), panel_of_closes(wide)
    assert len(dead.sessions) == 720 and not dead.traded[-1].any()
    expected = HistoricalSimulation(plain).book_risk(plain.sessions[-1], np.array([0.3, 0.7])).losses
    for session in dead.sessions[-2:]:
        found = HistoricalSimulation(dead).book_risk(session, np.array([0.3, 0.7])).losses
        assert found.tolist() == pytest.approx(expected.tolist(), rel=1e-12)
        assert len(found) == 500
