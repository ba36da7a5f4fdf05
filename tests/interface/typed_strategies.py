"""Strategies as they stand in a notebook: with imports, helpers and numbers beside them, and with data from outside."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from quantdl.backtest import Decision, MarketView

WINDOW = 60
table = pd.DataFrame()
array = np.zeros(0)


def trailing_risk(view: MarketView) -> np.ndarray:
    """Return the standard deviation of the last returns."""
    return np.asarray(np.diff(np.log(view.closes[-WINDOW:]), axis=0).std(axis=0))


def inverse_risk(view: MarketView) -> dict[str, float]:
    """Weigh each stock by one over its risk."""
    parts = 0.9 / trailing_risk(view)
    return dict(zip(view.assets, 0.9 * parts / parts.sum(), strict=True))


def one_bar_ahead(view: MarketView) -> np.ndarray:
    """Weigh what the table says of the next session."""
    following = table.shift(-1).loc[view.session].to_numpy()
    return np.asarray(np.where(following > 0, 0.1, 0.0))


def from_an_array(view: MarketView) -> np.ndarray:
    """Weigh what stands in a row of an array."""
    return np.asarray(np.where(array[len(view.sessions) - 1] > 0, 0.1, 0.0))


def closing_over(data: object) -> Callable[[MarketView], np.ndarray]:
    """Return a function that keeps some data."""

    def decide(view: MarketView) -> np.ndarray:
        return np.asarray(np.where(data.loc[view.session] > 0, 0.1, 0.0))  # type: ignore[attr-defined]

    return decide


def taken_over(view: MarketView, weights: pd.DataFrame = table) -> np.ndarray:
    """Weigh what stood in a table when the function was defined."""
    return np.asarray(weights.loc[view.session].to_numpy())


@dataclass(frozen=True)
class Even:
    """Every stock the same part of some share of equity, at the plan's cadence."""

    share: float = 1.0

    def decide(self, view: MarketView) -> Decision | None:
        """Return the weights when they are due."""
        if not view.rebalance_due:
            return None
        return Decision(self.share * view.listed / view.listed.sum(), "rebalance")


class Following:
    """Weights of a table, by session."""

    def __init__(self, weights: pd.DataFrame, scale: float = 1.0) -> None:
        self.weights, self.scale = weights, scale

    def decide(self, view: MarketView) -> Decision | None:
        """Return the row of the session when it is due."""
        if not view.rebalance_due:
            return None
        return Decision(self.scale * self.weights.loc[view.session].to_numpy(), "rebalance")


class Remembering:
    """A class whose constructor keeps nothing under the name of its argument."""

    def __init__(self, share: float) -> None:
        self.kept = 0.5 * share

    def decide(self, view: MarketView) -> Decision | None:
        """Return nothing."""
        return None
