"""Why a decision is refused: no number, a cap broken, a position enlarged between two rebalances, a rule misused."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from quantdl.backtest.book.kernel import TOLERANCE
from quantdl.backtest.book.terms import Purpose
from quantdl.calendars.labels import bar_text
from quantdl.errors import RunError
from quantdl.portfolio.limits import Limits
from quantdl.portfolio.risk_budget import WITHOUT_FORECAST, position_shortfalls, predicted_shortfall


class ForbiddenWeightsError(RunError):
    """Weights that are no numbers, hold what cannot be held, or break a cap, whatever is predicted."""


class PredictedLossError(RunError):
    """A book of which the model predicts a larger loss than the plan allows, or nothing."""


def check_decision(
    weights: np.ndarray,
    rules: tuple[str, ...],
    limits: Limits,
    listed: np.ndarray,
    assets: tuple[str, ...],
    session: pd.Timestamp,
) -> None:
    """Refuse weights that are not numbers, hold what cannot be held, or break a cap.

    Raises:
        ForbiddenWeightsError: Naming session, asset or group, weight, cap and rule.
    """
    day = bar_text(session)
    for index in np.flatnonzero(~np.isfinite(weights)):
        raise ForbiddenWeightsError(
            f"{day}: weight of {assets[index]} is {weights[index]} (rule '{rules[index]}'). Give a number, 0 for none."
        )
    for index in np.flatnonzero((weights != 0) & ~listed):
        raise ForbiddenWeightsError(
            f"{day}: weight {weights[index]:g} on {assets[index]}, which is not listed or not in the universe on "
            f"that day (rule '{rules[index]}'). Use view.listed to leave it out."
        )
    if limits.long_only and (weights < 0).any():
        index = weights.argmin()
        raise ForbiddenWeightsError(
            f"{day}: weight {weights[index]:g} on {assets[index]}, but the plan is long-only (rule '{rules[index]}'). "
            "Use zero, or set sizing.long_only to false and state the borrow terms."
        )
    _check_caps(weights, rules, limits, assets, day)


def _check_caps(weights: np.ndarray, rules: tuple[str, ...], limits: Limits, assets: tuple[str, ...], day: str) -> None:
    absolute = np.abs(weights)
    largest = int(absolute.argmax())
    tags = ", ".join(f"'{rule}'" for rule in sorted(set(rules)))
    group_gross, group_net = limits.group_sums(absolute), np.abs(limits.group_sums(weights))
    fullest, most_one_sided = int(group_gross.argmax()), int(group_net.argmax())
    for name, given, cap, what in (
        ("sizing.max_weight", absolute[largest], limits.max_weight, assets[largest]),
        ("sizing.max_gross", absolute.sum(), limits.max_gross, "the book, gross"),
        ("sizing.max_net", abs(weights.sum()), limits.max_net, "the book, net"),
        (
            "related_positions.max_group_gross",
            group_gross[fullest],
            limits.max_group_gross,
            _group(limits, fullest, assets),
        ),
        (
            "related_positions.max_group_net",
            group_net[most_one_sided],
            limits.max_group_net,
            f"{_group(limits, most_one_sided, assets)}, net",
        ),
    ):
        if given > cap + TOLERANCE:
            raise ForbiddenWeightsError(
                f"{day}: weight {given:g} of {what} breaks {name} = {cap:g} (rule {tags}). "
                "quantdl.portfolio.within_limits(weights, view.limits) shrinks weights into the caps."
            )


def _group(limits: Limits, number: int, assets: tuple[str, ...]) -> str:
    """Return the name of a group, with its members where it is a cluster, which has no name of its own."""
    name = limits.group_names[number]
    if not name.startswith("cluster "):
        return name
    return f"{name} ({', '.join(assets[asset] for asset in np.flatnonzero(limits.group_of == number))})"


def check_predicted_losses(
    weights: np.ndarray,
    rules: tuple[str, ...],
    limits: Limits,
    draws: Callable[[], np.ndarray | None],
    assets: tuple[str, ...],
    session: pd.Timestamp,
    answering: np.ndarray | None = None,
) -> None:
    """Refuse a book of which the model predicts a larger loss than the plan allows, as a whole or in one position.

    Args:
        weights: (A,) the book, within the other caps.
        rules: (A,) names of the rules that ask for it.
        limits: The caps.
        draws: Gives (S, A) log returns over the plan's horizon, or None without a model; asked only where needed.
        assets: (A,) symbols.
        session: Of the decision.
        answering: (A,) positions that are held against the limit of a single one; all where None.

    Raises:
        PredictedLossError: Naming session, asset, predicted loss, limit and rule.
    """
    if not limits.follows_forecasts or not weights.any():
        return
    day, law = bar_text(session), draws()
    if law is None:
        raise PredictedLossError(
            f"{day}: the plan limits predicted losses, but no model predicts any. Give the run forecasts."
        )
    tags = ", ".join(f"'{rule}'" for rule in sorted({rules[asset] for asset in np.flatnonzero(weights)}))
    for name, cap, of_book in (
        ("sizing.max_predicted_loss_per_trade", limits.position_shortfall, False),
        ("sizing.risk_budget", limits.book_shortfall, True),
    ):
        if cap is None:
            continue
        try:
            whole = np.array([predicted_shortfall(weights, law, cap.level)]) if of_book else None
            found = position_shortfalls(weights, law, cap.level) if whole is None else whole
        except ValueError as error:
            raise PredictedLossError(f"{day}: {name} cannot be held against the model's draws: {error}") from error
        found = found if of_book or answering is None else np.where(answering, found, 0.0)
        worst = int(found.argmax())
        if found[worst] == WITHOUT_FORECAST:
            without = [assets[asset] for asset in np.flatnonzero((weights != 0) & np.isnan(law).any(axis=0))]
            raise PredictedLossError(
                f"{day}: the model has no forecast of {', '.join(without)}, so {name} cannot be kept with a weight on "
                f"it (rule {tags}). Give it weight 0, as quantdl.portfolio.within_risk_budget does."
            )
        if found[worst] > cap.limit + TOLERANCE:
            what = "the book" if of_book else assets[worst]
            raise PredictedLossError(
                f"{day}: a predicted {100 * cap.level:g}% shortfall of {found[worst]:.6g} of {what} breaks {name} = "
                f"{cap.limit:g} (rule {tags}). quantdl.portfolio.within_risk_budget(weights, view.draws, view.limits) "
                "cuts a book into it."
            )


def check_cadence(
    weights: np.ndarray, current: np.ndarray, rules: tuple[str, ...], assets: tuple[str, ...], session: pd.Timestamp
) -> None:
    """Refuse a larger position between two sessions of the plan's cadence; reducing one is always allowed.

    Raises:
        RunError: Naming session, asset and weights.
    """
    larger = (np.abs(weights) > np.abs(current) + TOLERANCE) | (weights * current < 0)
    for index in np.flatnonzero(larger):
        raise RunError(
            f"{bar_text(session)}: weight {weights[index]:g} of {assets[index]} against {current[index]:g} held "
            f"(rule '{rules[index]}'), but the plan has no rebalance on that day. Decide when view.rebalance_due "
            "is true, or change horizon.rebalance."
        )


def check_purposes(
    weights: np.ndarray,
    tags: tuple[str, ...],
    purposes: Mapping[str, Purpose],
    held: np.ndarray,
    assets: tuple[str, ...],
    session: pd.Timestamp,
) -> None:
    """Refuse an order against the purpose of the rule it cites: an exit that adds, an entry that takes away.

    Raises:
        RunError: Naming session, asset and rule.
    """
    for asset, name in enumerate(assets):
        grows = abs(weights[asset]) > abs(held[asset]) + TOLERANCE or weights[asset] * held[asset] < 0
        shrinks = abs(weights[asset]) < abs(held[asset]) - TOLERANCE or weights[asset] * held[asset] < 0
        purpose = purposes[tags[asset]]
        if (purpose == "exit" and grows) or (purpose == "entry" and shrinks):
            raise RunError(
                f"{bar_text(session)}: {name} goes from weight {held[asset]:.4f} to {weights[asset]:.4f} under the "
                f"rule {tags[asset]!r}, whose purpose is '{purpose}'. Cite a rule of the right purpose; "
                "'rebalance' does both."
            )
