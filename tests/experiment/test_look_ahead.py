"""End to end: prices of tomorrow change nothing of today. The same closes, and the same with another future."""

import numpy as np
import pandas as pd
import pytest

from quantdl.config import load_config
from quantdl.experiment import Outcome, carry_out
from tests.small_experiment import config_on_files, six_stocks

LAST = pd.Timestamp("2016-10-03")  # the last session on which both worlds are one
# What of an econometric model is its own is tested beside it in seconds, tests/training/test_classical_fit.py.
MODELS = ("transformer", pytest.param("garch_t", marks=pytest.mark.slow))


def run(folder, noise_after: pd.Timestamp | None, model: str) -> Outcome:
    block = "  kind: garch_t\n  horizon: 5\n" if model == "garch_t" else None
    return carry_out(load_config(config_on_files(folder, six_stocks(noise_after), block)))


@pytest.fixture(scope="module", params=MODELS)
def two_runs(request, tmp_path_factory) -> tuple[Outcome, Outcome]:
    one, other = (run(tmp_path_factory.mktemp("world"), noise_after, request.param) for noise_after in (None, LAST))
    return one, other


def same(first: pd.DataFrame, second: pd.DataFrame) -> None:
    assert len(first) > 0
    pd.testing.assert_frame_equal(first, second, check_exact=True)


def test_the_futures_do_differ(two_runs):
    """Otherwise the rest would prove nothing."""
    one, other = two_runs
    assert one.data.panel.card.fingerprint != other.data.panel.card.fingerprint
    later = [outcome.result.equity.loc[outcome.result.equity.index > LAST, "equity"] for outcome in two_runs]
    assert (later[0] != later[1]).all()
    assert len(later[0]) > 50


def test_forecasts_made_up_to_the_day_are_the_same(two_runs):
    """The law of each; its score only where the outcome lies within what is common."""
    columns = ["session", "window", "asset", "present", "q01", "q05", "q25", "median", "q75", "q95", "q99"]
    tables = [outcome.forecasts[outcome.forecasts["session"] <= LAST].reset_index(drop=True) for outcome in two_runs]
    same(tables[0][columns], tables[1][columns])
    assert set(tables[0]["window"]) == {"next_session", "position"}
    assert tables[0]["session"].max() == LAST
    known = tables[0]["session"] < LAST
    scored = [table[known & (table["window"] == "next_session")] for table in tables]
    same(*scored)


def test_everything_decided_up_to_the_day_is_the_same(two_runs):
    orders = [outcome.result.orders[outcome.result.orders["decided"] <= LAST] for outcome in two_runs]
    decided = ["order", "decided", "asset", "rule", "quantity", "reference_price", "limit_price", "target_weight"]
    same(*(table[decided] for table in orders))
    decisions = [[item for item in outcome.result.decisions if item.session <= LAST] for outcome in two_runs]
    assert len(decisions[0]) == len(decisions[1]) > 10
    for first, second in zip(*decisions, strict=True):
        assert (first.session, first.rules) == (second.session, second.rules)
        np.testing.assert_array_equal(first.weights, second.weights)


@pytest.mark.parametrize("name", ["equity", "weights_after_fill", "quantities", "exposures", "conditions", "regimes"])
def test_the_book_up_to_the_day_is_the_same(name, two_runs):
    same(*(getattr(outcome.result, name).loc[:LAST] for outcome in two_runs))


def test_the_fills_up_to_the_day_are_the_same(two_runs):
    same(*(outcome.result.fills[outcome.result.fills["session"] <= LAST] for outcome in two_runs))


def test_the_events_up_to_the_day_are_the_same(two_runs):
    events = [outcome.result.events[outcome.result.events["session"] <= LAST] for outcome in two_runs]
    pd.testing.assert_frame_equal(*events, check_exact=True)


def test_the_predicted_risk_up_to_the_day_is_the_same(two_runs):
    risks = [outcome.judgement.risk[outcome.judgement.risk["session"] <= LAST] for outcome in two_runs]
    same(*risks)
    following = [outcome.judgement.risk[outcome.judgement.risk["session"] > LAST].head(2) for outcome in two_runs]
    predicted = ["session", "level", "value_at_risk", "expected_shortfall"]
    same(following[0][predicted], following[1][predicted])  # of the book held at the day, by its law as of the day


def test_the_baseline_up_to_the_day_is_the_same(two_runs):
    same(*(outcome.baseline.equity.loc[:LAST] for outcome in two_runs))
