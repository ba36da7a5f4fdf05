"""The contract of a model: a torch module whose forward pass must be written."""

import pytest
import torch

from quantdl.distributions import Forecast
from quantdl.models.flow import FlowForecaster
from quantdl.models.forecaster import Forecaster
from quantdl.models.graph import GraphForecaster
from quantdl.models.settings import FlowSettings, GraphSettings, TransformerSettings
from quantdl.models.transformer import TransformerForecaster
from tests.models.batches import random_batch

SMALL = {"width": 8, "heads": 2, "trailing_factors": 2}


def test_a_model_without_a_forward_pass_cannot_be_made():
    class Empty(Forecaster):
        pass

    with pytest.raises(TypeError, match="abstract method '?forward'?"):
        Empty()


def law_before_training(build, settings) -> Forecast:
    model = build(2, 1, settings).double().eval()
    assert isinstance(model, Forecaster)
    with torch.no_grad():
        return model(random_batch())


@pytest.mark.parametrize(("build", "settings"), [(GraphForecaster, GraphSettings), (FlowForecaster, FlowSettings)])
def test_before_training_all_networks_return_the_law_of_the_transformer(build, settings):
    """Whatever their encoders: every head begins at zero. `test_transformer.py` has the law by hand."""
    transformer = law_before_training(TransformerForecaster, TransformerSettings(1, **SMALL))
    other = law_before_training(build, settings(1, **SMALL))
    for level in (0.01, 0.5, 0.99):
        torch.testing.assert_close(transformer.icdf(level), other.icdf(level), rtol=1e-5, atol=1e-9)
    target = random_batch().target
    torch.testing.assert_close(transformer.log_prob(target), other.log_prob(target), rtol=1e-5, atol=1e-5)
