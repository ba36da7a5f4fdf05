r"""Measures of drawdowns along paths: how far, how long and how often the value was below what it had been.

A drawdown is a fraction of the highest value so far, positive when money is lost. Time comes first in every shape:
(T, \*). The first value of a path is where it starts and no drawdown: a path of T + 1 values has T drawdowns, one for
each return. Returns are turned into a path that starts at 1 (`value_path`), so a loss on the first day counts.
"""

import torch
from torch import Tensor

from quantdl.risk.measures.losses import expected_shortfall


def value_path(returns: Tensor) -> Tensor:
    r"""Value of 1 invested, from simple returns: (T, \*) gives (T + 1, \*) float64, the start included.

    Raises:
        ValueError: If a return is not finite or below -1, or there is none.

    Example:
        >>> value_path(torch.tensor([-0.10, 0.50], dtype=torch.float64))
        tensor([1.0000, 0.9000, 1.3500], dtype=torch.float64)
    """
    if returns.ndim == 0 or len(returns) == 0:
        raise ValueError("a path needs at least one return, with time along the first axis.")
    growth = 1.0 + returns.double()
    if not bool((torch.isfinite(growth) & (growth >= 0.0)).all()):
        raise ValueError("returns must be finite and not below -1.")
    return torch.cat([torch.ones_like(growth[:1]), growth.cumprod(0)])


def drawdown_path(values: Tensor) -> Tensor:
    r"""Drawdown after each step of a path, :math:`1 - V_t / \max_{s \le t} V_s`.

    Args:
        values: Equity or prices, or what `value_path` makes of returns.

    Shape:
        - values: (T + 1, \*)
        - output: (T, \*) float64, between 0 and 1

    Raises:
        ValueError: If there are fewer than 2 values, one is not finite or negative, or the path starts at zero.

    Example:
        >>> drawdown_path(torch.tensor([5000.0, 5100.0, 4900.0, 5200.0, 4800.0, 5050.0])).max()
        tensor(0.0769, dtype=torch.float64)
    """
    if values.ndim == 0 or len(values) < 2:
        raise ValueError("a drawdown needs at least 2 values of a path, with time along the first axis.")
    values = values.double()
    if not bool((torch.isfinite(values) & (values >= 0.0)).all()) or not bool((values[0] > 0.0).all()):
        raise ValueError("values of a path must be finite and not negative, and it must not start at zero.")
    return 1.0 - values[1:] / values.cummax(0).values[1:]


def maximum_drawdown(values: Tensor) -> Tensor:
    r"""Deepest drawdown of a path: (T + 1, \*) gives (\*); see `drawdown_path` for what is refused.

    Example:
        >>> maximum_drawdown(value_path(torch.tensor([-0.10], dtype=torch.float64)))
        tensor(0.1000, dtype=torch.float64)
    """
    return drawdown_path(values).amax(0)


def average_drawdown(values: Tensor) -> Tensor:
    r"""Mean depth of the drawdowns of a path, each from a high until the next: (T + 1, \*) gives (\*).

    Each spell below a high counts once, with its deepest point, whether it is over or not; 0 where there was none.
    `pain` is the mean over time instead. Raises as `drawdown_path`.

    References:
        | Practical Portfolio Performance Measurement and Attribution (Bacon, 2008), section 4.2

    Example:
        >>> average_drawdown(torch.tensor([100.0, 90.0, 80.0, 110.0, 99.0]))  # 20 % and 10 %
        tensor(0.1500, dtype=torch.float64)
    """
    depth = drawdown_path(values)
    below = depth > 0.0
    begins = below & ~torch.cat([torch.zeros_like(below[:1]), below[:-1]])
    spell = begins.cumsum(0)  # counted from 1; what lies at a high is set apart as spell 0
    spell = torch.where(below, spell, 0)
    deepest = depth.new_zeros((int(spell.max()) + 1, *depth.shape[1:]))
    deepest = deepest.scatter_reduce(0, spell, depth, "amax", include_self=True)[1:]
    return deepest.sum(0) / begins.sum(0).clamp(min=1)


def conditional_drawdown_at_risk(values: Tensor, level: float = 0.95) -> Tensor:
    r"""Mean of the worst ``1 - level`` share of the drawdowns over time: (T + 1, \*) gives (\*).

    Expected shortfall of the drawdown path, so the last one counts in part. Between `pain` (level 0) and the maximum
    (level 1).

    Raises:
        ValueError: As `drawdown_path` and `quantdl.risk.expected_shortfall`: so few steps that the tail is empty.

    References:
        | Drawdown measure in portfolio optimization (Chekhlov, Uryasev and Zabarankin, 2005)

    Example:
        >>> conditional_drawdown_at_risk(torch.tensor([100.0, 90.0, 80.0, 110.0, 99.0]), level=0.5)
        tensor(0.1500, dtype=torch.float64)
    """
    return expected_shortfall(drawdown_path(values), level)


def ulcer_index(values: Tensor) -> Tensor:
    r"""Root mean square of the drawdowns over time: (T + 1, \*) gives (\*); a fraction, not per cent.

    Raises as `drawdown_path`.

    References:
        | The Investor's Guide to Fidelity Funds (Martin and McCann, 1989)

    Example:
        >>> ulcer_index(torch.tensor([100.0, 90.0, 80.0, 110.0, 99.0]))  # root of (.01 + .04 + 0 + .01) / 4
        tensor(0.1225, dtype=torch.float64)
    """
    square = drawdown_path(values).square().mean(0)
    fell = square > 0.0
    return torch.where(fell, torch.where(fell, square, 1.0).sqrt(), 0.0)


def pain(values: Tensor) -> Tensor:
    r"""Mean of the drawdowns over time, the pain index: (T + 1, \*) gives (\*); raises as `drawdown_path`.

    References:
        | Practical Portfolio Performance Measurement and Attribution (Bacon, 2008), section 4.2

    Example:
        >>> pain(torch.tensor([100.0, 90.0, 80.0, 110.0, 99.0]))
        tensor(0.1000, dtype=torch.float64)
    """
    return drawdown_path(values).mean(0)
