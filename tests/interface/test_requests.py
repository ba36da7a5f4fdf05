"""What is handed over becomes a config: where its prices stand, its spans, and what is known of the strategy."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from quantdl.backtest import Plan
from quantdl.errors import ConfigError
from quantdl.interface.laws import Laws
from quantdl.interface.prices import Prices
from quantdl.interface.requests import request
from quantdl.market.inspection.policies import Policies
from quantdl.training.settings import SplitDates
from tests.interface import typed_strategies as typed
from tests.interface.plans import drawn_prices, equally, six_stocks, small_plan


@pytest.fixture(scope="module")
def panel() -> Prices:
    return drawn_prices()


def test_bundled_prices_are_named_and_others_are_stored(panel: Prices) -> None:
    stocks = six_stocks()
    asked = request(stocks, small_plan(stocks), equally)
    data = asked.config.data
    assert (data.kind, data.assets, asked.prices) == ("sp500", stocks.assets, None)
    assert (data.start, data.end) == (date(2016, 1, 4), date(2016, 12, 30))
    asked = request(panel, small_plan(panel), equally)
    assert (asked.config.data.kind, asked.prices) == ("stored", panel)


def test_bundled_prices_that_were_changed_are_stored() -> None:
    stocks = six_stocks()
    changed = replace(stocks, fields={"close": 1.01 * stocks.closes})
    assert request(changed, small_plan(changed), equally).config.data.kind == "stored"


def test_policies_of_the_prices_are_those_of_the_config(panel: Prices) -> None:
    policies = Policies(stale_year="drop_asset")
    asked = request(panel.treat(policies), small_plan(panel), equally)
    assert asked.config.data.policies == policies


def test_without_a_model_the_spans_before_the_sample_are_its_last_two_sessions(panel: Prices) -> None:
    plan = small_plan(panel)
    splits = request(panel, plan, equally).config.splits
    first = int(panel.sessions.searchsorted(pd.Timestamp(plan.sample.first)))
    assert pd.Timestamp(splits.validation_end) == panel.sessions[first - 1]
    assert pd.Timestamp(splits.train_end) == panel.sessions[first - 2]
    own = SplitDates(date(2000, 2, 1), date(2000, 3, 1), splits.test_start, splits.test_end)
    assert request(panel, plan, equally, splits=own).config.splits == own


def test_with_laws_model_training_spans_and_seed_are_those_of_the_fit(simulated: Prices, ewma_laws: Laws) -> None:
    plan = small_plan(simulated)
    five = replace(plan, horizon=replace(plan.horizon, bars=5), sample=replace(plan.sample, purge_bars=6))
    config = request(simulated, five, equally, ewma_laws).config
    assert config.model == ewma_laws.settings
    assert config.seed == ewma_laws.seed
    assert pd.Timestamp(config.splits.train_end) == simulated.sessions[250]
    assert pd.Timestamp(config.splits.validation_end) == simulated.sessions[300]


def test_what_a_strategy_reads_from_outside_is_tried_where_it_has_dates_and_named(panel: Prices) -> None:
    table = pd.DataFrame(panel.closes, panel.sessions)
    given = request(panel, small_plan(panel), typed.closing_over(table)).given
    assert given.outside.keys() == {"data"}
    assert "reads `data` (DataFrame) from outside its view, and how its rows were made is not seen" in given.unseen[0]
    given = request(panel, small_plan(panel), typed.closing_over({})).given
    assert (given.outside, given.unseen) == ({}, ())  # an empty mapping is written out
    given = request(panel, small_plan(panel), typed.closing_over(object())).given
    assert given.outside == {}
    assert "its rows have no dates that the audit understands" in given.unseen[0]
    given = request(panel, small_plan(panel), typed.closing_over(panel)).given
    assert (given.outside.keys(), given.unseen) == ({"data"}, ())  # the prices of the run themselves


def test_a_run_may_be_put_among_others(panel: Prices) -> None:
    asked = request(panel, small_plan(panel), equally)
    assert asked.among(Path("elsewhere")).runs_root == Path("elsewhere")
    assert asked.config.runs_root == Path("runs")


def for_five_bars(panel: Prices, beyond: float = 5.0) -> Plan:
    plan = small_plan(panel)
    horizon, sample = replace(plan.horizon, bars=5), replace(plan.sample, purge_bars=6)
    trust = replace(plan.trusted_data, unconfirmed_beyond=beyond)
    return replace(plan, horizon=horizon, sample=sample, trusted_data=trust)


def test_laws_that_the_stored_run_would_not_fit_again_are_refused(simulated: Prices, ewma_laws: Laws) -> None:
    with pytest.raises(ConfigError, match="^laws: made under other policies"):
        request(simulated.treat(Policies(stale_year="drop_asset")), for_five_bars(simulated), equally, ewma_laws)
    other = replace(simulated, fields={"close": 1.01 * simulated.closes})
    assert ewma_laws.recipe is not None
    elsewhere = replace(ewma_laws, recipe=replace(ewma_laws.recipe, prices=other))
    with pytest.raises(ConfigError, match="^laws: their model was fitted on other prices"):
        request(simulated, for_five_bars(simulated), equally, elsewhere)
    until = replace(ewma_laws, recipe=replace(ewma_laws.recipe, prices=simulated.until(simulated.sessions[350])))
    assert request(simulated, for_five_bars(simulated), equally, until).config.model == ewma_laws.settings
    with pytest.raises(ConfigError, match=r"unconfirmed_beyond: given 3\.0; expected 5\.0"):
        request(simulated, for_five_bars(simulated, beyond=3.0), equally, ewma_laws)
    plan = for_five_bars(simulated)
    fitted = request(simulated, plan, equally, ewma_laws).config.splits
    early = replace(fitted, train_end=date(2000, 6, 1), validation_end=date(2000, 9, 1))
    with pytest.raises(ConfigError, match=r"splits\.train_end: given 2000-06-01; expected 20.*\n.*validation_end"):
        request(simulated, plan, equally, ewma_laws, splits=early)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"data": {"kind": "sp500"}}, "^settings: data is said by the argument panel"),
        (
            {"plan": {}, "strategy": {}},
            "(?s)plan is said by the argument plan.*strategy is said by the argument",
        ),
        ({"seed": 3}, "^settings: seed is said by the argument laws"),
        ({"model": {"kind": "ewma_t"}}, "^settings: model is said by the argument laws"),
        ([1], "^settings: given list; expected further keys of a config"),
    ],
)
def test_settings_do_not_contradict_what_is_handed_over(
    settings: Mapping[str, object], message: str, simulated: Prices, ewma_laws: Laws
) -> None:
    with pytest.raises(ConfigError, match=message):
        request(simulated, for_five_bars(simulated), equally, ewma_laws, settings=settings)
