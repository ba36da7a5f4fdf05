"""Measures of drawdowns against tables by hand, a published series and loops that say what is meant."""

import math

import numpy as np
import pytest
import torch
from arch.data import sp500
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as arrays

from quantdl.risk.measures.drawdowns import (
    average_drawdown,
    conditional_drawdown_at_risk,
    drawdown_path,
    maximum_drawdown,
    pain,
    ulcer_index,
    value_path,
)

MEASURES = [average_drawdown, conditional_drawdown_at_risk, maximum_drawdown, pain, ulcer_index]
PATHS = arrays.arrays(
    np.float64, st.integers(21, 60).map(lambda n: (n, 2)), elements=st.floats(0.5, 2.0, allow_nan=False)
)


def spells_of(values):
    """Deepest drawdown of every spell below a high, by a loop."""
    high, deepest, found = values[0], 0.0, []
    for value in values[1:]:
        if value >= high:
            found += [deepest] if deepest else []
            high, deepest = value, 0.0
        else:
            deepest = max(deepest, 1.0 - value / high)
    return found + ([deepest] if deepest else [])


def test_a_loss_on_the_first_day_is_a_drawdown_of_returns():
    assert float(maximum_drawdown(value_path(torch.tensor([-0.10], dtype=torch.float64)))) == pytest.approx(0.10)


def test_prices_have_no_phantom_start():
    prices = torch.tensor([5000.0, 5100.0, 4900.0, 5200.0, 4800.0, 5050.0])
    assert float(maximum_drawdown(prices)) == pytest.approx(0.076923, abs=1e-6)


def test_maximum_drawdown_of_the_sp500_is_the_published_one():
    close = torch.from_numpy(sp500.load()["Adj Close"].to_numpy(dtype=np.float64, copy=True))
    assert float(maximum_drawdown(close)) == pytest.approx(0.567753878, abs=1e-9)
    assert int(drawdown_path(close).argmax()) + 1 == int(sp500.load().index.get_loc("2009-03-09"))


def test_every_measure_of_a_path_by_hand():
    values = torch.tensor([100.0, 90.0, 80.0, 110.0, 99.0, 121.0], dtype=torch.float64)
    torch.testing.assert_close(drawdown_path(values), torch.tensor([0.1, 0.2, 0.0, 0.1, 0.0], dtype=torch.float64))
    found = [float(measure(values)) for measure in (average_drawdown, maximum_drawdown, pain, ulcer_index)]
    assert found == pytest.approx([0.15, 0.2, 0.08, math.sqrt(0.06 / 5)])
    assert float(conditional_drawdown_at_risk(values, 0.7)) == pytest.approx((0.2 + 0.5 * 0.1) / 1.5)


@settings(deadline=None, max_examples=30)
@given(PATHS)
def test_average_drawdown_is_the_mean_over_spells(paths):
    found = average_drawdown(torch.from_numpy(paths)).tolist()
    spells = [spells_of(path.tolist()) for path in paths.T]
    assert found == pytest.approx([float(np.mean(each)) if each else 0.0 for each in spells])


@settings(deadline=None, max_examples=30)
@given(PATHS)
def test_conditional_drawdown_lies_between_the_mean_and_the_deepest(paths):
    values = torch.from_numpy(paths)
    found = conditional_drawdown_at_risk(values)
    assert (pain(values) <= found + 1e-12).all() and (found <= maximum_drawdown(values) + 1e-12).all()
    assert (pain(values) <= ulcer_index(values) + 1e-12).all()


@settings(deadline=None, max_examples=30)
@given(PATHS, st.floats(0.1, 1e6))
def test_the_currency_plays_no_part(paths, size):
    values = torch.from_numpy(paths)
    for measure in MEASURES:
        torch.testing.assert_close(measure(size * values), measure(values), rtol=1e-9, atol=1e-12)


def test_a_path_that_only_rises_has_no_drawdown():
    values = torch.arange(1.0, 31.0)
    assert [float(measure(values)) for measure in MEASURES] == [0.0] * 5


@pytest.mark.parametrize("measure", MEASURES)
def test_derivatives_by_the_path_are_right(measure):
    values = torch.from_numpy(np.random.default_rng(0).uniform(1.0, 2.0, (25, 2))).requires_grad_()
    assert torch.autograd.gradcheck(measure, (values,))


def test_the_ulcer_index_of_a_rising_path_has_a_finite_derivative():
    values = torch.arange(1.0, 31.0, requires_grad=True)
    (slope,) = torch.autograd.grad(ulcer_index(values), values)
    assert bool(torch.isfinite(slope).all())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: value_path(torch.tensor([-1.5])), "not below -1"),
        (lambda: value_path(torch.tensor([])), "at least one return"),
        (lambda: maximum_drawdown(torch.tensor([1.0])), "at least 2 values"),
        (lambda: pain(torch.tensor([0.0, 1.0])), "not start at zero"),
        (lambda: pain(torch.tensor([1.0, math.nan])), "finite"),
        (lambda: conditional_drawdown_at_risk(torch.arange(1.0, 11.0), 0.95), "at least 20 losses"),
    ],
)
def test_bad_paths_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
