"""The book played again in a world with another future: orders, fills, equity and events up to a session."""

import pandas as pd

from quantdl.audit.verdict import Leak
from quantdl.backtest import BacktestResult, Forecasts, Job, replay

STAGE = "book"
_DECIDED = ("order", "decided", "asset", "rule", "quantity", "reference_price", "limit_price", "target_weight")
_BY_SESSION = ("equity", "weights_after_fill", "quantities", "exposures", "conditions", "regimes")


def book_leak(job: Job, true: BacktestResult, at: pd.Timestamp, forecasts: Forecasts | None, how: str) -> Leak | None:
    """Play the decisions of the true run in another world, up to a session, and compare the book to the last bit.

    Args:
        job: Of the other world, up to that session.
        true: The true run.
        at: The session.
        forecasts: Of the true world, where a condition of the plan needs them.
        how: How the future of the other world was changed.
    """
    decisions = [item for item in true.decisions if item.session <= at]
    other = replay(job, decisions, forecasts)
    for name in _BY_SESSION:
        one, two = (_until(getattr(result, name), at) for result in (true, other))
        if not _same(one, two):
            return _leak(name, at, how)
    if not _same_orders(true.orders, other.orders, at):
        return _leak("orders", at, how)
    for name in ("fills", "events"):
        one, two = (getattr(result, name) for result in (true, other))
        if not _same(*(frame[frame["session"] <= at].reset_index(drop=True) for frame in (one, two))):
            return _leak(name, at, how)
    return None


def _same_orders(true: pd.DataFrame, other: pd.DataFrame, at: pd.Timestamp) -> bool:
    """Whether what was ordered up to a session is the same, given the orders of a world that ends with it.

    An exit of a position is dated by the session that stated it, and becomes an order when a price reaches it. So the
    orders of the true run up to the session are as many as those of the other world, and among them must be all that
    are no exits and were decided by then.
    """
    first = true[: len(other)].reset_index(drop=True)
    later = true[len(other) :]
    if ((later["decided"] <= at) & (later["kind"] != "exit")).any():
        return False
    return _same(first[list(_DECIDED)], other.reset_index(drop=True)[list(_DECIDED)])


def _until(frame: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
    return frame.loc[:at]


def _same(one: pd.DataFrame, two: pd.DataFrame) -> bool:
    return bool(one.equals(two))


def _leak(name: str, at: pd.Timestamp, how: str) -> Leak:
    return Leak(STAGE, name, at.date(), None, None, None, (), how)
