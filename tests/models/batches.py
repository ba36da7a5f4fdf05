"""Small batches of random histories in float64, one forecast at the last bar of each."""

import torch

from quantdl.sequences import Batch


def random_batch(
    rows: int = 2, assets: int = 3, length: int = 6, edges: tuple[tuple[int, int], ...] = (), seed: int = 0
) -> Batch:
    """Two features, two trailing factors, one window of a single bar; ``edges`` are (from, to) in the first row."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    return Batch(
        features=normal(rows, assets, length, 2),
        bar_index=torch.arange(length).expand(rows, assets, length),
        scale=0.01 * normal(rows, assets, length).exp(),
        returns=0.01 * normal(rows, assets, length),
        lengths=torch.full((rows, assets), length),
        row=torch.arange(rows),
        position=torch.full((rows, assets), length - 1),
        bar=torch.full((rows,), length - 1),
        window=torch.zeros(rows, dtype=torch.int64),
        window_bars=torch.ones(rows, dtype=torch.float64),
        present=torch.ones(rows, assets, dtype=torch.bool),
        trailing_loadings=normal(rows, assets, 2),
        target=0.01 * normal(rows, assets),
        target_observed=torch.ones(rows, assets, dtype=torch.bool),
        edge_index=torch.tensor(edges, dtype=torch.int64).reshape(-1, 2).T,
        edge_weight=torch.linspace(0.3, 0.8, len(edges), dtype=torch.float64),
        groups=torch.zeros((rows, assets, 0), dtype=torch.int64),
    )


def away_from_start(model: torch.nn.Module, size: float = 0.3) -> torch.nn.Module:
    """The model in float64, ready to forecast, its weights moved: many outputs are zero or one before training."""
    generator = torch.Generator().manual_seed(1)
    model = model.double().eval()
    for parameter in model.parameters():
        parameter.data.add_(size * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return model
