"""Fast exit: within how many sessions the whole book can be flat."""

from collections.abc import Iterator
from dataclasses import dataclass

from quantdl.backtest.plan.friction import Liquidity, VolumeWaiver
from quantdl.backtest.plan.refusals import PlanFault, at_least


@dataclass(frozen=True)
class FastExit:
    """Within how many sessions the whole book can be flat at the participation cap. Decisions beyond it are cut."""

    max_sessions: int


def faults(fast_exit: FastExit, liquidity: Liquidity, horizon_bars: int) -> Iterator[PlanFault]:
    """Yield a fault for an exit that is slower than the planned one, or that nothing can slow down."""
    sessions = fast_exit.max_sessions
    yield from at_least("fast_exit.max_sessions", sessions, 1, "a number of sessions")
    if isinstance(liquidity, VolumeWaiver):
        if sessions > 1:
            expected = "1: with a volume waiver no fill is capped, so a longer exit can never bind"
            yield PlanFault("fast_exit.max_sessions", str(sessions), expected, "write 1 or state dollar volumes")
    elif sessions > horizon_bars:
        expected = f"at most the horizon of {horizon_bars} bars: a fast exit is no slower than a planned one"
        yield PlanFault("fast_exit.max_sessions", str(sessions), expected, f"set it to {horizon_bars} or less")


def data_faults(fast_exit: FastExit, n_sessions: int) -> Iterator[PlanFault]:
    """Yield a fault for an exit that may take as long as the run."""
    if fast_exit.max_sessions >= n_sessions:
        expected = f"fewer than the {n_sessions} sessions of the span, or it can never bind"
        yield PlanFault("fast_exit.max_sessions", str(fast_exit.max_sessions), expected, "lower it")
