"""From an import to the value at risk of an equal-weight book under a fitted transformer, in ten lines."""

import inspect

import pytest

from tests.interface.conftest import TINY
from tests.small_experiment import ASSETS


def ten_lines(settings, assets):
    import quantdl as qd

    panel = qd.load_sp500().select(assets)
    model = qd.Transformer(horizon=5, **settings)
    model.fit(panel, train_end="2016-12-30", validation_end="2018-12-31")
    laws = model.forecast(panel, "2019-01-02", "2022-12-28")
    return qd.risk("equal", laws, level=0.99)


def test_there_are_at_most_ten_and_none_about_tensors():
    _, *body = [line for line in inspect.getsource(ten_lines).splitlines() if line.strip()]
    assert len(body) <= 10
    assert not any(word in line for line in body for word in ("torch", "tensor", "Histories", "Settings", "yaml"))


def test_a_small_network_says_what_equal_weight_may_lose():
    risk = ten_lines({**TINY, "epochs": 1, "context": 8, "rows": 16}, ASSETS[:2])
    assert 0.005 < risk.value_at_risk < 0.08
    assert risk.record.basis.fitted_through.isoformat() == "2018-12-31"
    assert risk.record.basis.session.isoformat() == "2022-12-28"


@pytest.mark.slow
def test_the_defaults_say_what_equal_weight_may_lose():
    import quantdl as qd

    risk = ten_lines({}, qd.load_sp500().assets)
    assert 0.005 < risk.value_at_risk < 0.08
    assert risk.value_at_risk_error < 0.05 * risk.value_at_risk
