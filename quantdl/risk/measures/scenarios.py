"""Joint returns of several assets, each with a probability: what the risk of a book is read off, whoever drew them."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from quantdl.distributions import Forecast
from quantdl.risk.measures.losses import draw_returns, expected_shortfall, value_at_risk


@dataclass(frozen=True, eq=False)
class Scenarios:
    """Joint simple returns over one return window.

    Attributes:
        assets: Names, A of them, in the order of the columns.
        returns: (S, A) float64 simple returns; a column of NaN for an asset of which nothing is known.
        bars: Length of the return window in bars.
        probabilities: (S,) float64 of each row, adding to one; None where all are equally likely. Unequal ones come
            from importance sampling, and say less than so many equally likely ones, see `effective_number`.
        source: What the returns are, in words that follow their number: ``"draws of the model"``, ``"past returns"``.

    Raises:
        ValueError: If shapes do not match, a column holds some values that are not finite, a return is below -1, or the
            probabilities are negative or do not add to one.
    """

    assets: tuple[str, ...]
    returns: Tensor
    bars: int
    probabilities: Tensor | None = None
    source: str = "draws of the model"

    def __post_init__(self) -> None:
        """Check what each figure relies on."""
        if self.returns.ndim != 2 or self.returns.shape[1] != len(self.assets) or not len(self.returns):
            raise ValueError(
                f"returns must be (S, {len(self.assets)}), a column an asset, got {(*self.returns.shape,)}."
            )
        if self.returns.dtype != torch.float64:
            raise ValueError(f"returns must be float64, got {self.returns.dtype}.")
        low, high = self.returns.amin(0), self.returns.amax(0)  # NaN where one is; many draws are not copied
        unknown = torch.isnan(low)
        broken = (low < -1.0) | torch.isinf(high)
        broken[unknown] = ~torch.isnan(self.returns[:, unknown]).all(0)
        if bool(broken.any()):
            asset = self.assets[int(broken.double().argmax())]
            raise ValueError(f"returns of {asset} must be finite and not below -1, or all NaN where nothing is known.")
        shares = self.probabilities
        if shares is None:
            return
        if shares.shape != self.returns.shape[:1] or not bool((shares >= 0).all()):
            raise ValueError(f"probabilities must be ({len(self.returns)},) and not negative.")
        if not abs(float(shares.sum()) - 1.0) < 1e-9:
            raise ValueError(f"probabilities must add to one, got {float(shares.sum()):.9g}.")

    @staticmethod
    def of_law(
        law: Forecast, assets: Sequence[str], bars: int, n_draws: int, seed: int, source: str = "draws of the model"
    ) -> "Scenarios":
        """Draw from a law of one row, on the CPU; an asset that it leaves out is a column of NaN.

        Args:
            law: With batch_shape (1,) and event_shape (A,), of log returns.
            assets: Names of its assets.
            bars: Length of its return window.
            n_draws: Number of draws S.
            seed: The same seed gives the same draws.
            source: See the class.

        Raises:
            ValueError: If the law has more than one row.
        """
        if law.batch_shape != (1,):
            raise ValueError(f"the law must have one row, got {law.batch_shape[0]}; take one with `law.rows`.")
        drawn = torch.expm1(draw_returns(law, n_draws, seed)[:, 0])
        returns = torch.where(law.present[0], drawn, torch.nan).cpu()
        return Scenarios(tuple(assets), returns, bars, source=source)

    @property
    def known(self) -> Tensor:
        """(A,) bool: assets of which something is known."""
        return ~torch.isnan(self.returns[0])

    @property
    def effective_number(self) -> float:
        r"""How many equally likely rows say as much: :math:`1 / \sum_s p_s^2` (Kish)."""
        return (
            float(len(self.returns)) if self.probabilities is None else float(1.0 / self.probabilities.square().sum())
        )

    def losses(self, weights: Tensor) -> Tensor:
        """Losses of books as fractions of their equity, positive when money is lost.

        Args:
            weights: (A,) or (K, A) fractions of equity, negative for short positions; the rest to one is cash.

        Returns:
            (S,) or (S, K) float64.

        Raises:
            ValueError: If weights do not match the assets, are not finite, or hold an asset of which nothing is known.
        """
        if weights.shape[-1:] != (len(self.assets),) or not bool(torch.isfinite(weights).all()):
            raise ValueError(f"weights must be finite, one for each of {len(self.assets)} assets.")
        blind = (weights != 0).reshape(-1, len(self.assets)).any(0) & ~self.known
        if bool(blind.any()):
            names = ", ".join(asset for asset, held in zip(self.assets, blind.tolist(), strict=True) if held)
            raise ValueError(f"nothing is known of {names}, which the book holds.")
        returns = self.returns if bool(self.known.all()) else torch.where(self.known, self.returns, 0.0)
        return -(returns @ weights.double().mT if weights.ndim > 1 else returns @ weights.double())

    def value_at_risk(self, weights: Tensor, level: float = 0.99) -> Tensor:
        """Value at risk of a book (A,), or of books (K, A), see `quantdl.risk.value_at_risk`; differentiable."""
        return value_at_risk(self.losses(weights), level, self.probabilities)

    def expected_shortfall(self, weights: Tensor, level: float = 0.99) -> Tensor:
        """Expected shortfall of books, see `value_at_risk` and `quantdl.risk.expected_shortfall`; differentiable."""
        return expected_shortfall(self.losses(weights), level, self.probabilities)
