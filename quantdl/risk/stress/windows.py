"""Today's book in the crises of the past, and the year in which its expected shortfall would have been greatest."""

from collections.abc import Iterable
from datetime import date, timedelta

import numpy as np
import pandas as pd
import torch

from quantdl.risk.book.past_returns import BookHistory
from quantdl.risk.measures.losses import expected_shortfall
from quantdl.risk.stress.record import PositionLoss, StressFigure, StressRow
from quantdl.risk.stress.settings import StressedCalibration, WindowScenario

NAMED_WINDOWS = (
    WindowScenario("Russian default and LTCM, 1998", date(1998, 7, 20), date(1998, 10, 8)),
    WindowScenario("Dot-com bust, 2000-02", date(2000, 3, 27), date(2002, 10, 9)),
    WindowScenario("Financial crisis, 2007-09", date(2007, 10, 10), date(2009, 3, 9)),
    WindowScenario("After Lehman, 2008", date(2008, 9, 15), date(2008, 11, 20)),
    WindowScenario("Euro crisis and US downgrade, 2011", date(2011, 7, 25), date(2011, 10, 3)),
    WindowScenario("Pandemic, 2020", date(2020, 2, 20), date(2020, 3, 23)),
    WindowScenario("Inflation and rates, 2022", date(2022, 1, 4), date(2022, 10, 12)),
)
"""From the session after a high of the S&P 500 to the low that followed, by closes; 2008 also from Lehman's failure."""

_SHOWN = 5


def window_row(history: BookHistory, window: WindowScenario, bars: int) -> StressRow:
    """Put today's book through a window of the past.

    The loss is that of a book bought before the window at today's weights and held through it. The worst session and
    the worst ``bars`` sessions in a row are those of a book that enters each of them at today's weights.

    Args:
        history: Of the book's assets.
        window: The window.
        bars: Sessions in a row of the second figure.
    """
    basis = f"{window.first} to {window.last}"
    reason = _not_covered(history, window)
    if reason:
        return StressRow(window.name, "window", basis, None, why_not=reason)
    rows = _rows(history, window)
    weights, returns = history.weights, history.filled[rows]
    growth = np.cumprod(np.vstack([np.ones(len(weights)), 1.0 + returns]), axis=0)
    proxied, left_out = history.stand_ins(rows.start)
    moves = growth[-1] - 1.0
    single = -(returns @ weights)
    labels = history.past.sessions[rows]
    worst = int(single.argmax())
    figures = [StressFigure("Worst session", float(single[worst]), when=str(labels[worst].date()))]
    path = -((growth[1:] - 1.0) @ weights)
    deepest = int(path.argmax())
    figures.append(StressFigure("Deepest since the start", float(path[deepest]), when=str(labels[deepest].date())))
    if len(returns) >= bars:
        over = -((growth[bars:] / np.where(growth[:-bars] > 0, growth[:-bars], 1.0) - 1.0) @ weights)
        start = int(over.argmax())
        span = f"{labels[start].date()} to {labels[start + bars - 1].date()}"
        figures.append(StressFigure(f"Worst {bars} sessions", float(over[start]), when=span))
    return StressRow(
        window.name,
        "window",
        f"{basis}, {len(returns)} sessions",
        float(-(weights @ moves)),
        worst=position_losses(history.past.assets, weights, moves),
        figures=tuple(figures),
        notes=tuple(_notes(history, proxied, left_out)),
    )


