"""What a book may lose in the next session, whoever predicts it, and the predictions beside what was lost."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from types import MappingProxyType
from typing import Protocol

import numpy as np
import pandas as pd
import torch

from quantdl.risk.backtests.monitoring import CELLS, transform_edges
from quantdl.risk.measures.losses import expected_shortfall, value_at_risk
from quantdl.risk.measures.parameter_uncertainty import parameter_risk

LEVELS = (0.95, 0.99)
"""Confidence levels at which every run's value at risk is predicted and tested."""

BANDS = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
"""Probabilities at which the predicted law of the book's next return is kept."""

MEMBER_COLUMNS = ("value_at_risk_low", "value_at_risk_high", "value_at_risk_spread")
"""How far the members of an ensemble or a posterior are apart: what is not known of the parameters."""

PARAMETER_COLUMNS = ("expected_shortfall_mixed", "expected_shortfall_known", "variance_between")
"""What not knowing the parameters adds: see `quantdl.risk.measures.parameter_uncertainty.ParameterRisk`."""


@dataclass(frozen=True, eq=False)
class MemberLosses:
    """Losses a book may make under each member of an ensemble or a posterior.

    Attributes:
        losses: (M, S), of the same random numbers for all members, so that members alike differ in nothing.
        weights: (M,) probability of each member.
    """

    losses: torch.Tensor
    weights: torch.Tensor

    def range_of_value_at_risk(self, level: float) -> tuple[float, float, float]:
        """Least and largest value at risk under a member, and the standard deviation over the members."""
        return self._range_of(value_at_risk, level)

    def range_of_expected_shortfall(self, level: float) -> tuple[float, float, float]:
        """Least and largest expected shortfall under a member, and the standard deviation over the members."""
        return self._range_of(expected_shortfall, level)

    def _range_of(
        self, measure: Callable[[torch.Tensor, float], torch.Tensor], level: float
    ) -> tuple[float, float, float]:
        values = torch.stack([measure(own, level) for own in self.losses])
        mean = (values * self.weights).sum()
        spread = ((values - mean).square() * self.weights).sum().sqrt()
        return float(values.min()), float(values.max()), float(spread)

    def price_of_not_knowing(self, level: float) -> tuple[float, float, float]:
        """Values of `PARAMETER_COLUMNS`: shortfall of the mixture, its mean over members, share of the variance."""
        found = parameter_risk(self.losses, self.weights, level)
        return found.expected_shortfall, found.expected_shortfall_known, found.variance_between


