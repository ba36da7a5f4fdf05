"""The contract of a model: a torch module whose forward pass must be written."""

import pytest
import torch
from scipy import stats

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


@pytest.mark.parametrize(
    ("build", "settings"),
    [
        (TransformerForecaster, TransformerSettings(1, **SMALL)),
        (FlowForecaster, FlowSettings(1, **SMALL)),
        (GraphForecaster, GraphSettings(1, **SMALL)),
    ],
)
def test_before_training_every_network_returns_the_same_plain_law(build, settings):
    """Scale 0.8 of the trailing volatility, no drift: the quantile is that of scipy's Student-t."""
    batch = random_batch()
    model = build(2, 1, settings).double().eval()
    assert isinstance(model, Forecaster)
    with torch.no_grad():
        quantile = model(batch).icdf(torch.tensor(0.01, dtype=torch.float64))
    freedom = 2.05 + torch.nn.functional.softplus(torch.tensor(4.0, dtype=torch.float64)).item()
    expected = 0.8 * batch.scale[:, :, -1] * float(stats.t.ppf(0.01, freedom))
    torch.testing.assert_close(quantile, expected, rtol=1e-5, atol=0)  # splines are inverted to 3e-6
