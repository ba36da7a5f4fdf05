"""A causal transformer over each asset's own history, which may read the other assets of each session."""

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from quantdl.models.cross_section import SharedSessions, cross_section
from quantdl.models.settings import NetworkSettings
from quantdl.sequences import Batch

_NEVER_VARIED = 1e30  # divides what did not vary in training; finite, so that means of weights can be taken


class Standardisation(nn.Module):
    """Features less their mean in training, over their standard deviation there, clamped to six on either side.

    A feature that did not vary in training is 0 ever after: nothing was learnt of what it says when it moves.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("spread", torch.ones(n_features))

    def fit(self, mean: Tensor, deviation: Tensor) -> None:
        """Set the mean and the standard deviation, each (F,), of the features in training."""
        self.mean.copy_(mean)
        self.spread.copy_(deviation.clamp(min=1e-3).masked_fill(deviation < 1e-6, _NEVER_VARIED))

    def forward(self, features: Tensor) -> Tensor:
        """Any shape (..., F) to the same shape."""
        scaled: Tensor = ((features - self.mean) / self.spread).clamp(-6.0, 6.0)
        return scaled


class CausalEncoder(nn.Module):
    """Encode every position of every history from that position and earlier ones.

    Each asset reads its own history. With ``cross_section`` its bars also read those of the other assets in the same
    session, before every block, so through those it reads what was before them.

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
        across = [cross_section(settings) for _ in self.blocks]
        self.cross_sections = nn.ModuleList([module for module in across if module is not None])
        self.norm = nn.LayerNorm(settings.width)
        self.autocast: torch.dtype | None = None

    def forward(self, batch: Batch) -> Tensor:
        """Give (R, A, Q, width), of the positions that the batch reads, or of all L of them.

        Others are encoded only as far as those read look back at them: the last block asks for the former alone.
        """
        if self.autocast is None:
            return self._encode(batch)
        with torch.autocast(batch.features.device.type, self.autocast):
            return self._encode(batch).to(batch.features.dtype)

    def _encode(self, batch: Batch) -> Tensor:
        rows, assets, length, n_features = batch.features.shape
        hidden = self.enter(self.scaler(batch.features).reshape(rows * assets, length, n_features))
        phase = batch.bar_index.reshape(rows * assets, length)
        asked = None if batch.reads is None else batch.reads.positions(length).flatten(0, 1)
        sessions = SharedSessions.of(batch) if len(self.cross_sections) else None
        last = len(self.blocks) - 1
        for number in range(len(self.blocks)):
            inputs = (number, hidden, phase - phase[:, :1], asked if number == last else None, sessions)
            if self.checkpoint_activations and torch.is_grad_enabled():
                hidden = checkpoint(self._layer, *inputs, use_reentrant=False)
            else:
                hidden = self._layer(*inputs)
        encoded: Tensor = self.norm(hidden)
        return encoded.reshape(rows, assets, -1, encoded.shape[-1])

    def _layer(
        self, number: int, hidden: Tensor, bar: Tensor, asked: Tensor | None, sessions: SharedSessions | None
    ) -> Tensor:
        """Let the assets of each session tell each other, if they do, then each look back at its own bars."""
        if sessions is not None:
            hidden = self.cross_sections[number](hidden, sessions)
        updated: Tensor = self.blocks[number](hidden, bar, asked)
        return updated


class _Block(nn.Module):
    """Attention and a feed-forward network, each on a normalised copy of the stream it adds to.

    Where positions are asked for, (N, Q), it gives those alone, (N, Q, width): they attend to all at or before them.
    """

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self.heads, width = settings.heads, settings.width
        self.norm_attention, self.norm_feed = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query_key_value, self.leave = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.feed = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.dropout = nn.Dropout(settings.dropout)

    def forward(self, hidden: Tensor, bar: Tensor, asked: Tensor | None = None) -> Tensor:
        if asked is None:
            attended = self._attend_to_all(hidden, bar)
        else:
            attended, hidden = self._attend_from(asked, hidden, bar)
        hidden = hidden + self.dropout(self.leave(attended.transpose(1, 2).flatten(-2)))
        updated: Tensor = hidden + self.dropout(self.feed(self.norm_feed(hidden)))
        return updated

    def _attend_to_all(self, hidden: Tensor, bar: Tensor) -> Tensor:
        packed = self._in_heads(self.query_key_value(self.norm_attention(hidden)), 3)
        (query, key), value = rotate(packed[:2], bar), packed[2]  # together, by the same angles
        return functional.scaled_dot_product_attention(query, key, value, is_causal=True)

    def _attend_from(self, asked: Tensor, hidden: Tensor, bar: Tensor) -> tuple[Tensor, Tensor]:
        """What the positions asked for attend to, (N, heads, Q, *), and their own stream, (N, Q, width)."""
        sequences, length, width = hidden.shape
        weight, bias = self.query_key_value.weight, self.query_key_value.bias
        key, value = self._in_heads(
            functional.linear(self.norm_attention(hidden), weight[width:], bias[width:]), 2
        ).unbind(0)
        offset = length * torch.arange(sequences, device=asked.device)[:, None]
        chosen = hidden.flatten(0, 1).index_select(0, (asked + offset).flatten()).view(*asked.shape, width)
        (query,) = self._in_heads(functional.linear(self.norm_attention(chosen), weight[:width], bias[:width]), 1)
        seen = torch.arange(length, device=asked.device) <= asked[..., None]
        attended = functional.scaled_dot_product_attention(
            rotate(query, bar.gather(1, asked)), rotate(key, bar), value, attn_mask=seen[:, None]
        )
        return attended, chosen

    def _in_heads(self, packed: Tensor, parts: int) -> Tensor:
        """(N, L, parts * width) to (parts, N, heads, L, width of a head)."""
        return packed.view(*packed.shape[:2], parts, self.heads, -1).permute(2, 0, 3, 1, 4)


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
