"""The joint law that stands at one close."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from quantdl.bounds import PositiveInt
from quantdl.calendars.labels import bar_text
from quantdl.config.arguments import Arguments
from quantdl.distributions import Forecast
from quantdl.errors import ConfigError, did_you_mean
from quantdl.interface.drawing import Figure, drawn_losses
from quantdl.report import charts
from quantdl.report.formatting import PERCENT, figure
from quantdl.risk.measures.scenarios import Scenarios
from quantdl.risk.scores.forecast_scores import QUANTILES
from quantdl.sequences import ReturnWindow
from quantdl.shown import block, counted, facts, note, table, title

DRAWS = 20_000
"""Joint draws from which a book is drawn."""

_SHOWN = 12
_POINTS = 241


@dataclass(frozen=True)
class _Choices:
    """What may be asked of a law."""

    draws: PositiveInt


@dataclass(frozen=True, eq=False, repr=False)
class SessionLaw:
    """The joint law of all assets' log returns, made at one close.

    Attributes:
        session: At whose close it was made.
        assets: (A,) symbols.
        law: The law itself, a `torch.distributions.Distribution` with batch_shape (1,) and event_shape (A,).
        window: Over which return.
        window_name: Name of that.
        model: Kind of the model.
        seed: Of what is drawn from it.
    """

    session: pd.Timestamp
    assets: tuple[str, ...]
    law: Forecast
    window: ReturnWindow
    window_name: str
    model: str
    seed: int

    def quantiles(self) -> pd.DataFrame:
        """Return mean and quantiles of every asset's log return, a row an asset; NaN for one that is left out."""
        with torch.no_grad():
            figures = {"mean": self.law.mean, **{name: self.law.icdf(level) for name, level in QUANTILES.items()}}
        present = self.law.present[0].numpy()
        columns = {name: np.where(present, value[0].double().numpy(), np.nan) for name, value in figures.items()}
        return pd.DataFrame(columns, pd.Index(self.assets, name="asset"))

    def scenarios(self, draws: int = DRAWS) -> Scenarios:
        """Draw joint simple returns, which `quantdl.risk` reads; the same for the same seed.

        Args:
            draws: How many.

        Raises:
            ConfigError: If that is no number above 0.
        """
        call = Arguments("scenarios")
        call.read(_Choices, {"draws": draws})
        call.refuse_faults()
        return Scenarios.of_law(self.law, self.assets, self.window.bars, int(draws), self.seed)

    def plot(self, asset: str | None = None) -> Figure:
        """Draw the density of a return.

        Args:
            asset: Symbol, whose density is exact; None for the equal-weight book of the assets that the law covers,
                which is drawn.

        Raises:
            ConfigError: If there is no such asset, or the law leaves it out.
        """
        at = f"made at the close of {bar_text(self.session)}"
        if asset is not None:
            return charts.figure(charts.density(*self._density(asset), f"{asset}, {at}"))
        scenarios = self.scenarios()
        weights = scenarios.known.double() / scenarios.known.sum()
        return drawn_losses(scenarios, weights, 0.99, f"Equal weight, {at}")

    def __repr__(self) -> str:
        """Return what the law is of, in a line."""
        assets = counted(len(self.assets), "asset")
        return f"Law of {assets} by {self.model}, made at the close of {bar_text(self.session)}"

    def _repr_html_(self) -> str:
        own = self.quantiles()
        names = ("mean", "q01", "q05", "median", "q95", "q99")
        rows = [
            [asset, *("" if np.isnan(line[name]) else figure(line[name], PERCENT) for name in names)]
            for asset, line in own.head(_SHOWN).iterrows()
        ]
        more = f"{counted(len(own) - _SHOWN, 'more asset')}; " if len(own) > _SHOWN else ""
        bars = f"{counted(self.window.bars, 'bar')} ({self.window_name})"
        pairs = {"made at the close of": bar_text(self.session), "model": self.model, "log return over": bars}
        return block(
            title("A joint law"),
            facts(pairs),
            table(("log return, %", "mean", "1%", "5%", "median", "95%", "99%"), rows),
            note(f"{more}law.plot() draws the equal-weight book, law.plot(asset) a density."),
        )

    def _density(self, asset: str) -> tuple[pd.Series, dict[str, float]]:
        """The density of an asset's log return over a grid from beyond its 0.1 % quantile to beyond its 99.9 % one."""
        if asset not in self.assets:
            raise ConfigError(f"asset: {asset!r} is none of the prices{did_you_mean(str(asset), self.assets) or '.'}")
        column = self.assets.index(asset)
        if not bool(self.law.present[0, column]):
            raise ConfigError(f"asset: {asset} is left out by the law of {bar_text(self.session)}: it did not trade.")
        with torch.no_grad():
            low, high = (float(self.law.icdf(level)[0, column]) for level in (0.001, 0.999))
            grid = torch.linspace(low, high, _POINTS, dtype=torch.float64)
            values = torch.zeros(_POINTS, len(self.assets), dtype=self.law.mean.dtype)
            values[:, column] = grid.to(values.dtype)
            density = self.law.expand((_POINTS,)).marginal_log_prob(values)[:, column].double().exp()
            marks = {name: float(self.law.icdf(QUANTILES[name])[0, column]) for name in ("q01", "median", "q99")}
        return pd.Series(density.numpy(), grid.numpy()), marks
