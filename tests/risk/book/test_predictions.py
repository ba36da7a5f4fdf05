"""Losses of a book, and predictions beside what was lost."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from quantdl.market.sources import load_sp500
from quantdl.risk.book.historical import HistoricalSimulation
from quantdl.risk.book.predictions import MEMBER_COLUMNS, PARAMETER_COLUMNS, BookRisk, MemberLosses, risk_table
from quantdl.risk.measures.losses import value_at_risk
from quantdl.simulation import panel_of_closes


def test_a_historical_risk_table_predicts_each_session_from_the_returns_before_it():
    panel = load_sp500()
    sessions = panel.sessions[6000:6010]
    weights = pd.DataFrame(0.05, sessions, list(panel.assets))
    simple = panel.closes[1:] / panel.closes[:-1] - 1.0  # row t is the return of session t + 1
    held = pd.Series([simple[6000 + day - 1].mean() for day in range(10)], sessions)
    found = risk_table(HistoricalSimulation(panel), weights, held)
    table, places = found.rows, found.probabilities
    assert not found.left_out and set(table["source"]) == {"historical simulation, 500 sessions"}
    one = table[table["level"] == 0.95].set_index("session")
    assert list(one.index) == list(sessions[1:])
    for day, session in enumerate(sessions[1:], start=6001):
        before = -simple[day - 501 : day - 1].mean(axis=1)  # through session day - 1
        assert one.loc[session, "value_at_risk"] == pytest.approx(np.sort(before)[474], abs=1e-14)
        loss = -simple[day - 1].mean()
        assert one.loc[session, "loss"] == pytest.approx(loss, abs=1e-14)
        assert places[session] == pytest.approx(((before < loss).sum() + 0.5) / 501, abs=1e-12)


def test_a_level_that_few_losses_cannot_reach_is_left_out():
    closes = 100.0 * np.exp(np.cumsum(0.01 * np.random.default_rng(0).standard_normal((80, 2)), axis=0))
    panel = panel_of_closes(closes)
    sessions = panel.sessions[50:60]
    weights = pd.DataFrame(0.5, index=sessions, columns=["A", "B"])
    found = risk_table(HistoricalSimulation(panel), weights, pd.Series(0.0, index=sessions))
    assert set(found.rows["level"]) == {0.95}  # fifty losses have no one in a hundred
    assert set(found.rows["source"]) == {"historical simulation, 50 to 58 sessions"}
    assert list(found.left_out) == [0.99]
    left = found.left_out[0.99]
    assert (left.n, left.first, left.last) == (9, sessions[1].date(), sessions[-1].date())
    assert left.reason.startswith("level 0.99 needs at least 100 observations, got 50 past sessions")
    assert left.statement == f"9 sessions held were left out, the first on {left.first}: {left.reason}"


def test_a_book_that_cannot_be_judged_is_counted_and_not_scored():
    """The second asset is listed at row 30 and held from then on: its twentieth return comes at row 50."""
    closes = 100.0 * np.exp(np.cumsum(0.01 * np.random.default_rng(0).standard_normal((80, 2)), axis=0))
    closes[:30, 1] = np.nan
    panel = panel_of_closes(closes)
    sessions = panel.sessions[30:60]
    weights = pd.DataFrame(0.5, index=sessions, columns=["A", "B"])
    found = risk_table(HistoricalSimulation(panel), weights, pd.Series(-0.02, index=sessions))
    assert found.rows["session"].tolist() == list(panel.sessions[51:60])  # predicted at the close before
    assert found.probabilities.index.tolist() == list(panel.sessions[51:60])
    assert (found.left_out[0.95].n, found.left_out[0.99].n) == (20, 29)
    reason = found.left_out[0.95].reason
    assert reason == (
        "level 0.95 needs at least 20 observations, got 0 past sessions in which every held asset has a return "
        f"({panel.assets[1]} has 0, the fewest of them)"
    )


def test_a_stand_in_of_few_returns_reaches_no_more_than_they_do():
    risk = BookRisk(torch.linspace(-0.1, 0.1, 4000, dtype=torch.float64), 30, "past returns of AAPL")
    assert risk.reaches(0.95) and not risk.reaches(0.99)
    with pytest.raises(ValueError, match="level 0.99 needs at least 100 observations, got 30 past returns of AAPL"):
        risk.value_at_risk(0.99)


def test_every_level_that_is_asked_for_is_predicted():
    panel = load_sp500()
    sessions = panel.sessions[6000:6003]
    weights = pd.DataFrame(0.05, sessions, list(panel.assets))
    returns = panel.closes[1:] / panel.closes[:-1] - 1.0
    table = risk_table(HistoricalSimulation(panel), weights, pd.Series(0.0, sessions), (0.95, 0.97, 0.99)).rows
    losses = np.sort(-returns[5500:6000].mean(axis=1))  # the 500 sessions up to the first close
    first = table[table["session"] == sessions[1]]
    assert first["level"].tolist() == [0.95, 0.97, 0.99]
    assert first["value_at_risk"].to_numpy() == pytest.approx(losses[[474, 484, 494]], abs=1e-14)


@pytest.fixture
def ten_losses():
    return BookRisk(torch.arange(1.0, 11.0, dtype=torch.float64) / 100)


def test_the_measures_of_ten_losses_are_those_counted_by_hand(ten_losses):
    assert ten_losses.value_at_risk(0.8) == pytest.approx(0.08)  # eight of ten are not above it
    assert ten_losses.expected_shortfall(0.8) == pytest.approx(0.095)  # the mean of 9 % and 10 %


@pytest.mark.parametrize(("level", "reached"), [(0.5, True), (0.9, True), (0.91, False), (0.99, False)])
def test_a_level_is_reached_when_one_loss_lies_beyond_it(level, reached, ten_losses):
    assert ten_losses.reaches(level) is reached


@pytest.mark.parametrize(("loss", "rank"), [(0.0, 0.5), (0.01, 1.0), (0.035, 3.5), (0.1, 10.0), (0.2, 10.5)])
def test_the_probability_of_a_smaller_loss_counts_half_of_a_tie_and_is_never_0_or_1(loss, rank, ten_losses):
    """The loss is one of eleven then: smaller ones, half of its ties, and half of itself lie below it."""
    assert ten_losses.probability_of_less(loss) == pytest.approx(rank / 11)


def test_quantiles_of_the_return_are_its_value_at_risk_and_that_of_the_other_side():
    losses = torch.randn(5_000, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    found = BookRisk(losses).return_quantiles([0.01, 0.05, 0.5, 0.95, 0.99])
    np.testing.assert_allclose(-found[:2], [float(value_at_risk(losses, level)) for level in (0.99, 0.95)])
    shares = [float((-losses <= one).double().mean()) for one in found]
    np.testing.assert_allclose(shares, [0.01, 0.05, 0.5, 0.95, 0.99], atol=2e-4 + 1e-9)
    np.testing.assert_allclose(found, stats.norm.ppf([0.01, 0.05, 0.5, 0.95, 0.99]), atol=0.12)


def test_quantiles_that_few_losses_cannot_reach_are_undefined(ten_losses):
    assert np.isnan(ten_losses.return_quantiles([0.01, 0.1, 0.5, 0.99])).tolist() == [True, False, False, True]


def test_a_session_entered_without_positions_is_left_out():
    sessions = pd.bdate_range("2020-01-01", periods=4)
    weights = pd.DataFrame([[0.0, 0.0], [0.5, 0.0], [0.0, 0.0], [0.0, 0.0]], sessions, ["A", "B"])

    class Same:
        def source(self, fewest, most):
            return "a test"

        def book_risk(self, session, weights):
            return BookRisk(torch.linspace(0.0, 0.02, 100, dtype=torch.float64))

    found = risk_table(Same(), weights, pd.Series([0.0, 0.0, -0.03, 0.0], sessions))
    table, probabilities = found.rows, found.probabilities
    assert list(probabilities.index) == [sessions[2]]
    assert set(table["session"]) == {sessions[2]}
    assert table["exception"].all() and set(table["source"]) == {"a test"}


@pytest.mark.parametrize(("loss", "exception"), [(0.01, False), (0.0101, True)])
def test_a_loss_as_large_as_the_value_at_risk_is_no_exception(loss, exception):
    sessions = pd.bdate_range("2020-01-01", periods=2)

    class Constant:
        def source(self, fewest, most):
            return "a test"

        def book_risk(self, session, weights):
            return BookRisk(torch.full((200,), 0.01, dtype=torch.float64))

    table = risk_table(Constant(), pd.DataFrame(0.5, sessions, ["A", "B"]), pd.Series([0.0, -loss], sessions)).rows
    assert list(table["level"]) == [0.95, 0.99]
    assert list(table["exception"]) == [exception] * 2


def test_a_monday_is_held_against_what_friday_predicted_with_the_interest_of_the_weekend():
    """Friday to Tuesday; on Sunday the book earns 0.1 %, on Monday it loses 2 %: 1 - 1.001 * 0.98 = 1.902 %."""
    sessions = pd.DatetimeIndex(["2024-01-05", "2024-01-07", "2024-01-08", "2024-01-09"])

    class Asked:
        asked: list[pd.Timestamp] = []

        def source(self, fewest, most):
            return "a test"

        def book_risk(self, session, weights):
            self.asked.append(session)
            return BookRisk(torch.linspace(0.0, 0.0199, 200, dtype=torch.float64))

    weights, held = pd.DataFrame(0.5, sessions, ["A", "B"]), pd.Series([0.0, 0.001, -0.02, 0.003], sessions)
    found = risk_table(Asked(), weights, held, (0.95,), np.array([True, False, True, True]))
    assert Asked.asked == [sessions[0], sessions[2]]
    assert found.rows["session"].tolist() == [sessions[2], sessions[3]]
    np.testing.assert_allclose(found.rows["loss"], [0.01902, -0.003], rtol=1e-12)
    assert found.rows["exception"].tolist() == [True, False]
    quiet = risk_table(Asked(), weights, held.where(held != 0.001, 0.0), (0.95,), np.array([True, False, True, True]))
    assert quiet.rows["loss"].tolist() == [0.02, -0.003]  # a weekend that brings nothing changes no digit


def test_the_range_of_value_at_risk_is_that_of_the_members():
    """A uniform loss on (0, width) has the quantile 0.95 width; the standard deviation counts each with its weight."""
    places = (torch.arange(10_000, dtype=torch.float64) + 0.5) / 10_000
    widths, weights = torch.tensor([[0.02], [0.04], [0.08]]).double(), torch.tensor([0.5, 0.25, 0.25]).double()
    low, high, spread = MemberLosses(widths * places, weights).range_of_value_at_risk(0.95)
    values = 0.95 * widths[:, 0].numpy()
    mean = np.average(values, weights=weights)
    assert (low, high) == (pytest.approx(values[0], rel=1e-3), pytest.approx(values[2], rel=1e-3))
    assert spread == pytest.approx(np.sqrt(np.average((values - mean) ** 2, weights=weights)), rel=1e-3)


class Members:
    """Two members, one of which expects twice the losses of the other, where a book is held."""

    def __init__(self) -> None:
        self.asked = 0

    def source(self, fewest: int, most: int) -> str:
        return "members"

    def book_risk(self, session: pd.Timestamp, weights: np.ndarray) -> BookRisk:
        places = (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000

        def losses() -> MemberLosses:
            self.asked += 1
            return MemberLosses(torch.stack([places, 2.0 * places]) * weights.sum(), torch.tensor([0.5, 0.5]).double())

        return BookRisk(1.5 * places * weights.sum(), by_member=losses)


def test_the_table_of_risk_keeps_the_spread_over_members_apart():
    sessions = pd.date_range("2020-01-01", periods=4, freq="D")
    weights = pd.DataFrame([[0.01], [0.02], [0.0], [0.01]], sessions, ["A"])
    predictions = Members()
    rows = risk_table(predictions, weights, pd.Series(0.0, sessions)).rows
    assert list(rows["session"]) == [sessions[1], sessions[1], sessions[2], sessions[2]]
    held = rows["session"].map({sessions[1]: 0.01, sessions[2]: 0.02})
    for column, factor in zip(MEMBER_COLUMNS, (1.0, 2.0, 0.5), strict=True):
        np.testing.assert_allclose(rows[column], factor * rows["level"] * held, rtol=2e-3)
    uniform = 0.5 * (1.0 + rows["level"]) * held  # the shortfall of a uniform loss
    np.testing.assert_allclose(rows["expected_shortfall_known"], 1.5 * uniform, rtol=2e-3)
    assert (rows["expected_shortfall_mixed"] > 1.15 * rows["expected_shortfall_known"]).all()
    between, within = 0.25**2, (1.0 + 4.0) / 24.0  # variances of means .5 and 1, and of uniform losses
    np.testing.assert_allclose(rows["variance_between"], between / (between + within), rtol=2e-3)
    assert predictions.asked == 2  # once a session, and not where nothing is held


def test_the_table_of_a_law_without_members_has_no_spread():
    panel = load_sp500()
    sessions = panel.sessions[6000:6003]
    weights = pd.DataFrame(0.05, sessions, list(panel.assets))
    rows = risk_table(HistoricalSimulation(panel), weights, pd.Series(0.0, sessions)).rows
    assert not {*MEMBER_COLUMNS, *PARAMETER_COLUMNS} & {*rows.columns}
