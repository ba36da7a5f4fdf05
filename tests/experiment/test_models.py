"""From the settings of a model to its network, and a stored model back from its description."""

from typing import get_args

import pytest
import torch

from quantdl.experiment.models import build_network
from quantdl.models.settings import (
    FlowSettings,
    GraphSettings,
    ModelSettings,
    Network,
    TransformerSettings,
    VolatilityModel,
    VolatilitySettings,
)


@pytest.mark.parametrize("settings", get_args(Network))
def test_each_network_is_built_from_its_own_settings(settings):
    name = settings.__name__.replace("Settings", "Forecaster")
    assert type(build_network(settings(5), 25, 2)).__name__ == name


def test_a_model_is_a_network_or_a_volatility_model():
    volatility = {choice for choice in get_args(ModelSettings) if issubclass(choice, VolatilitySettings)}
    assert volatility == set(get_args(VolatilityModel))
    assert set(get_args(ModelSettings)) - volatility == set(get_args(Network))


def parameters(settings) -> int:
    return sum(parameter.numel() for parameter in build_network(settings, 25, 2).parameters())


@pytest.mark.parametrize(
    ("smaller", "larger"),
    [
        (TransformerSettings(5, width=16), TransformerSettings(5, width=32)),
        (TransformerSettings(5, layers=1), TransformerSettings(5, layers=2)),
        (FlowSettings(5, bins=4), FlowSettings(5, bins=8)),
        (GraphSettings(5, hops=1), GraphSettings(5, hops=2)),
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