def calibration_row(history: BookHistory, settings: StressedCalibration, level: float) -> StressRow:
    r"""Find the window of the past in which the book's expected shortfall of one session is greatest.

    As in the Basel framework: the window is looked for on the reduced set, the positions whose assets have returns
    from the start of the data; the shortfall of the whole book is that of the reduced set in the window times
    :math:`\max(ES_{F,C} / ES_{R,C}, 1)`, the ratio of both over the last window.

    Args:
        history: Of the book's assets.
        settings: Length of the window, and what the reduced set must explain.
        level: Of the shortfall.

    References:
        | Basel Committee on Banking Supervision (2019), Minimum capital requirements for market risk, MAR33.5-33.7
    """
    name, length = "Worst year of the data", settings.window
    basis = f"expected shortfall of one session at {100 * level:g}%, {length} sessions"
    past, weights = history.past, history.weights

    def none(reason: str) -> StressRow:
        return StressRow(name, "calibration", basis, None, why_not=reason)

    first = int(past.first_rows[past.first_rows < len(past.sessions)].min(initial=len(past.sessions)))
    if len(past.sessions) - first < length:
        return none(f"the data have returns in {len(past.sessions) - first} sessions, fewer than {length}")
    if (1.0 - level) * length < 1.0 - 1e-9:
        return none(f"level {level:g} needs a window of {int(np.ceil(1.0 / (1.0 - level) - 1e-9))} sessions or more")
    whole = past.first_rows <= first + 1
    reduced = np.where(whole, weights, 0.0)
    if not reduced.any():
        return none("no asset of the book has returns from the start of the data")
    returns = history.filled[first:]
    losses, own = -(returns @ weights), -(returns @ reduced)
    shortfalls = rolling_shortfall(own, length, level)
    current, current_reduced = (float(rolling_shortfall(one[-length:], length, level)[0]) for one in (losses, own))
    if current_reduced <= 0 or current <= 0:
        return none("the book's expected shortfall over the last window is not positive, so no ratio is defined")
    share = current_reduced / current
    if share < settings.least_share:
        return none(
            f"the assets that have returns from the start of the data make up {100 * share:.0f}% of the book's "
            f"present shortfall, {100 * settings.least_share:g}% are needed; take data that start later"
        )
    start = int(shortfalls.argmax())
    stressed = float(shortfalls[start]) * max(current / current_reduced, 1.0)
    labels = past.sessions[first:]
    span = f"{labels[start].date()} to {labels[start + length - 1].date()}"
    left = [past.assets[asset] for asset in history.held.tolist() if not whole[asset]]
    return StressRow(
        name,
        "calibration",
        basis,
        stressed,
        figures=(
            StressFigure("Worst window", float(shortfalls[start]), when=span),
            StressFigure("Last window", current, when=f"{labels[-length].date()} to {labels[-1].date()}"),
            StressFigure("Stressed over last", stressed / current, "ratio"),
            StressFigure("Share of the reduced set", share, "ratio"),
        ),
        notes=(f"Not in the reduced set: {', '.join(left)}.",) if left else (),
    )


def rolling_shortfall(losses: np.ndarray, length: int, level: float) -> np.ndarray:
    """Expected shortfall of every ``length`` losses in a row, (T,) gives (T - length + 1,)."""
    spans = np.lib.stride_tricks.sliding_window_view(losses, length)
    return np.asarray(expected_shortfall(torch.from_numpy(spans.copy()).mT, level).numpy())


def position_losses(
    assets: Iterable[str], weights: np.ndarray, moves: np.ndarray, most: int = _SHOWN
) -> tuple[PositionLoss, ...]:
    """Return what the positions lose that lose most, largest first; those that lose nothing are left out.

    Args:
        assets: Names, A of them.
        weights: (A,) fractions of equity.
        moves: (A,) simple returns.
        most: Positions to return at most.
    """
    losses, names = -weights * moves, tuple(assets)
    ordered = [asset for asset in np.argsort(-losses, kind="stable").tolist() if losses[asset] > 0]
    return tuple(
        PositionLoss(names[asset], float(weights[asset]), float(moves[asset]), float(losses[asset]))
        for asset in ordered[:most]
    )


def _rows(history: BookHistory, window: WindowScenario) -> slice:
    sessions = history.past.sessions
    first = sessions.searchsorted(pd.Timestamp(window.first), side="left")
    stop = sessions.searchsorted(pd.Timestamp(window.last), side="right")
    return slice(int(first), int(stop))


def _not_covered(history: BookHistory, window: WindowScenario) -> str:
    """Why the data do not cover every session of a window; empty where they do."""
    sessions = history.past.sessions
    known = np.flatnonzero(np.isfinite(history.past.market))
    if not len(known):
        return "the data have no returns"
    begin, end = sessions[known[0]].date(), sessions[known[-1]].date()
    rows = _rows(history, window)
    if rows.stop <= rows.start:
        return f"no session of the data, {begin} to {end}, lies in it"
    day = timedelta(days=1)
    if history.past.may_trade(window.first, begin - day):
        return f"the data begin on {begin}"
    if history.past.may_trade(end + day, window.last):
        return f"the data end on {end}"
    return ""


def _notes(history: BookHistory, proxied: list[int], left_out: list[int]) -> Iterable[str]:
    assets, weights = history.past.assets, history.weights
    if proxied:
        named = ", ".join(f"{assets[asset]} ({history.betas[asset]:.2f})" for asset in proxied)
        yield f"Not listed yet, so moved by beta times the mean of the assets that were: {named}."
    if left_out:
        named = ", ".join(f"{assets[asset]} ({100 * weights[asset]:.1f}%)" for asset in left_out)
        yield f"Left out, with no beta to go by, weight in brackets: {named}."
