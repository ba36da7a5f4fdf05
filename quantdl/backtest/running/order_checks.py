"""Why single orders and exits of positions are refused: what is missing in them, and what the book would become."""

import math
from collections.abc import Iterator, Mapping

import numpy as np

from quantdl.backtest.book.terms import Purpose
from quantdl.backtest.running.decision_checks import (
    check_cadence,
    check_decision,
    check_predicted_losses,
    check_purposes,
)
from quantdl.backtest.running.decisions import Moment, Order, Orders, PositionExits
from quantdl.backtest.running.view import MarketView
from quantdl.calendars.labels import bar_text
from quantdl.errors import RunError


def check_orders(answer: Orders, now: Moment, view: MarketView, purposes: Mapping[str, Purpose]) -> None:
    """Refuse orders that cannot be placed, or that would make a book which the caps forbid.

    A book is judged as if every order filled at the last close.

    Raises:
        RunError: Naming session, asset, what was given and what is expected.
    """
    column = {asset: place for place, asset in enumerate(view.assets)}
    marks, day = now.book.marks, f"{bar_text(view.session)}"
    for name, items in (("orders", answer.orders), ("exits", answer.exits)):
        seen: set[str] = set()
        for item in items:
            if item.asset not in column:
                raise RunError(f"{day}: {name} name {item.asset!r}, which is not in the data. Use view.assets.")
            if item.asset in seen:
                raise RunError(f"{day}: two {name} for {item.asset}. Give one, it takes the place of what waits.")
            seen.add(item.asset)
    for order in answer.orders:
        for problem in _order_problems(order, float(marks[column[order.asset]]), view):
            raise RunError(f"{day}: order for {order.asset} (rule '{order.rule}'): {problem}")
    ordered = np.isin(view.assets, [order.asset for order in answer.orders])
    wanted = now.book.shares + np.where(ordered, 0.0, now.book.waiting)  # an order takes the place of what waits
    for order in answer.orders:
        wanted[column[order.asset]] += order.quantity
    for exits in answer.exits:
        place = column[exits.asset]
        for problem in _exit_problems(exits, float(wanted[place]), float(marks[place])):
            raise RunError(f"{day}: exits of {exits.asset} (rule '{exits.rule}'): {problem}")
        if purposes[exits.rule] == "entry":
            raise RunError(f"{day}: exits of {exits.asset} cite the rule '{exits.rule}', whose purpose is 'entry'.")
    _check_book(answer, wanted, now, view, purposes)


def _check_book(
    answer: Orders, wanted: np.ndarray, now: Moment, view: MarketView, purposes: Mapping[str, Purpose]
) -> None:
    """Hold the book that the orders lead to, with what waits elsewhere, against caps, cadence and purposes.

    An order that only reduces its position is not refused for what the book has drifted to.
    """
    equity, cited = now.book.equity(), {order.asset: order.rule for order in answer.orders}
    if not cited or equity <= 0:
        return
    after, without = (
        np.where(shares != 0, shares * now.book.marks, 0.0) / equity for shares in (wanted, now.book.shares)
    )
    ordered = np.array([asset in cited for asset in view.assets])
    default = next(iter(cited.values()))
    rules = tuple(cited.get(asset, default) for asset in view.assets)
    held = np.where(ordered, view.weights, after)  # only what is ordered has to answer for its rule
    check_purposes(after, rules, purposes, held, view.assets, view.session)
    if not now.due:
        check_cadence(after, held, rules, view.assets, view.session)
    larger = ordered & ((np.abs(after) > np.abs(view.weights)) | (after * view.weights < 0))
    if larger.any():
        cap = now.limits.max_weight
        fuller = np.where(np.abs(after) > np.abs(without), after, without)  # whichever of both fills is the heavier
        judged = np.where(ordered, after, fuller)
        judged = np.where(larger, judged, np.where(view.listed, np.clip(judged, -cap, cap), 0.0))
        check_decision(judged, rules, now.limits, view.listed, view.assets, view.session)
        check_predicted_losses(
            judged, rules, now.limits, lambda: view.draws, view.assets, view.session, answering=larger
        )


def _order_problems(order: Order, mark: float, view: MarketView) -> Iterator[str]:
    """Yield what is wrong with an order by itself."""
    if not (math.isfinite(order.quantity) and order.quantity != 0):
        yield f"got quantity {order.quantity}; expected shares, negative to sell. Fix: give some, or leave it out."
    if not math.isfinite(mark):
        yield "the asset has no price yet. Fix: wait until it has traded."
    needs = {"limit": "price", "stop": "price", "trailing_stop": "trail"}.get(order.kind)
    for name, value in (("price", order.price), ("trail", order.trail)):
        allowed = name == needs or (name == "price" and order.kind == "trailing_stop")
        if value is None and name == needs:
            yield f"kind '{order.kind}' needs a {name}. Fix: give one."
        elif value is not None and not allowed:
            yield f"got a {name}, which kind '{order.kind}' does not have. Fix: leave it out."
        elif value is not None and not (math.isfinite(value) and value > 0 and (name == "price" or value < 1)):
            expected = "a price above 0" if name == "price" else "a fraction between 0 and 1"
            yield f"got {name} {value}; expected {expected}."
    if order.kind in ("stop", "trailing_stop") and order.price is not None and math.isfinite(mark):
        buys = order.quantity > 0
        if (order.price <= mark) if buys else (order.price >= mark):
            side = "above" if buys else "below"
            yield (
                f"got a stop at {order.price:g} with the market at {mark:g}; expected one {side} it, or it is set "
                "off at once. Fix: move it, or use kind 'market'."
            )
    if order.sessions is not None and order.sessions < 1:
        yield f"got sessions {order.sessions}; expected 1 or more, or None."
    if order.kind == "market_on_open" and "open" not in view.fields:
        yield "kind 'market_on_open' needs opens. Fix: trust the field 'open', or use 'market_on_close'."


def _exit_problems(exits: PositionExits, shares: float, mark: float) -> Iterator[str]:
    """Yield what is wrong with the exits of a position of so many shares."""
    if shares == 0:
        yield "nothing is held or ordered. Fix: leave them out."
    if exits.stop is exits.target is exits.trail is None:
        yield "got neither stop nor target nor trail. Fix: give one of them, or leave the exits out."
    if exits.trail is not None and not 0 < exits.trail < 1:
        yield f"got trail {exits.trail}; expected a fraction between 0 and 1."
    for name, level, below in (("stop", exits.stop, shares > 0), ("target", exits.target, shares < 0)):
        if level is None:
            continue
        if not (math.isfinite(level) and level > 0):
            yield f"got {name} {level}; expected a price above 0."
        elif level >= mark if below else level <= mark:
            side, held = "below" if below else "above", "long" if shares > 0 else "short"
            yield f"got {name} {level:g} of a {held} position with the market at {mark:g}; expected one {side} it."
