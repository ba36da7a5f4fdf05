"""Prices as a notebook holds them: a panel that takes its own census and knows what is to be done about its faults."""

from dataclasses import dataclass, fields, replace
from typing import Self

from quantdl.market.inspection.census import Census, take_census
from quantdl.market.inspection.policies import Policies
from quantdl.market.panel import Panel
from quantdl.market.universe.rule import UniverseRule


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
        """Return a panel as prices; those that are, as they are."""
        if isinstance(panel, Prices):
            return panel
        return cls(**{item.name: getattr(panel, item.name) for item in fields(Panel)})

    def census(self) -> Census:
        """Look for every kind of fault that is known; nothing is repaired."""
        return take_census(self)

    def treat(self, policies: Policies) -> Self:
        """Return the same prices with other policies for their faults.

        Args:
            policies: ``qd.Policies(stale_year="drop_asset")``, for instance.
        """
        return replace(self, policies=policies)
