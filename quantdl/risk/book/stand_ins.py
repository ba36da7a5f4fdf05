"""What stands in for an asset that a law leaves out: its own past returns, worst where the rest of a book is worst."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from quantdl.risk.measures.scenarios import Scenarios


def worst_together(book: Tensor, own: np.ndarray) -> Tensor:
    """Order an asset's own losses as a book's are ordered: nothing is hedged by what is not known.

    Args:
        book: (S,) losses of the rest of the book.
        own: (N,) past losses of the asset.

    Returns:
        (S,) quantiles of ``own``, the largest where the largest of ``book`` is.

    Example:
        >>> worst_together(torch.tensor([0.3, -0.1, 0.1]), np.array([0.0, 0.02, 0.04])).tolist()
        [0.03333333333333333, 0.006666666666666666, 0.02]
    """
    quantiles = np.quantile(own, (np.arange(len(book)) + 0.5) / len(book))
    return torch.from_numpy(quantiles)[book.argsort().argsort()]


def with_stand_ins(scenarios: Scenarios, weights: Tensor, past: Mapping[int, np.ndarray]) -> Scenarios:
    """Fill the columns of held assets of which the scenarios know nothing.

    The filled column belongs to this book: where its position loses most, the rest of the book does.

    Args:
        scenarios: Equally likely ones.
        weights: (A,) fractions of equity.
        past: (N,) past simple returns over windows as long as that of the scenarios, by the asset's number.

    Raises:
        ValueError: If the scenarios are not equally likely, or an asset has no past return.
    """
    if not past:
        return scenarios
    if scenarios.probabilities is not None:
        raise ValueError("stand-ins are ordered with equally likely scenarios; these have probabilities.")
    short = [scenarios.assets[asset] for asset, own in past.items() if not len(own)]
    if short:
        raise ValueError(f"nothing stands in for {', '.join(short)}: no past return.")
    weights = weights.double()
    returns = scenarios.returns.clone()
    losses = scenarios.losses(torch.where(scenarios.known, weights, 0.0))
    for asset, own in past.items():
        weight = float(weights[asset])
        position = worst_together(losses, -weight * own)
        returns[:, asset] = -position / weight
        losses = losses + position
    return replace(scenarios, returns=returns)