@dataclass(frozen=True, eq=False)
class BookRisk:
    """Losses a book may make in the next session.

    Attributes:
        losses: (S,) equally likely losses as fractions of equity, positive when money is lost; none where nothing is
            known of the book.
        n_observed: Past returns that the losses rest on, where these are fewer than the losses: draws may be as many as
            one likes, but ten returns that stand in for an asset tell of no loss in a hundred.
        basis: What was counted, in words that follow the count, for instance ``"past returns of AAPL"``.
        by_member: Makes the losses under each member of a law that has members; None where it has none.
    """

    losses: torch.Tensor
    n_observed: int | None = None
    basis: str = "losses"
    by_member: Callable[[], MemberLosses] | None = None

    @property
    def n(self) -> int:
        """Observations behind the losses."""
        return len(self.losses) if self.n_observed is None else min(len(self.losses), self.n_observed)

    def reaches(self, level: float) -> bool:
        """Whether there is enough to tell a quantile at ``level``: at least one observation beyond it."""
        return round(self.n * (1.0 - level), 6) >= 1.0

    def short_of(self, level: float) -> str:
        """Say how many observations ``level`` needs and how many there are.

        Example:
            >>> BookRisk(torch.zeros(60), basis="past returns of AAPL").short_of(0.99)
            'level 0.99 needs at least 100 observations, got 60 past returns of AAPL'
        """
        needed = math.ceil(round(1.0 / (1.0 - level), 6))
        return f"level {level:g} needs at least {needed} observations, got {self.n} {self.basis}"

    def value_at_risk(self, level: float) -> float:
        """Smallest loss not exceeded with probability ``level``.

        Raises:
            ValueError: If there are too few observations for it, see `reaches`.
        """
        self._refuse_few(level)
        return float(value_at_risk(self.losses, level))

    def expected_shortfall(self, level: float) -> float:
        """Mean of the worst ``1 - level`` share of the losses.

        Raises:
            ValueError: If there are too few observations for it, see `reaches`.
        """
        self._refuse_few(level)
        return float(expected_shortfall(self.losses, level))

    def return_quantiles(self, probabilities: Sequence[float] = BANDS) -> np.ndarray:
        """Return (P,) the book's returns that the next one stays below with these probabilities.

        Each is the negative of the loss that is not exceeded with the rest of the probability, so the one at 0.01 is
        the value at risk at 0.99. NaN where there are too few observations on its side, see `reaches`.

        Example:
            >>> BookRisk(torch.arange(100).double() / 100).return_quantiles([0.01, 0.05, 0.5])
            array([-0.98, -0.94, -0.49])
        """
        told = np.array([self.reaches(max(one, 1.0 - one)) for one in probabilities])
        found = np.full(len(told), np.nan)
        if told.any():
            levels = 1.0 - np.asarray(probabilities, dtype=np.float64)[told]
            losses = self.losses.cpu().numpy().astype(np.float64)
            found[told] = -np.quantile(losses, levels.round(12), method="inverted_cdf")
        return found

    def edges(self) -> np.ndarray | None:
        """Return (19,) losses that part the law into 20 parts, each as likely to hold the next one; None of too few.

        See `quantdl.risk.backtests.monitoring.transform_edges`.
        """
        return transform_edges(self.losses.cpu().numpy()) if self.n >= CELLS - 1 else None

    def cell(self, loss: float) -> int | None:
        """Return in which of the 20 parts a loss fell, 0 the part of the smallest; None where there are none."""
        edges = self.edges()
        return None if edges is None else int(np.searchsorted(edges, loss, side="left"))

    def _refuse_few(self, level: float) -> None:
        if 0.5 <= level < 1.0 and not self.reaches(level):
            raise ValueError(f"{self.short_of(level)}.")

    def probability_of_less(self, loss: float) -> float:
        """Probability of a smaller loss, half of a tie counted: uniform if the law is right, and never 0 or 1.

        The loss counts as one of S + 1, so one beyond all of S losses has probability 1 - 0.5 / (S + 1): that so many
        draws hold none as large does not make it impossible.
        """
        smaller, ties = (self.losses < loss).double().sum(), (self.losses == loss).double().sum()
        return float((smaller + 0.5 * ties + 0.5) / (len(self.losses) + 1))


class LossPredictions(Protocol):
    """Predicts the losses of any book over the next session: a model's forecasts, or past returns."""

    def source(self, fewest: int, most: int) -> str:
        """What the predictions are called in a report.

        Args:
            fewest: Observations behind the prediction that has the fewest of them.
            most: Behind the one that has the most.
        """

    def book_risk(self, session: pd.Timestamp, weights: np.ndarray) -> BookRisk:
        """Predict at the close of ``session`` the next session's losses of the book held after its fills.

        Args:
            session: Whose close is the last price known.
            weights: (A,) fractions of equity, negative for short positions; the rest to one is cash.
        """


@dataclass(frozen=True)
class LeftOut:
    """Sessions held whose risk at one level was not predicted, because too little was known of the book.

    Attributes:
        n: How many.
        first: The first of them.
        last: The last.
        reason: What was missing at the first: how many observations the level needs, and how many there were.
    """

    n: int
    first: date
    last: date
    reason: str

    @property
    def statement(self) -> str:
        """All of it in a sentence without its end."""
        held = "1 session held was" if self.n == 1 else f"{self.n:,} sessions held were"
        return f"{held} left out, the first on {self.first}: {self.reason}"


@dataclass(frozen=True, eq=False)
class RiskTable:
    """Predictions beside what was lost.

    Attributes:
        rows: Columns ``session, level, value_at_risk, expected_shortfall, loss, exception, source``; where the laws
            have members, also `MEMBER_COLUMNS`: the least and the largest value at risk under a member and the
            standard deviation over them; and `PARAMETER_COLUMNS`.
        probabilities: Of each session's loss under its prediction, indexed by session; for the sessions for which a
            level was predicted.
        left_out: By level, the sessions held for which none was.
        cells: In which of 20 equally likely parts of its predicted law each session's loss fell, see `BookRisk.cell`;
            for the sessions for which the law has as many parts.
        bands: The predicted law of each session's return as fractions of equity, a column for each of `BANDS`, and
            what came as ``return``, indexed by session. NaN where too little was known of the book.
    """

    rows: pd.DataFrame
    probabilities: pd.Series
    left_out: Mapping[float, LeftOut]
    cells: pd.Series = field(default_factory=lambda: pd.Series(dtype=np.int64))
    bands: pd.DataFrame = field(default_factory=pd.DataFrame)


