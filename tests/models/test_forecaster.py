"""The contract of a model: a torch module whose forward pass must be written."""

import pytest
import torch
from scipy import stats

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


def test_before_training_the_flow_returns_a_plain_law():
    """Scale 0.8 of the trailing volatility, no drift: the quantile is that of scipy's Student-t."""
    quantile = law_before_training(FlowForecaster, FlowSettings(1, **SMALL)).icdf(0.01)
    freedom = 2.05 + torch.nn.functional.softplus(torch.tensor(4.0, dtype=torch.float64)).item()
    expected = 0.8 * random_batch().scale[:, :, -1] * float(stats.t.ppf(0.01, freedom))
    torch.testing.assert_close(quantile, expected, rtol=1e-5, atol=0)  # splines are inverted to 3e-6


def test_before_training_transformer_and_graph_return_the_same_law():
    """Whatever their encoders: every head begins at zero. `test_transformer.py` has the law by hand."""
    transformer = law_before_training(TransformerForecaster, TransformerSettings(1, **SMALL))
    graph = law_before_training(GraphForecaster, GraphSettings(1, **SMALL))
    for level in (0.01, 0.5, 0.99):
        torch.testing.assert_close(transformer.icdf(level), graph.icdf(level))
    torch.testing.assert_close(transformer.log_prob(random_batch().target), graph.log_prob(random_batch().target))
