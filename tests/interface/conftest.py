"""What the tests of the interface share: a tiny fitted network on real prices, and a quick econometric model."""

import numpy as np
import pytest

import quantdl as qd
from quantdl.simulation import panel_of_closes
from tests.panels import closes_of, heavy_tailed_returns
from tests.small_experiment import ASSETS

TINY = {"width": 8, "heads": 2, "layers": 1, "context": 32, "epochs": 2, "rows": 4}
"""The network of the small experiment."""


@pytest.fixture(scope="session")
def prices():
    """The prices of the small experiment."""
    return qd.load_sp500().select(ASSETS).between("2010-01-04", "2022-12-28")


@pytest.fixture(scope="session")
def model(prices):
    """The network of the small experiment, fitted as there."""
    return qd.Transformer(horizon=5, **TINY).fit(prices, train_end="2015-12-31", validation_end="2016-06-30")


@pytest.fixture(scope="session")
def laws(model, prices):
    """Its laws of the test span of the small experiment."""
    return model.forecast(prices, "2016-07-01", "2016-12-30")


@pytest.fixture(scope="session")
def simulated():
    """Prices of two assets over 420 sessions, of which the second one stops for a while."""
    closes = closes_of(heavy_tailed_returns(419, 2, seed=5))
    closes[400:410, 1] = np.nan
    return qd.Prices.of(panel_of_closes(closes))


@pytest.fixture(scope="session")
def ewma(simulated):
    """An econometric model that is fitted in no time."""
    ends = {"train_end": simulated.sessions[250].date(), "validation_end": simulated.sessions[300].date()}
    return qd.EwmaT(horizon=5, refit="once").fit(simulated, **ends)


@pytest.fixture(scope="session")
def ewma_laws(ewma, simulated):
    """Its laws of what comes after."""
    return ewma.forecast(simulated, simulated.sessions[301], simulated.sessions[-1])
