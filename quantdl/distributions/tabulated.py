"""Monotone maps that are slow to compute, read off a table where many values are mapped."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

INTERVALS = 1024
"""Of a table, whose nodes are computed one by one."""

_FARTHEST = 1000.0  # values beyond it are computed one by one, too
_BLOCK = 1 << 18  # values that are read at a time, so that a table asks for little memory

Map = Callable[[Tensor], tuple[Tensor, Tensor]]


def worth_a_table(n_values: int) -> bool:
    """Whether computing a table and reading it is faster than computing each of so many values of one map."""
    return n_values >= 4 * INTERVALS


def read_off_a_table(map_at: Map, values: Tensor) -> Tensor:
    """Map values by cubic interpolation between nodes at which a map and its slope are computed.

    What is interpolated is ``asinh(map(sinh(u)))``, which is nearly linear far out where the map grows like a power. On
    Student-t quantiles of 2 degrees of freedom and more it is within 2e-8 of their size, of 1 within 1e-7. The nodes
    are always the same, so a value is mapped alike whatever stands beside it.

    Args:
        map_at: An increasing map and the log of its derivative, at values in float64 that broadcast with (S, *); one
            for each place of ``*``.
        values: (S, *), many for each map.

    Returns:
        (S, *) float64.
    """
    step = 2.0 * math.asinh(_FARTHEST) / INTERVALS
    cubics = _cubics(map_at, step, values.new_empty(values.shape[1:], dtype=torch.float64)).flatten(0, 1)
    found = torch.empty(values.shape, dtype=torch.float64, device=values.device)
    rows = max(1, _BLOCK // max(1, values[0].numel()))
    for block, into in zip(values.split(rows), found.split(rows), strict=True):
        into.copy_(_read(cubics, step, block.double().flatten(1)).reshape(block.shape))
    far = (values.abs() > _FARTHEST).flatten(1).any(1)
    if bool(far.any()):
        found[far], _ = map_at(values[far].double())
    return found


def _read(cubics: Tensor, step: float, values: Tensor) -> Tensor:
    """Map values, (S, places), by the coefficients of the intervals in which they lie; NaN stays NaN."""
    place = torch.asinh(values) / step + INTERVALS // 2
    at = place.floor().nan_to_num().clamp(0, INTERVALS - 1)
    column = torch.arange(values.shape[1], device=values.device)
    constant, first, second, third = cubics[at.long() * values.shape[1] + column].unbind(-1)
    part = place - at
    return torch.sinh(constant + part * (first + part * (second + part * third)))


def _cubics(map_at: Map, step: float, places: Tensor) -> Tensor:
    """Coefficients of each map over each interval, (INTERVALS, places, 4), of its value and slope at both ends."""
    numbers = torch.arange(INTERVALS + 1, dtype=torch.float64, device=places.device) - INTERVALS // 2
    nodes = torch.sinh(numbers * step).reshape(-1, *[1] * places.ndim)
    mapped, log_slope = map_at(nodes)
    height = torch.asinh(mapped).expand(-1, *places.shape).flatten(1)
    slope = log_slope.exp() * torch.sqrt((1.0 + nodes.square()) / (1.0 + mapped.square()))
    slope = step * slope.expand(-1, *places.shape).flatten(1)
    rise, begins, ends = height.diff(dim=0), slope[:-1], slope[1:]
    return torch.stack([height[:-1], begins, 3.0 * rise - 2.0 * begins - ends, begins + ends - 2.0 * rise], -1)
