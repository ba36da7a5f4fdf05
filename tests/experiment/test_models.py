"""From the settings of a model to its network, and a stored model back from its description."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch

from quantdl.config import load_config
from quantdl.distributions import MixtureForecast
from quantdl.experiment.models import build_network, fit_model, load_model
from quantdl.features import feature_table
from quantdl.market.panel import Panel
from quantdl.market.sources import load_sp500
from quantdl.models.settings import (
    BayesianSettings,
    ClassicalModel,
    ClassicalSettings,
    EnsembleSettings,
    FlowSettings,
    GjrSettings,
    GraphSettings,
    HistoricalSettings,
    ModelSettings,
    Network,
    TransformerSettings,
)
from quantdl.sequences import ReturnWindow
from quantdl.training.checkpoints import save_checkpoint
from quantdl.training.forecasting import forecast_sessions
from quantdl.training.splits import FitSpans, SplitBars

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.mark.parametrize("settings", get_args(Network))
def test_each_network_is_built_from_its_own_settings(settings):
    name = settings.__name__.replace("Settings", "Forecaster")
    assert type(build_network(settings(5), 25, 2)).__name__ == name


def test_a_model_is_a_network_or_a_volatility_model_or_an_ensemble():
    volatility = {choice for choice in get_args(ModelSettings) if issubclass(choice, ClassicalSettings)}
    assert volatility == set(get_args(ClassicalModel))
    assert set(get_args(ModelSettings)) - volatility == {*get_args(Network), EnsembleSettings}


def parameters(settings) -> int:
    return sum(parameter.numel() for parameter in build_network(settings, 25, 2).parameters())


@pytest.mark.parametrize(
    ("smaller", "larger"),
    [
        (TransformerSettings(5, width=16), TransformerSettings(5, width=32)),
        (TransformerSettings(5, layers=1), TransformerSettings(5, layers=2)),
        (FlowSettings(5, bins=4), FlowSettings(5, bins=8)),
        (GraphSettings(5, hops=1), GraphSettings(5, hops=2)),
        (BayesianSettings(5), BayesianSettings(5, network="sector_tree", layers=2)),
        (TransformerSettings(5, trailing_factors=1), TransformerSettings(5, trailing_factors=4)),
    ],
)
def test_what_the_settings_say_is_built(smaller, larger):
    assert parameters(smaller) < parameters(larger)


def test_the_weights_come_from_torchs_random_state():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        first = build_network(TransformerSettings(5), 25, 2).state_dict()
        torch.manual_seed(3)
        again = build_network(TransformerSettings(5), 25, 2).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)


def early_prices() -> tuple[Panel, SplitBars]:
    """Six stocks until 1993, and spans of them."""
    panel = load_sp500().until("1993-12-31")
    return panel.select(panel.assets[:6]), SplitBars(FitSpans(range(0, 700), range(699, 850)), range(849, 900))


def test_a_posterior_over_a_sector_tree_is_fitted_stored_and_read_back(tmp_path):
    config = load_config(CONFIGS / "quickstart.yaml")
    short = replace(config.training, epochs=1, warm_up_steps=5)
    panel, bars = early_prices()
    settings = BayesianSettings(5, network="sector_tree", width=8, heads=2, layers=1, members=3, posterior_steps=4)
    table = feature_table(panel, config.features.groups)
    block = fit_model(settings, panel, table, bars, config.model_copy(update={"training": short}))
    assert not torch.equal(block.fitted.model.members[0], block.fitted.model.members[1])
    save_checkpoint(tmp_path, block.fitted, block.architecture)
    again, architecture = load_model(tmp_path)
    assert architecture == block.architecture
    first, second = (
        forecast_sessions(fitted, block.histories, bars.test).law(panel.sessions[860], block.histories.windows[0])
        for fitted in (block.fitted, again)
    )
    assert isinstance(first, MixtureForecast) and len(first.members) == 3
    assert torch.equal(first.icdf(0.01), second.icdf(0.01))


def three_horizons(settings, tmp_path):
    """A model of three horizons, fitted and stored, and the law of each window before and after."""
    config = load_config(CONFIGS / "quickstart.yaml")
    short = replace(config.training, epochs=1, warm_up_steps=5)
    panel, bars = early_prices()
    table = feature_table(panel, config.features.groups)
    block = fit_model(settings, panel, table, bars, config.model_copy(update={"training": short}))
    save_checkpoint(tmp_path, block.fitted, block.architecture)
    again, _ = load_model(tmp_path)
    return [
        [forecast_sessions(fitted, block.histories, bars.test).law(panel.sessions[860], window) for window in WINDOWS]
        for fitted in (block.fitted, again)
    ]


WINDOWS = (ReturnWindow(0, 1), ReturnWindow(1, 5), ReturnWindow(1, 21))


@pytest.mark.parametrize(
    "settings",
    [
        TransformerSettings(5, width=8, heads=2, layers=1, also_horizons=(21,)),
        GjrSettings(5, also_horizons=(21,), refit="once"),
        HistoricalSettings(5, also_horizons=(21,)),
    ],
)
def test_one_model_answers_for_three_horizons_and_is_stored_with_them(settings, tmp_path):
    before, after = three_horizons(settings, tmp_path)
    assert all(torch.equal(first.icdf(0.01), second.icdf(0.01)) for first, second in zip(before, after, strict=True))
    day, week, month = (float(-law.icdf(0.01).mean()) for law in before)
    assert 1.5 * day < week < 4.0 * day and 1.4 * week < month < 3.5 * week


def test_a_config_that_trains_on_one_asset_a_row_gives_joint_laws_of_all_assets():
    config = load_config(CONFIGS / "quickstart_by_asset.yaml")
    assert config.training.rows_hold == "one_asset"
    short = replace(config.training, epochs=1, rows=20, warm_up_steps=5)
    panel, bars = early_prices()
    block = fit_model(
        TransformerSettings(5, width=8, heads=2, layers=1),
        panel,
        feature_table(panel, config.features.groups),
        bars,
        config.model_copy(update={"training": short}),
    )
    assert block.report is not None and np.isfinite(block.report.epochs[0].validation_loss)
    assert block.report.fitted_through == bars.fit.validation[-1]
    book = forecast_sessions(block.fitted, block.histories, bars.test)
    law = book.law(panel.sessions[bars.test[3]], block.histories.windows[0])
    assert law.event_shape == (6,)
    both = law.weighted_sum(torch.eye(6) + torch.eye(6).roll(1, 0)).variance[0]
    alone = law.weighted_sum(torch.eye(6)).variance[0]
    assert (both > alone + alone.roll(1)).all()  # the trailing factors join what was learned apart
