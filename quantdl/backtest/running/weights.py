"""Weights in the forms in which people write them, as a decision of the engine."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from quantdl.backtest.running.decisions import Decision, Hold, Orders
from quantdl.backtest.running.view import MarketView
from quantdl.calendars.labels import bar_text
from quantdl.errors import RunError, did_you_mean

Weights = Mapping[str, float] | pd.Series | np.ndarray | list[float] | tuple[float, ...]
"""Fractions of equity: by symbol, where assets that are not named get zero, or one for each of ``view.assets``."""


def as_decision(answer: object, view: MarketView, rule: str) -> Decision | Orders | Hold | None:
    """Return what a function of a view answered as a decision; weights are tagged with a rule of the plan.

    Args:
        answer: Weights, see `Weights`, or what `Strategy.decide` may answer, which stays as it is.
        view: What the function was shown.
        rule: Name of the rule that weights are asked for by.

    Raises:
        RunError: If weights name an asset that is not in the view.

    Example:
        >>> from types import SimpleNamespace
        >>> view = SimpleNamespace(assets=("KO", "PG"), session=pd.Timestamp("2020-01-02"))
        >>> as_decision({"PG": 0.5}, view, "rebalance").weights
        array([0. , 0.5])
    """
    if answer is None or isinstance(answer, Decision | Orders | Hold):
        return answer
    if isinstance(answer, pd.Series):
        answer = answer.to_dict()
    if isinstance(answer, Mapping):
        return Decision(_by_symbol(answer, view), rule)
    if isinstance(answer, np.ndarray | list | tuple):
        return Decision(np.asarray(answer), rule)
    raise RunError(
        f"{bar_text(view.session)}: the strategy answered {type(answer).__name__}, expected weights (by symbol, or one "
        "for each of view.assets), Decision, Orders, Hold or None."
    )


def _by_symbol(weights: Mapping[str, float], view: MarketView) -> np.ndarray:
    places = {asset: at for at, asset in enumerate(view.assets)}
    unknown = [str(name) for name in weights if name not in places]
    if unknown:
        hint = did_you_mean(unknown[0], view.assets) or "."
        raise RunError(
            f"{bar_text(view.session)}: weights for {', '.join(map(repr, unknown))}, which the run does not hold{hint} "
            f"Its assets are {', '.join(view.assets)}."
        )
    found = np.zeros(len(places))
    for name, weight in weights.items():
        try:
            found[places[name]] = weight
        except (ValueError, TypeError):
            given = f"{bar_text(view.session)}: weight of {name} is {weight!r}"
            raise RunError(f"{given}. Give a number, 0 for none.") from None
    return found
