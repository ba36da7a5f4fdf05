"""The law of a book as a whole: what its forecasts of the next return were worth, whichever model made them.

A book here is a weighted sum of log returns, so that it is linear in what is modelled. Its law is drawn, under a seed,
with a standard error that is stated: for every model alike, because `Forecast.weighted_sum`, from which networks learn
books, is exact only where each asset's return is affine in a standard variable, and it is so in none of the networks.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from quantdl.distributions import Forecast
from quantdl.risk.backtests import christoffersen, kolmogorov_smirnov, kupiec
from quantdl.scoring import energy_score, fz0, scored_cells
from quantdl.training.forecasting import SessionLaws

FloatArray = NDArray[np.float64]
Side = Literal["losses", "gains"]

TAILS: tuple[tuple[Side, float], ...] = (("losses", 0.99), ("losses", 0.95), ("gains", 0.99), ("gains", 0.95))
"""The tails of a book that are predicted and tested: side and confidence."""

_BOOKS_SEED = 0  # the same books in every evaluation, whatever its seed
_ENERGY_DRAWS = 1000


class DrawnSums:
    """Laws of K weighted sums, one for each book, as equally likely draws; what they give is float64.

    Quantiles are order statistics as in `quantdl.risk.value_at_risk`: the loss that is not exceeded with the
    complement of ``probability``, and for gains likewise.

    Args:
        sums: (K, S) draws in any order; they are sorted in place.
    """

    def __init__(self, sums: NDArray[np.floating]) -> None:
        sums.sort(axis=1)
        self._ordered = sums

    @staticmethod
    def of(weights: Tensor, draws: Tensor) -> "DrawnSums":
        """The laws of books (K, A), 0 for absent assets, under joint draws (S, A) float32 of log returns."""
        return DrawnSums((weights.to(torch.float32) @ draws.T).numpy())

    def cdf(self, value: Tensor) -> Tensor:
        """Share of the draws below, half of a tie counted, as if the value were one of the draws: never 0 or 1."""
        given = value.numpy().astype(self._ordered.dtype)
        pairs = list(zip(self._ordered, given, strict=True))
        smaller = np.array([row.searchsorted(one, "left") for row, one in pairs])
        at_most = np.array([row.searchsorted(one, "right") for row, one in pairs])
        return torch.from_numpy((0.5 * (smaller + at_most) + 0.5) / (self._ordered.shape[1] + 1.0))

    def icdf(self, probability: float) -> Tensor:
        """Quantiles, (K,)."""
        return self._at(self._rank(probability))

    def lower_mean(self, probability: float) -> Tensor:
        """Mean of the lowest ``probability`` of each law, (K,)."""
        return self._mean(self._ordered, probability)

    def upper_mean(self, probability: float) -> Tensor:
        """Mean of the highest ``probability`` of each law, (K,)."""
        return self._mean(self._ordered[:, ::-1], probability)

    def quantile_error(self, probability: float) -> Tensor:
        """Standard error of `icdf`, (K,), as in `quantdl.risk.measures.losses.value_at_risk_error`."""
        n_draws = self._ordered.shape[1]
        ranks = np.sqrt(n_draws * probability * (1.0 - probability))
        rank = self._rank(probability)
        upper, lower = min(rank + int(np.ceil(ranks)), n_draws - 1), max(rank - int(np.ceil(ranks)), 0)
        return (self._at(upper) - self._at(lower)) * float(ranks / (upper - lower))

    def _rank(self, probability: float) -> int:
        """Of the draws from the lowest, counted from 0, so that as many lie beyond it as the tail holds."""
        n_draws: int = self._ordered.shape[1]
        if probability < 0.5:
            return int(round(probability * n_draws, 6))
        return n_draws - 1 - int(round((1.0 - probability) * n_draws, 6))

    def _at(self, rank: int) -> Tensor:
        return torch.from_numpy(self._ordered[:, rank].astype(np.float64))

    def _mean(self, outwards: NDArray[np.floating], probability: float) -> Tensor:
        """Mean of the first draws; the last one counts in part where the share is no whole number of draws."""
        share = round(probability * outwards.shape[1], 6)
        whole = int(share)
        total = outwards[:, :whole].sum(axis=1, dtype=np.float64) + (share - whole) * outwards[:, whole]
        return torch.from_numpy(np.asarray(total / share, np.float64))


@dataclass(frozen=True, eq=False)
class BookForecasts:
    """What was predicted of K books in T sessions, and what came; everything in log return, (T, K) float64.

    Attributes:
        sessions: (T,) at whose close the forecasts were made.
        outcome: Weighted sum of the realised log returns.
        pit: Probability of at most the outcome.
        value_at_risk: By tail, positive in its own direction: 0.02 is a loss, or a gain, of 2 %.
        shortfall: By tail, mean beyond it.
        error: Standard error of the value at risk of losses at 99 %.
        energy: (T,) energy score of the joint law of all assets.
    """

    sessions: pd.DatetimeIndex
    outcome: FloatArray
    pit: FloatArray
    value_at_risk: dict[tuple[Side, float], FloatArray]
    shortfall: dict[tuple[Side, float], FloatArray]
    error: FloatArray
    energy: FloatArray

    def size(self, side: Side) -> FloatArray:
        """What happened in the direction of a side: a loss, or a gain, as a positive number."""
        return -self.outcome if side == "losses" else self.outcome

    def exceeded(self, tail: tuple[Side, float]) -> NDArray[np.bool_]:
        """Where the value at risk of a tail was exceeded."""
        return np.asarray(self.size(tail[0]) > self.value_at_risk[tail])

    def fz0(self, tail: tuple[Side, float]) -> FloatArray:
        """FZ0 of every session and book; NaN where a shortfall is not positive, for which there is no score."""
        shortfall = torch.from_numpy(self.shortfall[tail])
        given = torch.from_numpy(self.size(tail[0])), torch.from_numpy(self.value_at_risk[tail])
        score = fz0(*given, torch.where(shortfall > 0, shortfall, 1.0), tail[1])
        return np.asarray(torch.where(shortfall > 0, score, torch.nan).numpy())

    def table(self) -> pd.DataFrame:
        """Lay it out with a row a session and book; book 0 is the first."""
        n_sessions, n_books = self.outcome.shape
        columns = {"outcome": self.outcome, "pit": self.pit}
        for side, level in TAILS:
            name = f"{side}_{round(100 * level)}"
            columns[f"value_at_risk_{name}"] = self.value_at_risk[side, level]
            columns[f"shortfall_{name}"] = self.shortfall[side, level]
        frame = pd.DataFrame({name: values.ravel() for name, values in columns.items()})
        frame.insert(0, "book", np.tile(np.arange(n_books), n_sessions))
        frame.insert(0, "session", self.sessions.repeat(n_books))
        return frame


def long_only_books(n_assets: int, n_books: int) -> FloatArray:
    """Weights of equal weight and of random long-only books, all fully invested.

    The random ones are uniform over all such books (Dirichlet with every parameter 1), and the same in every call.

    Returns:
        (1 + n_books, A), equal weight first.

    Example:
        >>> long_only_books(4, 2)[0].tolist()
        [0.25, 0.25, 0.25, 0.25]
    """
    random = np.random.default_rng(_BOOKS_SEED).dirichlet(np.ones(n_assets), n_books)
    return np.vstack([np.full((1, n_assets), 1.0 / n_assets), random])


def forecast_books(
    pieces: Iterable[SessionLaws], weights: FloatArray, n_draws: int, seed: int, *, with_energy: bool = True
) -> BookForecasts:
    """Predict books session by session and hold them against what came.

    An asset that the law leaves out or whose return was not observed is left out of the books of that session, and the
    other weights are stretched to the same sum. A session in which nothing was scored is left out.

    Args:
        pieces: Laws of one return window in time order.
        weights: (K, A), one book a row.
        n_draws: Joint draws a session.
        seed: Of the draws, which depend on the session too.
        with_energy: Whether the energy score is worked out, which takes most of the time; else it is NaN.

    Raises:
        ValueError: If no session was scored.
    """
    rows = [_book_row(piece, row, weights, n_draws, seed, with_energy) for piece, row in _scored_rows(pieces)]
    if not rows:
        raise ValueError("no session was scored: no observed return belongs to an asset that the forecasts cover.")
    sessions = pd.DatetimeIndex([session for session, _, _ in rows])
    stacked = np.stack([figures for _, figures, _ in rows])  # (T, 3 + 2 * tails, K)
    places = {tail: 3 + 2 * number for number, tail in enumerate(TAILS)}
    return BookForecasts(
        sessions,
        outcome=stacked[:, 0],
        pit=stacked[:, 1],
        value_at_risk={tail: stacked[:, place] for tail, place in places.items()},
        shortfall={tail: stacked[:, place + 1] for tail, place in places.items()},
        error=stacked[:, 2],
        energy=np.array([energy for _, _, energy in rows]),
    )


@dataclass(frozen=True)
class TailTests:
    """One tail of a book against what came.

    Attributes:
        side: ``losses`` or ``gains``.
        level: Confidence of the value at risk.
        n: Sessions.
        exceptions: Sessions beyond it.
        expected: ``(1 - level) * n``.
        kupiec_p: Exact p-value of Kupiec's test of their number.
        independence_p: Exact p-value of Christoffersen's test of their independence.
        christoffersen_p: Exact p-value of both at once.
        fz0: Mean FZ0 of value at risk and shortfall; None where a shortfall is not positive.
    """

    side: Side
    level: float
    n: int
    exceptions: int
    expected: float
    kupiec_p: float
    independence_p: float
    christoffersen_p: float
    fz0: float | None


@dataclass(frozen=True)
class BookTests:
    """Every test of one book.

    Attributes:
        tails: Losses and gains at 99 and 95 %.
        ks_p: P-value of the Kolmogorov-Smirnov test that the book's probability integral transform is uniform.
        error_bp: Mean standard error of the value at risk of losses at 99 %, in basis points.
    """

    tails: tuple[TailTests, ...]
    ks_p: float
    error_bp: float


@dataclass(frozen=True)
class PooledTail:
    """One tail of many books.

    Attributes:
        side: ``losses`` or ``gains``.
        level: Confidence of the value at risk.
        hits: Share of all sessions and books beyond it.
        rejected: Share of the books whose number of exceptions Kupiec's test rejects at 5 %.
        fz0: Mean FZ0; None where a shortfall is not positive.
    """

    side: Side
    level: float
    hits: float
    rejected: float
    fz0: float | None


def book_tests(books: BookForecasts, book: int = 0) -> BookTests:
    """Test one book.

    Args:
        books: Forecasts of several books.
        book: Which one.
    """
    uniform = kolmogorov_smirnov(books.pit[:, book])
    tails = tuple(_tail_tests(books, tail, book) for tail in TAILS)
    return BookTests(tails, uniform.p_value, 1e4 * float(books.error[:, book].mean()))


def pooled_tails(books: BookForecasts, first: int = 1) -> tuple[PooledTail, ...]:
    """Pool the books from number ``first`` on."""
    pooled = []
    for tail in TAILS:
        hits = books.exceeded(tail)[:, first:]
        p_values = [kupiec(hit, tail[1], exact=True).p_value for hit in hits.T]
        scores = _defined(books.fz0(tail)[:, first:])
        pooled.append(PooledTail(*tail, float(hits.mean()), float(np.mean(np.array(p_values) < 0.05)), scores))
    return tuple(pooled)


def share_better(own: FloatArray, rival: FloatArray) -> float:
    """Share of books whose mean score is lower than the rival's.

    Args:
        own: (T, K) scores of each session and book.
        rival: (T, K) scores of the same sessions and books.

    Raises:
        ValueError: If the shapes differ or there is no book.
    """
    if own.shape != rival.shape or own.ndim != 2 or own.size == 0:
        raise ValueError(f"scores must be of the same sessions and books, got {own.shape} and {rival.shape}.")
    return float((own.mean(axis=0) < rival.mean(axis=0)).mean())


def _tail_tests(books: BookForecasts, tail: tuple[Side, float], book: int) -> TailTests:
    hits = books.exceeded(tail)[:, book]
    tests = christoffersen(hits, tail[1], exact=True)
    return TailTests(
        *tail,
        n=len(hits),
        exceptions=int(hits.sum()),
        expected=round(1.0 - tail[1], 12) * len(hits),
        kupiec_p=tests.coverage.p_value,
        independence_p=tests.independence.p_value,
        christoffersen_p=tests.conditional_coverage.p_value,
        fz0=_defined(books.fz0(tail)[:, book]),
    )


def _defined(scores: FloatArray) -> float | None:
    """Mean of scores; None where one of them is undefined."""
    return None if np.isnan(scores).any() else float(scores.mean())


def _scored_rows(pieces: Iterable[SessionLaws]) -> Iterator[tuple[SessionLaws, int]]:
    for piece in pieces:
        scored = scored_cells(piece.law, piece.observed).any(-1)
        yield from ((piece, row) for row in range(len(piece.sessions)) if scored[row])


def _book_row(
    piece: SessionLaws, row: int, weights: FloatArray, n_draws: int, seed: int, with_energy: bool
) -> tuple[pd.Timestamp, FloatArray, float]:
    session, here = piece.sessions[row], slice(row, row + 1)
    scored = scored_cells(piece.law, piece.observed)[row].cpu()
    law = piece.law.rows(here).observed(piece.observed[here]).to("cpu")
    target = torch.where(scored, piece.target[row].cpu().double(), 0.0)
    held = torch.where(scored, torch.from_numpy(weights), 0.0)
    held = held * (torch.from_numpy(weights).sum(1) / held.sum(1))[:, None]
    key = np.random.SeedSequence([seed, int(session.value)]).generate_state(1, np.uint64)[0]
    draws = _draws(law, n_draws, int(key >> np.uint64(1)))
    sums, outcome = DrawnSums.of(held, draws), held @ target
    figures = [outcome, sums.cdf(outcome), sums.quantile_error(0.01)]
    for side, level in TAILS:
        tail = round(1.0 - level, 12)
        if side == "losses":
            figures += [-sums.icdf(tail), -sums.lower_mean(tail)]
        else:
            figures += [sums.icdf(level), sums.upper_mean(tail)]
    energy = energy_score(draws[:_ENERGY_DRAWS, None], target[None], scored[None]) if with_energy else torch.nan
    return session, torch.stack(figures).numpy(), float(energy)


def _draws(forecast: Forecast, n_draws: int, seed: int) -> Tensor:
    """Joint draws of a forecast of one row, (S, A) float32, which leave the caller's random state alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return forecast.sample(torch.Size((n_draws,)))[:, 0].to(torch.float32)
