"""Correlation models: the recursion of dynamic correlation written out, missing innovations, and what is read when."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from quantdl.models.classical.correlation import (
    ConstantCorrelation,
    DynamicCorrelation,
    by_session_of,
    correlation_recursion,
    scaled_to_correlation,
)
from quantdl.sequences import Batch
from tests.models.batches import random_batch

TARGET = np.array([[1.0, 0.5, 0.2], [0.5, 1.0, -0.1], [0.2, -0.1, 1.0]])
NEWS, MEMORY = 0.05, 0.9


def innovations_of(length: int, seed: int = 0) -> torch.Tensor:
    return torch.randn((2, 3, length), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def model_of(n_sets: int = 1) -> DynamicCorrelation:
    model = DynamicCorrelation(3, n_sets)
    model.target.copy_(torch.from_numpy(TARGET))
    model.news.fill_(NEWS)
    model.memory.fill_(MEMORY)
    return model


def law_of(model, batch: Batch, innovations: torch.Tensor, refit=(0, 0)):
    number = torch.tensor(refit)
    sets, position = number.unique(return_inverse=True)
    return model(batch, number, sets, position, innovations[None].expand(len(sets), -1, -1, -1))


def by_hand(innovations: np.ndarray) -> np.ndarray:
    """Q after all sessions (T, A); what is missing counts as expected."""
    matrix = TARGET.copy()
    for session in innovations:
        product = np.outer(session, session)
        product = np.where(np.isnan(product), TARGET, product)
        matrix = (1 - NEWS - MEMORY) * TARGET + NEWS * product + MEMORY * matrix
    size = np.sqrt(np.diag(matrix))
    return matrix / np.outer(size, size)


def test_the_correlation_is_the_recursion_up_to_the_forecasts_bar():
    batch, innovations = random_batch(length=9), innovations_of(9)
    batch = replace(batch, bar=torch.tensor([8, 4]), position=torch.tensor([[8] * 3, [4] * 3]))
    found = law_of(model_of(), batch, innovations).correlation().numpy()
    np.testing.assert_allclose(found[0], by_hand(innovations[0].numpy().T), rtol=1e-12)
    np.testing.assert_allclose(found[1], by_hand(innovations[1, :, :5].numpy().T), rtol=1e-12)


def test_later_innovations_change_nothing():
    batch, innovations = random_batch(length=9), innovations_of(9)
    batch = replace(batch, bar=torch.tensor([5, 5]))
    changed = innovations.clone()
    changed[..., 6:] = 5.0
    first, second = (law_of(model_of(), batch, values).correlation() for values in (innovations, changed))
    assert torch.equal(first, second)


def test_an_asset_without_a_session_is_given_its_expectation():
    """The last asset of the first row trades at bars 0, 1, 5 and 6 only."""
    batch, innovations = random_batch(length=7), innovations_of(7)
    index = batch.bar_index.clone()
    index[0, 2] = torch.tensor([0, 1, 5, 6, 6, 6, 6])
    lengths = batch.lengths.clone()
    lengths[0, 2] = 4
    batch = replace(batch, bar_index=index, lengths=lengths)
    laid_out = innovations[0].numpy().T.copy()
    laid_out[:, 2] = np.nan
    laid_out[[0, 1, 5, 6], 2] = innovations[0, 2, :4]
    bars, found = by_session_of(batch, 0, innovations[0])
    np.testing.assert_array_equal(found.numpy(), laid_out)
    assert bars.tolist() == list(range(7))
    law = law_of(model_of(), batch, innovations)
    np.testing.assert_allclose(law.correlation()[0].numpy(), by_hand(laid_out), rtol=1e-12)


def test_each_forecast_has_the_parameters_of_its_own_refit():
    model = model_of(n_sets=3)
    model.news[2], model.freedom[2] = 0.2, 5.0
    batch, innovations = random_batch(length=6), innovations_of(6)
    law = law_of(model, batch, innovations, refit=(2, 0))
    assert law.degrees_of_freedom.tolist() == [5.0, 8.0]
    recursion = [*correlation_recursion(innovations[0].T, torch.from_numpy(TARGET), 0.2, MEMORY)]
    torch.testing.assert_close(law.correlation()[0], scaled_to_correlation(recursion[-1]))
    np.testing.assert_allclose(law.correlation()[1].numpy(), by_hand(innovations[1].numpy().T), rtol=1e-12)


def test_no_innovation_counts_for_more_than_six_deviations():
    crash = torch.zeros(1, 3, dtype=torch.float64)
    crash[0, :2] = -60.0
    bounded = crash.clamp(min=-6.0)
    first, second = (
        [*correlation_recursion(values, torch.eye(3).double(), NEWS, MEMORY)][-1] for values in (crash, bounded)
    )
    assert torch.equal(first, second)


@pytest.mark.parametrize("size", [0.0, 1.0, 30.0])
def test_matrices_stay_correlations(size):
    batch = random_batch(length=40)
    batch = replace(batch, bar=torch.tensor([39, 39]))
    found = law_of(model_of(), batch, size * innovations_of(40, seed=3)).correlation()
    assert torch.allclose(found.diagonal(dim1=1, dim2=2), torch.ones(2, 3).double())
    assert (torch.linalg.eigvalsh(found) > 0).all()


def test_the_constant_correlation_is_that_of_the_refit():
    model = ConstantCorrelation(3, 2, 1)
    model.loadings[1, :, 0] = torch.tensor([1.0, 2.0, 0.0])
    law = law_of(model, random_batch(), innovations_of(6), refit=(0, 1))
    torch.testing.assert_close(law.correlation()[0], torch.eye(3).double())
    assert law.correlation()[1, 0, 1].item() == pytest.approx(2.0 / np.sqrt(2.0 * 5.0))
