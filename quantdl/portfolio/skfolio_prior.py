"""A forecast as the prior of skfolio's optimisers: what is classical is theirs, the law is ours."""

from typing import Any, Self

import numpy as np
from skfolio.prior import BasePrior, ReturnDistribution

from quantdl.portfolio.minimum_variance import covariance_of
from quantdl.risk.measures.scenarios import Scenarios


class ScenarioPrior(BasePrior):
    """Hands a law to any optimiser of skfolio that takes a ``prior_estimator``.

    Its mean, covariance and returns are those of the scenarios, with their probabilities as ``sample_weight``. An asset
    of which nothing is known is not investable and gets no weight. Risk measures of skfolio that read returns, as CVaR,
    then read the predicted ones.

    ``fit`` takes the past returns because skfolio hands them over, and reads only how many assets they have and what
    these are called. An optimiser that measures distances between assets itself, as
    `skfolio.optimization.HierarchicalRiskParity` does, takes them from what *it* is fitted on: fit it on
    ``predicted_returns(scenarios)`` to have its clusters from the law as well.

    Args:
        scenarios: Simple returns over the period that the weights are for.

    Example:
        >>> import torch
        >>> from skfolio.optimization import MeanRisk
        >>> moves = torch.tensor([[0.01, 0.02], [-0.01, 0.02], [0.01, -0.02], [-0.01, -0.02]]).double()
        >>> law = Scenarios(("calm", "wild"), moves, bars=1)
        >>> optimiser = MeanRisk(prior_estimator=ScenarioPrior(law)).fit(predicted_returns(law))
        >>> optimiser.weights_.round(2).tolist()  # of least variance
        [0.8, 0.2]
    """

    def __init__(self, scenarios: Scenarios) -> None:
        self.scenarios = scenarios

    def fit(self, X: Any, y: object = None, **fit_params: object) -> Self:  # noqa: ANN401 - signature of skfolio
        """Set ``return_distribution_``.

        Args:
            X: (N, A) past returns, a table or an array.
            y: Not read.
            fit_params: Not read.

        Raises:
            ValueError: If the assets are not those of the scenarios, in their order.
        """
        assets = self.scenarios.assets
        named = tuple(X.columns) if hasattr(X, "columns") else None
        if X.shape[1] != len(assets) or (named is not None and named != assets):
            wrong = f"{X.shape[1]} columns" if named is None else ", ".join(map(str, named))
            raise ValueError(f"the scenarios are of {', '.join(assets)}, but the returns of {wrong}.")
        returns = predicted_returns(self.scenarios)
        shares = self.scenarios.probabilities
        weight = None if shares is None else shares.numpy()
        mean = returns.mean(axis=0) if weight is None else weight @ returns
        draws = np.log1p(np.maximum(returns, -1.0 + 1e-12))  # a loss of everything has no log return
        self.return_distribution_ = ReturnDistribution(
            mu=mean, covariance=covariance_of(draws, weight), returns=returns, sample_weight=weight
        )
        return self


def predicted_returns(scenarios: Scenarios) -> np.ndarray:
    """Return (S, A) float64 the simple returns of scenarios, NaN for an asset of which nothing is known."""
    return np.asarray(scenarios.returns.numpy(), dtype=np.float64)
