"""The spread over members summed up, against tables by hand."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from quantdl.risk.scores.member_spread import member_spread

RISK = pd.DataFrame(
    {
        "session": pd.to_datetime(["2020-03-12", "2020-03-12", "2020-03-13", "2020-03-13"]),
        "level": [0.95, 0.99, 0.95, 0.99],
        "value_at_risk": [0.02, 0.03, 0.04, 0.05],
        "value_at_risk_low": [0.01, 0.02, 0.03, 0.04],
        "value_at_risk_high": [0.03, 0.05, 0.05, 0.08],
        "value_at_risk_spread": [0.002, 0.006, 0.006, 0.008],
        "expected_shortfall_mixed": [0.03, 0.04, 0.05, 0.06],
        "expected_shortfall_known": [0.03, 0.03, 0.04, 0.05],
        "variance_between": [0.0, 0.1, 0.0, 0.3],
    }
)
FORECASTS = pd.DataFrame(
    {
        "window": ["next_session", "next_session", "next_session", "position"],
        "present": [True, True, False, True],
        "q01": [-0.04, -0.06, np.nan, -9.0],
        "q05": [-0.02, -0.04, np.nan, -9.0],
        "q01_spread": [0.004, 0.006, np.nan, 9.0],
        "q05_spread": [0.001, 0.002, np.nan, 9.0],
    }
)


def test_the_spread_of_the_book_is_the_mean_over_its_sessions_by_level():
    found = member_spread(RISK, FORECASTS)
    assert [one.level for one in found.book] == [0.95, 0.99]
    high = found.book[1]
    assert (high.n, high.widest_on) == (2, date(2020, 3, 12))
    figures = (high.value_at_risk, high.spread, high.share, high.low, high.high, high.widest_share)
    assert figures == pytest.approx((0.04, 0.007, 0.175, 0.03, 0.065, 0.2))


def test_what_not_knowing_adds_is_the_difference_of_mean_shortfalls():
    low, high = member_spread(RISK, FORECASTS).parameters
    assert (low.level, low.n, high.level) == (0.95, 2, 0.99)
    assert (high.expected_shortfall, high.known, high.share, high.variance_between) == pytest.approx(
        (0.05, 0.04, 0.2, 0.2)
    )
    assert low.share == pytest.approx(0.005 / 0.04)


def test_a_run_that_did_not_record_it_has_no_price_of_not_knowing():
    assert member_spread(RISK.drop(columns="expected_shortfall_known"), FORECASTS).parameters == ()


def test_the_spread_of_assets_is_that_of_present_ones_in_the_next_session():
    first, second = member_spread(RISK, FORECASTS).assets
    assert (first.probability, first.n, second.probability) == (0.01, 2, 0.05)
    assert (first.size, first.spread, first.share) == pytest.approx((0.05, 0.005, 0.1))
    assert (second.size, second.spread, second.share) == pytest.approx((0.03, 0.0015, 0.05))


def test_a_model_without_members_has_no_spread():
    without = FORECASTS.drop(columns=["q01_spread", "q05_spread"])
    assert member_spread(RISK, without) is None
    assert member_spread(RISK, None) is None


def test_a_book_that_was_never_held_has_the_spread_of_its_assets_only():
    columns = ["session", "level", "value_at_risk"]
    found = member_spread(RISK.loc[[], columns], FORECASTS)
    assert found.book == () and len(found.assets) == 2
