"""Whether a universe was chosen by its survivors, judged by when histories end and when they begin."""

import math
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from quantdl.market.card import Universe
from quantdl.market.panel import Panel
from quantdl.market.status import CellStatus

_EXIT_RATE = 0.01
_UNLIKELY = 0.01
_FLATTERED = "results look better than they were"


@dataclass(frozen=True)
class Survivorship:
    """What the first and last bars of the assets say about how they were chosen.

    Attributes:
        universe: ``"survivors"`` when survival is too good for chance, else what the card declares.
        exits: Assets whose history ended before the panel does.
        expected_exits: How many would have been expected at a low rate of exits.
        probability: Chance of so few exits.
        last_listing: Session on which the last asset begins.
        listings: Assets that begin after the first session.
        listings_probability: Chance that none of those begins later than ``last_listing``, did they begin at any time.
        sentence: All of it in words.
    """

    universe: Universe
    exits: int
    expected_exits: float
    probability: float
    last_listing: date
    listings: int
    listings_probability: float
    sentence: str


def judge_survivorship(panel: Panel) -> Survivorship:
    """Ask whether so many assets could live to the last session unless they had been picked for it.

    Exits are taken as Poisson with a rate of 1 % a year for each asset's time between its first and its last trade. The
    rate is a choice, not an estimate: it lies far below the turnover of any exchange or index (of the S&P 500 some
    twenty members in five hundred leave in a year), so that only strong evidence makes a universe one of survivors. If
    the chance of so few exits is below 1 %, the universe was chosen with knowledge of its survivors, whatever the card
    declares.

    Beginnings show how long a history was required: if n assets begin after the first session, at any time alike, the
    chance that all of them do so in the first share s of the panel's time is s to the power of n. Below 1 % the
    sentence says that nothing begins after that. Such a universe was fixed then, or made of assets that had lasted
    since: a selection, but by itself none by survival, so the verdict stays as it is.
    """
    traded = panel.has_bar
    alive = np.flatnonzero(traded.any(axis=0))
    firsts = panel.sessions[traded[:, alive].argmax(axis=0)]
    lasts = panel.sessions[len(traded) - 1 - traded[::-1, alive].argmax(axis=0)]
    years = float((lasts - firsts).days.to_numpy().sum()) / 365.25
    exits = int((panel.status[-1] == CellStatus.DELISTED).sum())
    expected = _EXIT_RATE * years
    probability = _poisson_cdf(exits, expected)
    chosen = probability < _UNLIKELY
    facts = (
        f"{len(alive) - exits:,} of {len(alive):,} assets live to the last session, {panel.sessions[-1]:%Y-%m-%d}, "
        f"over {years:,.0f} asset-years. If only 1% of listings left in a year, {expected:,.1f} would have left; "
        f"{exits:,} did"
    )
    if chosen:
        verdict = f" (chance {probability:.2g}): the universe was chosen knowing its survivors, so {_FLATTERED}."
    elif panel.card.declaration.universe == "survivors":
        verdict = f"; the card declares a universe of survivors, so {_FLATTERED}."
    elif exits == 0:
        facts = f"{len(panel.sessions.unique()):,} sessions of {_assets(len(alive))}, all of which live to the last"
        verdict = ", are too little time to tell whether the universe was chosen by its survivors."
    else:
        verdict = "; nothing here says that the universe was chosen by its survivors."
    last, listings, chance = _beginnings(panel, firsts)
    if chance < _UNLIKELY:
        verdict += (
            f" {listings:,} assets begin after the first session but none after {last:%Y-%m-%d} (chance {chance:.2g}): "
            "assets were probably chosen for having a history since then."
        )
    universe = "survivors" if chosen else panel.card.declaration.universe
    return Survivorship(universe, exits, expected, probability, last.date(), listings, chance, facts + verdict)


def _assets(number: int) -> str:
    return "1 asset" if number == 1 else f"{number:,} assets"


def _beginnings(panel: Panel, firsts: pd.DatetimeIndex) -> tuple[pd.Timestamp, int, float]:
    start, end = panel.sessions[0], panel.sessions[-1]
    last = firsts.max() if len(firsts) else start
    listings = int((firsts > start).sum())
    share = (last - start) / (end - start) if end > start else 1.0
    return last, listings, float(share**listings)


def _poisson_cdf(count: int, mean: float) -> float:
    if mean <= 0:
        return 1.0
    logs = [k * math.log(mean) - mean - math.lgamma(k + 1) for k in range(count + 1)]
    return min(1.0, math.fsum(math.exp(value) for value in logs))
