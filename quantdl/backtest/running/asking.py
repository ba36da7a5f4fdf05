"""Asking the strategy: what it raises or answers in error becomes a message that names file, line and session."""

import inspect
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from quantdl.backtest.running.decisions import Decision, Hold, Strategy
from quantdl.backtest.running.view import MarketView
from quantdl.errors import QuantdlError, RunError

_ROUNDING = 1e-9  # of a weight


@dataclass(frozen=True, eq=False)
class Answer:
    """A decision in the engine's form.

    Attributes:
        weights: (A,) targets, or None for an explicit hold.
        rules: One rule name per asset.
    """

    weights: np.ndarray | None
    rules: tuple[str, ...]


def ask(strategy: Strategy, view: MarketView, rules: frozenset[str]) -> Answer | None:
    """Return the strategy's decision with one rule per asset, or None.

    Raises:
        RunError: If the strategy fails, or answers what is no decision, or cites a rule that the plan does not have.
        QuantdlError: What quantdl itself raises inside the strategy, unchanged.
    """
    try:
        answer = strategy.decide(view)
    except QuantdlError:
        raise
    except (Exception, SystemExit) as error:  # whatever a user's code raises is reported with its place
        what = f"the strategy failed on {view.session:%Y-%m-%d}: {type(error).__name__}: {error}"
        raise RunError(f"{_place(strategy, error)}: {what}") from error
    match answer:
        case None:
            return None
        case Hold(rule=rule):
            return Answer(None, _tags(rule, view, rules))
        case Decision():
            return Answer(_weights(answer, view), _tags(answer.rule, view, rules))
    raise RunError(
        f"{view.session:%Y-%m-%d}: the strategy answered {type(answer).__name__}, expected Decision, Hold or None."
    )


def _weights(decision: Decision, view: MarketView) -> np.ndarray:
    try:
        weights = np.array(decision.weights, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise RunError(f"{view.session:%Y-%m-%d}: weights are not numbers: {error}.") from error
    if weights.shape != (len(view.assets),):
        raise RunError(
            f"{view.session:%Y-%m-%d}: weights have shape {weights.shape}, expected ({len(view.assets)},), one per "
            "asset of view.assets, zero for those left out."
        )
    weights.flags.writeable = False
    return weights


def _tags(rule: str | tuple[str, ...], view: MarketView, rules: frozenset[str]) -> tuple[str, ...]:
    tags = (rule,) * len(view.assets) if isinstance(rule, str) else tuple(rule)
    if len(tags) != len(view.assets):
        raise RunError(
            f"{view.session:%Y-%m-%d}: {len(tags)} rules for {len(view.assets)} assets. Give one for all, or one each."
        )
    for tag in sorted(set(tags) - rules):
        raise RunError(
            f"{view.session:%Y-%m-%d}: an order cites the rule {tag!r}, which the plan does not have. "
            f"Its rules are {sorted(rules)}; write the rule down in plan.rules or cite another."
        )
    return tags


def check_purposes(weights: np.ndarray, tags: tuple[str, ...], purposes: Mapping[str, str], view: MarketView) -> None:
    """Refuse an order against the purpose of the rule it cites: an exit that adds, an entry that takes away.

    Raises:
        RunError: Naming session, asset and rule.
    """
    held = view.weights
    for asset, name in enumerate(view.assets):
        grows = abs(weights[asset]) > abs(held[asset]) + _ROUNDING or weights[asset] * held[asset] < 0
        shrinks = abs(weights[asset]) < abs(held[asset]) - _ROUNDING or weights[asset] * held[asset] < 0
        purpose = purposes[tags[asset]]
        if (purpose == "exit" and grows) or (purpose == "entry" and shrinks):
            raise RunError(
                f"{view.session:%Y-%m-%d}: {name} goes from weight {held[asset]:.4f} to {weights[asset]:.4f} under the "
                f"rule {tags[asset]!r}, whose purpose is '{purpose}'. Cite a rule of the right purpose; "
                "'rebalance' does both."
            )


def _place(strategy: Strategy, error: BaseException) -> str:
    """Return file:line of the innermost frame inside the strategy's own file, else of the innermost frame."""
    frames = traceback.extract_tb(error.__traceback__)
    try:
        own = inspect.getsourcefile(type(strategy))
    except TypeError:  # a class without a source file, as in an interactive session
        own = None
    inside = [frame for frame in frames if own is not None and Path(frame.filename) == Path(own)]
    frame = (inside or list(frames))[-1]
    return f"{frame.filename}:{frame.lineno}"
