r"""How much of a risk is due to not knowing the parameters: that of a mixture against those of its members.

A model with members, an ensemble or a posterior, predicts by the mixture of their laws. Value at risk and expected
shortfall of the mixture hold what the members disagree on. Were the parameters known, one member would hold, and on
average over which one the risk would be the mean over the members. The difference is the price of not knowing.

It is never negative for expected shortfall, which is the least of functions that are linear in the law
(:math:`\min_v \, v + E (L - v)^+ / (1 - \alpha)`), so a mixture's is at least the mean of the members'.
Value at risk has no such order: a mixture of two laws far apart can have less than the mean of theirs.
"""

from dataclasses import dataclass

from torch import Tensor

from quantdl.risk.measures.losses import expected_shortfall, value_at_risk


@dataclass(frozen=True)
class ParameterRisk:
    """Risk of a book at one level under a mixture, and under its members.

    Attributes:
        level: Confidence level.
        value_at_risk: Of the mixture, a fraction of equity.
        value_at_risk_known: Mean over the members: what it would be on average if the parameters were known.
        value_at_risk_spread: Standard deviation over the members.
        expected_shortfall: Of the mixture.
        expected_shortfall_known: Mean over the members, not above that of the mixture.
        expected_shortfall_spread: Standard deviation over the members.
        variance_between: Share of the variance of the loss that is the variance of the members' mean losses.
    """

    level: float
    value_at_risk: float
    value_at_risk_known: float
    value_at_risk_spread: float
    expected_shortfall: float
    expected_shortfall_known: float
    expected_shortfall_spread: float
    variance_between: float

    @property
    def value_at_risk_share(self) -> float | None:
        """Share of the value at risk that is due to not knowing the parameters; None where it is not positive."""
        return _share(self.value_at_risk, self.value_at_risk_known)

    @property
    def expected_shortfall_share(self) -> float | None:
        """Share of the expected shortfall, likewise."""
        return _share(self.expected_shortfall, self.expected_shortfall_known)


def parameter_risk(losses: Tensor, weights: Tensor, level: float = 0.99) -> ParameterRisk:
    """Compare the risk of a mixture with those of its members.

    Args:
        losses: (M, S) losses of a book under each member, as fractions of equity, positive when money is lost.
        weights: (M,) probability of each member; divided by their sum.
        level: Confidence level.

    Raises:
        ValueError: If weights do not fit the members or are negative, or as `quantdl.risk.value_at_risk`.

    Example:
        >>> import torch
        >>> calm = torch.arange(1.0, 101.0, dtype=torch.float64) / 1000
        >>> found = parameter_risk(torch.stack([calm, 3.0 * calm]), torch.tensor([0.5, 0.5]), level=0.9)
        >>> round(found.expected_shortfall, 4), round(found.expected_shortfall_known, 4)
        (0.2715, 0.191)
    """
    if losses.ndim != 2 or weights.shape != losses.shape[:1] or not bool((weights >= 0).all() and weights.sum() > 0):
        raise ValueError(
            f"losses must be (M, S) with a weight that is not negative for each member, got {(*losses.shape,)} and "
            f"{(*weights.shape,)}."
        )
    own, by_member = weights.double() / weights.double().sum(), losses.double().mT
    even = bool((own == own[0]).all())
    shares = None if even else own[:, None].expand(losses.shape).reshape(-1)
    pooled = losses.double().reshape(-1)
    means, within = by_member.mean(0), by_member.var(0, correction=0)
    between = float((own * (means - (own * means).sum()).square()).sum())
    total = between + float((own * within).sum())
    return ParameterRisk(
        level,
        float(value_at_risk(pooled, level, shares)),
        *_mean_and_spread(value_at_risk(by_member, level), own),
        float(expected_shortfall(pooled, level, shares)),
        *_mean_and_spread(expected_shortfall(by_member, level), own),
        between / total if total > 0.0 else 0.0,
    )


def _mean_and_spread(values: Tensor, weights: Tensor) -> tuple[float, float]:
    mean = (weights * values).sum()
    return float(mean), float((weights * (values - mean).square()).sum().sqrt())


def _share(whole: float, known: float) -> float | None:
    return (whole - known) / whole if whole > 0.0 else None
