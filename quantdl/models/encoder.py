"""A causal transformer over each asset's own history."""

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from quantdl.models.settings import NetworkSettings
from quantdl.sequences import Batch


class Standardisation(nn.Module):
    """Features less their mean in training, over their standard deviation there, clamped to six on either side."""

    mean: Tensor
    spread: Tensor

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("spread", torch.ones(n_features))

    def fit(self, mean: Tensor, deviation: Tensor) -> None:
        """Set the mean and the standard deviation, each (F,), of the features in training."""
        self.mean.copy_(mean)
        self.spread.copy_(deviation.clamp(min=1e-3))

    def forward(self, features: Tensor) -> Tensor:
        """Any shape (..., F) to the same shape."""
        scaled: Tensor = ((features - self.mean) / self.spread).clamp(-6.0, 6.0)
        return scaled


class CausalEncoder(nn.Module):
    """Encode every position of every history from that position and earlier ones.

    Padding comes after the observed bars and no position reads later ones, so no padding mask is needed. Distance in
    time enters through rotary embeddings of the bar index: a gap in trading turns the phase by its true length.

    Attributes:
        autocast: Precision in which it computes, set for the time of a training step; None for that of its inputs.
    """

    def __init__(self, n_features: int, settings: NetworkSettings) -> None:
        super().__init__()
        self.checkpoint_activations = settings.checkpoint_activations
        self.scaler = Standardisation(n_features)
        self.enter = nn.Linear(n_features, settings.width)
        self.blocks = nn.ModuleList([_Block(settings) for _ in range(settings.layers)])
        self.norm = nn.LayerNorm(settings.width)
        self.autocast: torch.dtype | None = None

    def forward(self, batch: Batch) -> Tensor:
        """Give (R, A, L, width)."""
        if self.autocast is None:
            return self._encode(batch)
        with torch.autocast(batch.features.device.type, self.autocast):
            return self._encode(batch).to(batch.features.dtype)

    def _encode(self, batch: Batch) -> Tensor:
        rows, assets, length, n_features = batch.features.shape
        hidden = self.enter(self.scaler(batch.features).reshape(rows * assets, length, n_features))
        phase = batch.bar_index.reshape(rows * assets, length)
        for block in self.blocks:
            if self.checkpoint_activations and torch.is_grad_enabled():
                hidden = checkpoint(block, hidden, phase - phase[:, :1], use_reentrant=False)
            else:
                hidden = block(hidden, phase - phase[:, :1])
        encoded: Tensor = self.norm(hidden)
        return encoded.reshape(rows, assets, length, -1)


class _Block(nn.Module):
    """Attention and a feed-forward network, each on a normalised copy of the stream it adds to."""

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self.heads, width = settings.heads, settings.width
        self.norm_attention, self.norm_feed = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query_key_value, self.leave = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.feed = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.dropout = nn.Dropout(settings.dropout)

    def forward(self, hidden: Tensor, bar: Tensor) -> Tensor:
        sequences, length, width = hidden.shape
        packed = self.query_key_value(self.norm_attention(hidden)).view(sequences, length, 3, self.heads, -1)
        packed = packed.permute(2, 0, 3, 1, 4)
        (query, key), value = rotate(packed[:2], bar), packed[2]  # together, by the same angles
        attended = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        hidden = hidden + self.dropout(self.leave(attended.transpose(1, 2).reshape(sequences, length, width)))
        updated: Tensor = hidden + self.dropout(self.feed(self.norm_feed(hidden)))
        return updated


def rotate(vectors: Tensor, bar: Tensor) -> Tensor:
    """Rotary position embedding (Su et al., 2021, https://arxiv.org/abs/2104.09864) at bar numbers.

    Shape:
        - vectors: (*, N, heads, L, width), width even
        - bar: (N, L)
    """
    half = vectors.shape[-1] // 2
    precise = torch.promote_types(vectors.dtype, torch.float32)  # a bar number has more digits than a short float
    frequency = 1000.0 ** (-torch.arange(half, device=vectors.device, dtype=precise) / half)
    angle = (bar.to(precise)[..., None] * frequency)[:, None]
    cos, sin = angle.cos().to(vectors.dtype), angle.sin().to(vectors.dtype)
    first, second = vectors[..., :half], vectors[..., half:]
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)
