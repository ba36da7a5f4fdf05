"""Return and risk of an equity curve as tensors, the same figures as `quantdl.risk.curves.metrics.performance` states.

They hold no branch on a value, so that ``torch.func`` can transform them. What does not exist for a span, however the
book did, is left out of `CurveFigures.all`.
"""

import math
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import torch
from torch import Tensor

from quantdl.backtest.running.engine import Job
from quantdl.calendars.bars import less_than_a_year


@dataclass(frozen=True, eq=False)
class CurveFigures:
    """What is measured of the equity (S,) of a run; returns are simple, of the sessions in which anything traded.

    Attributes:
        initial_equity: Money at the start, against which the first return is measured.
        kept: (K,) rows of the sessions that count; the last is the last of the run.
        rates: (K,) what cash earns in each bar, which Sharpe ratios subtract.
        bars_per_year: What annualises.
        annual: Whether the run is long enough to annualise.
    """

    initial_equity: float
    kept: Tensor
    rates: Tensor
    bars_per_year: float
    annual: bool

    @classmethod
    def of(cls, job: Job) -> "CurveFigures":
        """Return what is measured of the runs of a job."""
        kept = np.flatnonzero(job.tape.trades[job.first : job.stop])
        before = np.concatenate([[-1], kept[:-1]])  # a return earns the rate known where it begins
        rates = job.terms.cash_rates[job.first + before + 1]
        kept[-1:] = job.stop - job.first - 1
        days = job.tape.sessions[job.first : job.stop]
        begins = job.tape.sessions[job.first - 1] if job.first else days[0] - timedelta(days=1)
        return cls(
            initial_equity=job.initial_equity,
            kept=torch.from_numpy(kept),
            rates=torch.from_numpy(rates.copy()),
            bars_per_year=job.terms.bars_per_year,
            annual=not less_than_a_year(len(kept), job.terms.bars_per_year, begins.date(), days[-1].date()),
        )

    def curve(self, equity: Tensor) -> Tensor:
        """Return (K + 1,) the initial money and the equity of the sessions that count."""
        return torch.cat([torch.full_like(equity[:1], self.initial_equity), equity[self.kept]])

    def returns(self, equity: Tensor) -> Tensor:
        """Return (K,) simple returns."""
        curve = self.curve(equity)
        return curve[1:] / curve[:-1] - 1.0

    def log_wealth(self, equity: Tensor) -> Tensor:
        """Return the logarithm of final over initial equity."""
        return (equity[-1] / self.initial_equity).log()

    def sharpe_per_bar(self, equity: Tensor) -> Tensor:
        """Return mean excess return over its standard deviation (n - 1), not annualised."""
        excess = self.returns(equity) - self.rates
        return excess.mean() / excess.std()

    def sharpe(self, equity: Tensor) -> Tensor:
        """Return the annualised Sharpe ratio."""
        return self.sharpe_per_bar(equity) * math.sqrt(self.bars_per_year)

    def expected_shortfall(self, equity: Tensor, level: float = 0.95) -> Tensor:
        """Return the mean of the worst ``1 - level`` share of the losses of a bar, the last counted in part.

        See `quantdl.risk.measures.losses.expected_shortfall`; positive when money is lost.
        """
        losses = -self.returns(equity)
        tail = round((1.0 - level) * len(self.kept), 6)
        worst = losses.topk(min(math.floor(tail) + 1, len(self.kept))).values
        whole = worst[: math.floor(tail)].sum()
        return (whole + (tail - math.floor(tail)) * worst[-1]) / tail

    def max_drawdown(self, equity: Tensor) -> Tensor:
        """Return the size of the largest fall from a peak, a fraction of the peak, zero or positive.

        Its derivatives are those of the trough and the peak that it lies between. They do not exist where two falls
        are equally deep, and are zero for a book that never fell.
        """
        curve = self.curve(equity)
        peaks, tops = curve.detach().cummax(0)
        trough = (curve.detach() / peaks).argmin(0, keepdim=True)
        return 1.0 - (curve.gather(0, trough) / curve.gather(0, tops.gather(0, trough))).squeeze(0)

    def all(self, equity: Tensor, level: float = 0.95) -> dict[str, Tensor]:
        """Return the figures that exist for a run of this length, by name."""
        found = {"log_wealth": self.log_wealth(equity), "max_drawdown": self.max_drawdown(equity)}
        if len(self.kept) >= 2:
            found["sharpe_per_bar"] = self.sharpe_per_bar(equity)
        if self.annual:
            found["sharpe"] = self.sharpe(equity)
        if round((1.0 - level) * len(self.kept), 6) >= 1.0:
            found["expected_shortfall"] = self.expected_shortfall(equity, level)
        return found