def risk_table(
    predictions: LossPredictions,
    weights_after_fill: pd.DataFrame,
    held_return: pd.Series,
    levels: Iterable[float] = LEVELS,
    traded: np.ndarray | None = None,
    step: Callable[[int, int], None] | None = None,
) -> RiskTable:
    """Hold each session's loss against what was predicted at the close before.

    Sessions entered without positions are left out: they can neither lose nor fail. So are sessions in which nothing
    trades: a loss is held against what was predicted at the close of the last session with a trade, and includes what
    the book paid or earned (borrowing, interest) in the sessions between. So is a level for which there are too few
    observations; these are counted.

    Args:
        predictions: What is asked for the losses.
        weights_after_fill: (T, A) book held after each close's fills.
        held_return: (T,) simple return of the book held into each session.
        levels: Confidence levels, lowest first.
        traded: (T,) whether any asset traded in each session; None where one did in all of them.
        step: Told how many sessions are done, and how many there are.
    """
    levels, rows, probabilities, cells = tuple(levels), [], {}, {}
    apart: list[tuple[float, ...]] = []
    bands = dict[pd.Timestamp, np.ndarray]()
    counts, missed = [], {level: list[tuple[pd.Timestamp, str]]() for level in levels}
    returns = held_return if traded is None or traded.all() else _over_silence(held_return, traded)
    sessions = weights_after_fill.index if traded is None else weights_after_fill.index[traded]
    for number, (before, session) in enumerate(pairwise(sessions), start=1):
        if step is not None:
            step(number, len(sessions) - 1)
        weights = weights_after_fill.loc[before].to_numpy(dtype=np.float64)
        if not weights.any():
            continue
        risk, loss = predictions.book_risk(before, weights), -float(returns.loc[session])
        bands[session] = np.append(risk.return_quantiles(), -loss)
        if (cell := risk.cell(loss)) is not None:
            cells[session] = cell
        members = None if risk.by_member is None else risk.by_member()
        for level in levels:
            if not risk.reaches(level):
                missed[level].append((session, risk.short_of(level)))
                continue
            limit, shortfall = risk.value_at_risk(level), risk.expected_shortfall(level)
            rows.append((session, level, limit, shortfall, loss, loss > limit))
            apart.append(_over_members(members, level))
            counts.append(risk.n)
            probabilities[session] = risk.probability_of_less(loss)
    names = ["session", "level", "value_at_risk", "expected_shortfall", "loss", "exception"]
    table = pd.DataFrame(rows, columns=names).astype({"exception": bool, "level": float, "loss": float})
    if not np.isnan(apart).all():
        table[[*MEMBER_COLUMNS, *PARAMETER_COLUMNS]] = apart
    table["source"] = pd.Series(
        predictions.source(min(counts), max(counts)) if counts else "", table.index, dtype=object
    )
    left_out = {level: _left_out(found) for level, found in missed.items() if found}
    series = pd.Series(probabilities, dtype=np.float64, name="pit")
    return RiskTable(table, series, MappingProxyType(left_out), pd.Series(cells, dtype=np.int64), _bands(bands))


def _bands(by_session: Mapping[pd.Timestamp, np.ndarray]) -> pd.DataFrame:
    columns = [*(f"{probability:g}" for probability in BANDS), "return"]
    laws = np.array(list(by_session.values())).reshape(-1, len(columns))
    return pd.DataFrame(laws, pd.DatetimeIndex(list(by_session)), columns)


def _over_members(members: MemberLosses | None, level: float) -> tuple[float, ...]:
    if members is None:
        return (math.nan,) * len(MEMBER_COLUMNS + PARAMETER_COLUMNS)
    return members.range_of_value_at_risk(level) + members.price_of_not_knowing(level)


def _over_silence(held_return: pd.Series, traded: np.ndarray) -> pd.Series:
    """Return what the book earned into each session that trades since the one before that did, compounded."""
    found, so_far = [], 0.0
    for value, trades in zip(held_return.tolist(), traded.tolist(), strict=True):
        so_far = (1.0 + so_far) * (1.0 + value) - 1.0 if so_far else value
        if trades:
            found.append(so_far)
            so_far = 0.0
    return pd.Series(found, held_return.index[traded])


def _left_out(missed: list[tuple[pd.Timestamp, str]]) -> LeftOut:
    (first, reason), (last, _) = missed[0], missed[-1]
    return LeftOut(len(missed), first.date(), last.date(), reason)
