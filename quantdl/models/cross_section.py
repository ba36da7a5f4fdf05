"""What the assets of one session tell each other inside the encoder: pooled, or by attention.

Positions of different assets tell each other something where they hold the same session of the same history row, and
nowhere else: a bar at session t reads bars at t, and what came before has reached those by attention over time. So no
position reads a later one, an asset without a bar in a session is not in it, the order of assets plays no part, and any
number of them is served. What an asset tells counts only where it could be forecast at the bar. Time and memory grow
with the number of bars, in both ways.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from quantdl.models.settings import NetworkSettings
from quantdl.sequences import Batch


@dataclass(frozen=True, eq=False)
class SharedSessions:
    """Which positions of a batch stand in the same session, for sums over the assets of each.

    Positions are numbered ``n``, as ``(r * A + a) * L + l``.

    Attributes:
        place: (N,) int64 number of each position's session; positions share it in a session of a row.
        tells: (N, 1) whether others may read the position: a bar at which its asset could be forecast.
        count: (N, 1) how many such bars each session holds, by its number; 1 where it holds none.
    """

    place: Tensor
    tells: Tensor
    count: Tensor

    @staticmethod
    def of(batch: Batch) -> "SharedSessions":
        """The sessions of a batch. Their numbers are found by sorting, so how far apart they lie costs nothing."""
        padding = batch.padding
        tells = ~padding if batch.eligible is None else batch.eligible & ~padding
        session = batch.bar_index.masked_fill(padding, torch.iinfo(torch.int64).max).flatten(1)
        first = torch.searchsorted(session.sort(dim=1).values, session)
        rows, positions = session.shape
        place = (first + positions * torch.arange(rows, device=first.device)[:, None]).flatten()
        flags = tells.reshape(-1, 1)
        count = torch.zeros(flags.shape, device=flags.device).index_add(0, place, flags.float())
        return SharedSessions(place, flags, count.clamp(min=1.0))

    def sums(self, values: Tensor) -> Tensor:
        """Sums over the bars of each session that may be read, by its number: (N, K) to (N, K), at least in float32."""
        told = values.masked_fill(~self.tells, 0.0).to(torch.promote_types(values.dtype, torch.float32))
        return torch.zeros_like(told).index_add(0, self.place, told)

    def largest(self, values: Tensor) -> Tensor:
        """Largest value in the session of each position, (N, K) to (N, K); 0 where no bar may be read."""
        lowest = torch.finfo(values.dtype).min
        told = values.masked_fill(~self.tells, lowest)
        index = self.place[:, None].expand_as(told)
        found = torch.full_like(told, lowest).scatter_reduce(0, index, told, "amax")
        return self.to_positions(found.masked_fill(found == lowest, 0.0))

    def to_positions(self, values: Tensor) -> Tensor:
        """What each position's session has: (N, K) by number of the session to (N, K) by position."""
        return values.index_select(0, self.place)


class PooledCrossSection(nn.Module):
    """Each position learns the mean, over its session, of what each asset there says of itself.

    It adds nothing before it is trained: a network starts as the one without it.
    """

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        width = settings.width
        self.norm, self.tell = nn.LayerNorm(width), nn.Linear(width, width)
        self.hear, self.leave = nn.Linear(2 * width, width), _silent(width)
        self.dropout = nn.Dropout(settings.dropout)

    def forward(self, hidden: Tensor, sessions: SharedSessions) -> Tensor:
        """Update encodings (R * A, L, width)."""
        own = self.norm(hidden).flatten(0, 1)
        told = functional.gelu(self.tell(own))
        mean = sessions.to_positions(sessions.sums(told) / sessions.count).to(own.dtype)
        heard = functional.gelu(self.hear(torch.cat([own, mean], dim=-1)))
        updated: Tensor = hidden + self.dropout(self.leave(heard)).view_as(hidden)
        return updated


class AttendedCrossSection(nn.Module):
    """Each position attends to a few summaries of its session, each of which has attended to all assets there.

    After the induced set attention of Lee et al. (2019, https://arxiv.org/abs/1810.00825): the queries of the summaries
    are learned and fixed in number, so the cost is linear in the assets. A summary is the mean of the keys and values
    that the assets offer, as its query weighs them. It adds nothing before it is trained.
    """

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self.heads, width = settings.heads, settings.width
        self.norm, self.tell, self.ask = nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.queries = nn.Parameter(torch.randn(self.heads, _SUMMARIES, width // self.heads))
        self.leave, self.dropout = _silent(width), nn.Dropout(settings.dropout)

    def forward(self, hidden: Tensor, sessions: SharedSessions) -> Tensor:
        """Update encodings (R * A, L, width)."""
        own = self.norm(hidden).flatten(0, 1)
        summaries = self._summaries(self.tell(own).unflatten(-1, (3, self.heads, -1)), sessions)
        key, value = (
            sessions.to_positions(summaries).to(own.dtype).unflatten(-1, (2, self.heads, _SUMMARIES, -1)).unbind(1)
        )
        heard = _attend(self.ask(own).unflatten(-1, (self.heads, 1, -1)), key, value).flatten(1)
        updated: Tensor = hidden + self.dropout(self.leave(heard)).view_as(hidden)
        return updated

    def _summaries(self, told: Tensor, sessions: SharedSessions) -> Tensor:
        """Keys and values of the summaries by number of the session, (N, 2 * summaries * width), 0 where none is told.

        What a position tells is a mark that the learned queries are held against, a key and a value: (N, 3, heads, *).
        """
        scores = torch.einsum("nhd,hmd->nhm", told[:, 0], self.queries.to(told.dtype)) / told.shape[-1] ** 0.5
        scores = scores.flatten(1).to(torch.promote_types(scores.dtype, torch.float32))
        share = (scores - sessions.largest(scores.detach())).clamp(max=0.0).exp()
        by_query = share.unflatten(1, (1, self.heads, -1, 1))
        total = sessions.sums((by_query * told[:, 1:, :, None]).flatten(1))
        weight = sessions.sums(share).clamp(min=1e-6).unflatten(1, (1, self.heads, -1, 1))
        mean: Tensor = total.unflatten(1, (2, self.heads, _SUMMARIES, -1)) / weight
        return mean.flatten(1)


def _attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention of one query, (N, heads, 1, D), over a few keys and values, (N, heads, K, D): (N, heads, D)."""
    score = (query * key).sum(-1) / key.shape[-1] ** 0.5
    attended: Tensor = (score.softmax(-1)[..., None] * value).sum(-2)
    return attended


_SUMMARIES = 4
"""Summaries of a session; each is one of every head."""


def _silent(width: int) -> nn.Linear:
    """A linear layer that starts at zero output."""
    layer = nn.Linear(width, width)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def cross_section(settings: NetworkSettings) -> PooledCrossSection | AttendedCrossSection | None:
    """The exchange that the settings ask for before a block of the encoder, or none."""
    match settings.cross_section:
        case "none":
            return None
        case "pooled":
            return PooledCrossSection(settings)
        case "attention":
            return AttendedCrossSection(settings)
