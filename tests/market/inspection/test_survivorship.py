from dataclasses import replace
from math import exp

import numpy as np
import pandas as pd
import pytest

from quantdl.calendars import trading_calendar
from quantdl.market.inspection.survivorship import judge_survivorship
from quantdl.market.sources.frames import panel_from_frame


@pytest.fixture(scope="module")
def sessions():
    return trading_calendar("XNYS").sessions("2000-01-03", "2019-12-31")


def market(declaration, sessions, n_assets, yearly_exits, seed=0):
    """Assets that leave at random at the given yearly rate."""
    generator = np.random.default_rng(seed)
    lives = np.minimum(generator.exponential(252 / max(yearly_exits, 1e-9), n_assets).astype(int) + 2, len(sessions))
    lives[0] = len(sessions)
    closes = np.where(np.arange(len(sessions))[:, None] < lives, 1.0 + np.arange(n_assets), np.nan)
    frame = pd.DataFrame(closes, index=sessions, columns=[f"A{number}" for number in range(n_assets)])
    return judge_survivorship(panel_from_frame(frame, declaration))


@pytest.mark.parametrize("seed", range(5))
def test_a_market_that_assets_leave_is_not_accused(declaration, sessions, seed):
    found = market(declaration, sessions, 60, 0.05, seed)
    assert found.universe == "unknown"
    assert "nothing here says" in found.sentence


def test_a_market_that_no_asset_leaves_was_chosen(declaration, sessions):
    found = market(declaration, sessions, 50, 0.0)
    assert found.universe == "survivors"
    assert found.exits == 0
    assert found.expected_exits == pytest.approx(50 * 20 * 0.01, rel=0.01)
    assert found.probability == pytest.approx(exp(-found.expected_exits))
    assert "50 of 50 assets live to the last session, 2019-12-31, over 1,000 asset-years" in found.sentence
    assert "chosen knowing its survivors" in found.sentence


def test_a_declared_point_in_time_universe_is_contradicted_by_its_data(declaration, sessions):
    assert market(replace(declaration, universe="point_in_time"), sessions, 50, 0.0).universe == "survivors"


def test_a_few_years_of_a_few_assets_prove_nothing(declaration, sessions):
    found = market(declaration, sessions[-500:], 5, 0.0)
    assert found.universe == "unknown"
    assert "too little time to tell" in found.sentence


def test_a_declared_universe_of_survivors_stays_one(declaration, sessions):
    found = market(replace(declaration, universe="survivors"), sessions[-500:], 5, 0.0)
    assert found.universe == "survivors"
    assert "declares a universe of survivors" in found.sentence


def listed_over_time(declaration, sessions, begins):
    """Assets that begin on the given sessions and live on; the first is there from the start."""
    starts = np.r_[0, begins]
    closes = np.where(np.arange(len(sessions))[:, None] >= starts, 1.0 + np.arange(len(starts)), np.nan)
    frame = pd.DataFrame(closes, index=sessions, columns=[f"A{number}" for number in range(len(starts))])
    return judge_survivorship(panel_from_frame(frame, declaration))


@pytest.mark.parametrize("seed", range(5))
def test_listings_at_any_time_ask_for_no_history(declaration, sessions, seed):
    begins = np.random.default_rng(seed).integers(1, len(sessions) - 1, 40)
    found = listed_over_time(declaration, sessions, begins)
    assert "assets were probably chosen for having a history since then" not in found.sentence
    assert found.listings == 40
    assert found.last_listing == sessions[begins.max()].date()


def test_listings_that_end_halfway_show_that_a_history_was_asked_for(declaration, sessions):
    begins = np.linspace(1, len(sessions) // 2, 20).astype(int)
    found = listed_over_time(declaration, sessions, begins)
    middle = sessions[len(sessions) // 2]
    share = (middle - sessions[0]) / (sessions[-1] - sessions[0])
    assert found.listings_probability == pytest.approx(share**20)
    assert f"20 assets begin after the first session but none after {middle:%Y-%m-%d}" in found.sentence


def test_two_listings_halfway_prove_nothing(declaration, sessions):
    found = listed_over_time(declaration, sessions, np.array([100, len(sessions) // 2]))
    assert "asked for" not in found.sentence
