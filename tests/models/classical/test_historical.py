"""Historical simulation draws the returns it should, and nothing after the forecast."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from quantdl.models.classical.historical import FilteredHistoricalForecaster, HistoricalForecaster, sums_of_bars
from quantdl.models.classical.volatility import VolatilityDesign
from quantdl.sequences import NEXT_SESSION, Batch, position_window
from tests.models.batches import random_batch

WINDOWS = (NEXT_SESSION, position_window(3))


def batch_of(bar: int, window: int, length: int = 60) -> Batch:
    batch = random_batch(rows=1, length=length)
    return replace(
        batch,
        bar=torch.tensor([bar]),
        position=torch.full((1, 3), bar),
        window=torch.tensor([window]),
        window_bars=torch.tensor([float(WINDOWS[window].bars)]).double(),
    )


def test_the_last_returns_up_to_the_forecast_are_drawn():
    batch = batch_of(45, window=0)
    law = HistoricalForecaster(WINDOWS, 30)(batch)
    drawn = law.resamples.centers(torch.tensor([0]))[0]
    torch.testing.assert_close(drawn, batch.returns[0, :, 16:46].T)
    expected = batch.returns[0, :, 16:46].mean(1)
    torch.testing.assert_close(law.mean[0], expected)


def test_a_longer_window_draws_overlapping_returns_of_as_many_bars():
    batch = batch_of(45, window=1)
    drawn = HistoricalForecaster(WINDOWS, 30)(batch).resamples.centers(torch.tensor([0]))[0]
    for row, last in enumerate(range(16, 46)):
        torch.testing.assert_close(drawn[row], batch.returns[0, :, last - 2 : last + 1].sum(1))


@pytest.mark.parametrize("window", [0, 1])
def test_later_returns_change_nothing(window):
    batch = batch_of(45, window)
    changed = batch.returns.clone()
    changed[..., 46:] = 1.0
    first, second = (
        HistoricalForecaster(WINDOWS, 30)(one).icdf(0.05) for one in (batch, replace(batch, returns=changed))
    )
    assert torch.equal(first, second)


def test_a_history_shorter_than_the_window_is_drawn_from_as_it_is():
    law = HistoricalForecaster(WINDOWS, 250)(batch_of(45, 0))
    assert law.resamples.counts(torch.tensor([0]))[0].tolist() == [46, 46, 46]
    batch = batch_of(0, 0)
    quantile = HistoricalForecaster(WINDOWS, 250)(batch).icdf(0.05)[0]
    scale = batch.scale[0, :, 0]  # of one return alone the trailing volatility tells the spread
    expected = batch.returns[0, :, 0] - 1.65 * 0.9 * scale
    torch.testing.assert_close(quantile, expected, rtol=0.0, atol=0.2 * float(scale.max()))


def test_sums_of_bars_by_hand():
    returns = torch.tensor([[1.0], [2.0], [torch.nan], [4.0], [5.0], [6.0]])
    found = sums_of_bars(returns, 2)[:, 0].tolist()
    np.testing.assert_array_equal(found, [np.nan, 3.0, np.nan, np.nan, 9.0, 11.0])
    assert sums_of_bars(returns, 1) is returns
    assert torch.isnan(sums_of_bars(returns[:2], 5)).all()


def filtered_model() -> FilteredHistoricalForecaster:
    model = FilteredHistoricalForecaster(3, 2, WINDOWS, 40, VolatilityDesign(factors=1))
    volatility = model.volatility
    for name, value in (("omega", 2e-6), ("alpha", 0.1), ("beta", 0.85), ("mean", 1e-3)):
        getattr(volatility, name).fill_(value)
    volatility.expected_constant.copy_(volatility.omega)
    volatility.persistence.fill_(0.95)
    volatility.fitted_through.copy_(torch.tensor([10, 40]))
    generator = torch.Generator().manual_seed(4)
    model.standardised.copy_(torch.randn(model.standardised.shape, generator=generator, dtype=torch.float64))
    return model


@pytest.mark.parametrize(("bar", "refit"), [(20, 0), (40, 1), (50, 1)])
@pytest.mark.parametrize("window", [0, 1])
def test_filtered_draws_are_the_refits_standardised_returns_times_the_volatility_of_the_day(bar, refit, window):
    model, batch = filtered_model(), batch_of(bar, window)
    law = model(batch)
    drawn = law.location + law.scale * law.resamples.centers(torch.tensor([0]))
    variance = batch.scale[0, :, 0].numpy() ** 2
    for value in batch.returns[0, :, 1 : bar + 1].numpy().T:
        variance = 2e-6 + 0.1 * (value - 1e-3) ** 2 + 0.85 * variance
    ahead = [variance]
    for _ in range(3):
        ahead.append(2e-6 + 0.95 * ahead[-1])
    total = ahead[0] if window == 0 else sum(ahead[1:])
    expected = WINDOWS[window].bars * 1e-3 + np.sqrt(total) * model.standardised[refit, window].numpy()
    np.testing.assert_allclose(drawn[0].numpy(), expected, rtol=1e-9)
