"""Prices as a notebook holds them: a panel that takes its own census and knows what is to be done about its faults."""

from dataclasses import dataclass, fields, replace
from typing import Any, Self

import pandas as pd

from quantdl.errors import ConfigError
from quantdl.experiment.preparation import LoadedData, SourceData, Treatment, treated
from quantdl.interface.drawing import Figure
from quantdl.market.inspection.census import Census, take_census
from quantdl.market.inspection.policies import Policies
from quantdl.market.panel import Panel
from quantdl.market.universe.rule import UniverseRule
from quantdl.report import charts

UNCONFIRMED_BEYOND = 5.0
"""How many times the last close a price may be, in what a model learns from, before the next bar must confirm it."""


@dataclass(frozen=True, eq=False, repr=False)
class Prices(Panel):
    """A panel as its source states it, with what is to be done about it before anything learns from it.

    It is a `quantdl.market.panel.Panel` in every respect, so whatever takes a panel takes it. Policies and universe are
    put into effect by what knows up to when a cell may be judged by later ones: a fit, and a backtest.

    Attributes:
        policies: What is done about each kind of fault; the defaults are those of a config.
        eligibility: Who belongs to the universe as of each bar; None for every listed asset.
    """

    policies: Policies = Policies()
    eligibility: UniverseRule | None = None

    @classmethod
    def of(cls, panel: Panel) -> "Prices":
        """Return a panel as prices; those that are, as they are.

        Raises:
            ConfigError: If it is none.
        """
        if isinstance(panel, Prices):
            return panel
        if not isinstance(panel, Panel):
            raise ConfigError(f"panel: given {type(panel).__name__}; expected prices, such as those of qd.read_prices.")
        known: Prices | None = panel.derived.get(cls)
        if known is None:
            known = cls(**{item.name: getattr(panel, item.name) for item in fields(Panel)})
            panel.derived[cls] = known
        return known

    def __reduce__(self) -> tuple[Any, ...]:
        """Rebuild from plain dictionaries, as a panel does, and then from what is to be done."""
        kind, values = super().__reduce__()
        return kind, (*values, self.policies, self.eligibility)

    def census(self) -> Census:
        """Look for every kind of fault that is known; nothing is repaired."""
        return take_census(self)

    def treat(self, policies: Policies) -> Self:
        """Return the same prices with other policies for their faults.

        Args:
            policies: ``qd.Policies(stale_year="drop_asset")``, for instance.

        Raises:
            ConfigError: If they are none.
        """
        if not isinstance(policies, Policies):
            given = f"given {type(policies).__name__}"
            raise ConfigError(f"policies: {given}; expected qd.Policies(...), such as qd.Policies(stale_year='keep').")
        return replace(self, policies=policies)

    def plot(self) -> Figure:
        """Draw the closes of the first assets, each over its first one; select or cut the prices to draw others."""
        closes = pd.DataFrame(self.closes, self.bars, list(self.assets))
        adjustment = self.card.declaration.adjustment.replace("_", " ")
        return charts.figure(charts.growth(closes / closes.bfill().iloc[0], adjustment))

    def prepared(self, judged_through: pd.Timestamp, beyond: float = UNCONFIRMED_BEYOND) -> LoadedData:
        """Return what is learnt from and traded: policies applied, universe judged, total returns; worked out once.

        Args:
            judged_through: Last session in which a cell may be judged by later ones.
            beyond: How many times the last close a price may be before the next bar must confirm it.

        Raises:
            DataError: If a fault is to be refused, or nothing is left.
        """
        key = ("prepared", judged_through, beyond)
        if key not in self.derived:
            treatment = Treatment(self.policies, self.eligibility)
            self.derived[key] = treated(SourceData(self, {}, ()), treatment, judged_through, beyond)
        found: LoadedData = self.derived[key]
        return found
