"""Weights of sessions by age, by hand."""

import pandas as pd
import pytest
import torch

from quantdl.training.recency import Recency

SESSIONS = pd.bdate_range("2000-01-03", periods=2000)


def test_a_session_one_half_life_older_counts_half():
    recency = Recency(SESSIONS, range(0, 1500), half_life_years=2.0)
    last, older = 1499, int(SESSIONS.searchsorted(SESSIONS[1499] - pd.Timedelta(days=730.5)))
    weights = recency.weight(torch.tensor([last, older]))
    assert (weights[1] / weights[0]).item() == pytest.approx(0.5, rel=1e-3)


def test_weights_are_one_on_average_over_the_training_span():
    recency = Recency(SESSIONS, range(100, 1500), half_life_years=1.0)
    assert recency.weight(torch.arange(100, 1500)).mean().item() == pytest.approx(1.0, abs=1e-5)


def test_without_a_half_life_all_sessions_count_alike():
    assert Recency(SESSIONS, range(0, 1500), None).weight(torch.tensor([3])) is None
