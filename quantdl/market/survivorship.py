"""Was the universe chosen by its survivors? Told from how many assets live to the last session."""

import math
from dataclasses import dataclass

from quantdl.market.card import Universe
from quantdl.market.panel import Panel
from quantdl.market.status import CellStatus

_EXIT_RATE = 0.01
_UNLIKELY = 0.01


@dataclass(frozen=True)
class Survivorship:
    """What the lives of the assets say about how they were chosen.

    Attributes:
        universe: ``"survivors"`` when survival is too good for chance, else what the card declares.
        exits: Assets whose history ended before the panel does.
        expected_exits: How many were to be expected at the least.
        probability: Chance of so few exits.
        sentence: All of it in words.
    """

    universe: Universe
    exits: int
    expected_exits: float
    probability: float
    sentence: str


def judge_survivorship(panel: Panel) -> Survivorship:
    """Ask whether so many assets could live to the last session unless they had been picked for it.

    Exits are taken as Poisson with a rate of 1 % a year for each asset's time between its first and its last trade. The
    rate is a choice, not an estimate: it lies far below the turnover of any exchange or index (of the S&P 500 some
    twenty members in five hundred leave in a year), so that the verdict errs on the side of the data. If the chance of
    so few exits is below 1 %, the universe was chosen with knowledge of its survivors, whatever the card declares.
    """
    traded = panel.traded
    alive = [column for column in range(len(panel.assets)) if traded[:, column].any()]
    firsts = panel.sessions[traded[:, alive].argmax(axis=0)]
    lasts = panel.sessions[len(traded) - 1 - traded[::-1, alive].argmax(axis=0)]
    years = float((lasts - firsts).days.to_numpy().sum()) / 365.25
    exits = int((panel.status[-1] == CellStatus.DELISTED).sum())
    expected = _EXIT_RATE * years
    probability = _poisson_cdf(exits, expected)
    chosen = probability < _UNLIKELY
    facts = (
        f"{len(alive) - exits:,} of {len(alive):,} assets live to the last session, {panel.sessions[-1]:%Y-%m-%d}, "
        f"over {years:,.0f} asset-years. If only 1 % of listings left in a year, {expected:,.1f} would have left; "
        f"{exits:,} did"
    )
    if chosen:
        verdict = f" (chance {probability:.2g}): the universe was chosen knowing its survivors, so results flatter."
    elif panel.card.universe == "survivors":
        verdict = "; the card declares a universe of survivors, so results flatter."
    elif exits == 0:
        verdict = "; too little time to tell whether the universe was chosen by its survivors."
    else:
        verdict = "; nothing here says that the universe was chosen by its survivors."
    return Survivorship("survivors" if chosen else panel.card.universe, exits, expected, probability, facts + verdict)


def _poisson_cdf(count: int, mean: float) -> float:
    if mean <= 0:
        return 1.0
    logs = [k * math.log(mean) - mean - math.lgamma(k + 1) for k in range(count + 1)]
    return min(1.0, math.fsum(math.exp(value) for value in logs))
