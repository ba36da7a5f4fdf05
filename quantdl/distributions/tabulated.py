"""Monotone maps that are slow to compute, read off a table where many values are mapped."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

INTERVALS = 1024
"""Of a table, whose nodes are computed one by one."""

_FARTHEST = 1000.0  # values beyond it are computed one by one, too

Map = Callable[[Tensor], tuple[Tensor, Tensor]]


def worth_a_table(n_values: int) -> bool:
    """Whether computing a table and reading it is faster than computing each of so many values of one map."""
    return n_values >= 4 * INTERVALS


def read_off_a_table(map_at: Map, values: Tensor) -> Tensor:
    """Map values by cubic interpolation between nodes at which a map and its slope are computed.

    What is interpolated is ``asinh(map(sinh(u)))``, which is nearly linear far out where the map grows like a power. On
    Student-t quantiles of 2 to 50 degrees of freedom it is within 2e-8 of their size. The nodes are always the
    same, so a value is mapped alike whatever stands beside it.

    Args:
        map_at: An increasing map and the log of its derivative, at values in float64 that broadcast with (S, *); one
            for each place of ``*``.
        values: (S, *), many for each map.

    Returns:
        (S, *) float64.
    """
    flat = values.double().flatten(1)
    step = 2.0 * math.asinh(_FARTHEST) / INTERVALS
    place = torch.asinh(flat) / step + INTERVALS // 2
    at = place.floor().nan_to_num().clamp(0, INTERVALS - 1)  # what is not a number stays so
    cubics = _cubics(map_at, step, flat.new_empty(values.shape[1:])).flatten(0, 1)
    column = torch.arange(flat.shape[1], device=flat.device)
    constant, first, second, third = cubics[at.long() * flat.shape[1] + column].unbind(-1)
    part = place - at
    found = torch.sinh(constant + part * (first + part * (second + part * third))).reshape(values.shape)
    far = flat.abs().amax(1) > _FARTHEST
    if bool(far.any()):
        found[far], _ = map_at(values[far].double())
    return found


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
