"""Models side by side: mean scores, tests against one of them, and the same by asset, year, regime and horizon."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from quantdl.risk.backtests import christoffersen
from quantdl.scoring import (
    ScoreDifference,
    clustered_difference,
    combined_p_value,
    diebold_mariano,
    model_confidence_set,
    offset_sets,
)

_REJECTED = 0.05
_PAIR = ["session", "asset"]


@dataclass(frozen=True)
class MeanFigures:
    """Scores of some stock-days; lower is better.

    Attributes:
        n: Stock-days.
        nll: Mean negative log score of each asset's own law, in nats.
        joint_nll: Negative log density of each session's joint law, in nats per stock-day.
        joint_nll_day: The same per session.
        crps_bp: Mean CRPS in basis points of log return.
        fz0_01: Mean FZ0 of value at risk and expected shortfall at 99 %, of each asset's own law; None where one of the
            shortfalls is not positive, for which there is no score.
        fz0_05: The same at 95 %.
        coverage_90: Share of returns inside the central 90 % interval.
        hit_01: Share of returns below the 1 % quantile.
        hit_05: Share below the 5 % quantile.
        above_95: Share above the 95 % quantile.
        above_99: Share above the 99 % quantile.
    """

    n: int
    nll: float
    joint_nll: float
    joint_nll_day: float
    crps_bp: float
    fz0_01: float | None
    fz0_05: float | None
    coverage_90: float
    hit_01: float
    hit_05: float
    above_95: float
    above_99: float


@dataclass(frozen=True)
class AgainstOne:
    """A model's log scores against those of one other on the same stock-days; negative speaks for the model.

    Attributes:
        model: The other.
        difference: Mean difference in nats per stock-day.
        t: Over its standard error, with the stock-days of a session as one cluster.
        p_value: Of that t.
        diebold_mariano_t: Over a standard error that also allows sessions to be correlated.
        diebold_mariano_p: Its p-value.
        stocks_better: Share of the stocks whose mean score is better.
    """

    model: str
    difference: float
    t: float
    p_value: float
    diebold_mariano_t: float
    diebold_mariano_p: float
    stocks_better: float


@dataclass(frozen=True)
class GroupScores:
    """Scores of one model in one part of the test span.

    Attributes:
        model: Name of the model.
        by: What the span is divided by.
        group: The asset, the year in which the return ends, or the regime known when the forecast was made.
        figures: Its scores.
        difference: Mean log score less that of the model compared with; None without one.
        t: Of that difference, clustered by session; None without one.
    """

    model: str
    by: Literal["asset", "year", "regime"]
    group: str
    figures: MeanFigures
    difference: float | None
    t: float | None


@dataclass(frozen=True)
class AssetTests:
    """Tests of one asset's value at risk, at 99 or 95 %.

    Attributes:
        model: Name of the model.
        asset: Symbol.
        level: Confidence.
        n: Sessions.
        exceptions: Returns below the quantile.
        kupiec_p: Exact p-value of Kupiec's test of their number.
        christoffersen_p: Exact p-value of Christoffersen's test of number and independence.
    """

    model: str
    asset: str
    level: float
    n: int
    exceptions: int
    kupiec_p: float
    christoffersen_p: float


@dataclass(frozen=True)
class HorizonScores:
    """Scores of returns over several bars, in sets of sessions whose returns do not overlap.

    Attributes:
        model: Name of the model.
        bars: Bars of a return, and number of the sets.
        n: Stock-days in all sets.
        nll: Mean over the sets of the mean log score of each.
        crps_bp: Likewise, in basis points.
        coverage_90: Likewise, share inside the central 90 % interval.
        difference: Likewise, log score less that of the model compared with; None without one.
        t: Median over the sets of the clustered t of the difference; None without one.
        p_value: The sets' p-values combined, valid however they depend; None without one.
    """

    model: str
    bars: int
    n: int
    nll: float
    crps_bp: float
    coverage_90: float
    difference: float | None
    t: float | None
    p_value: float | None


def mean_figures(days: pd.DataFrame) -> MeanFigures:
    """Average scored stock-days, see `quantdl.risk.scores.stock_days.stock_days`."""
    where, n = days["pit"].to_numpy(), len(days)
    joint = float(days.groupby("session")["joint_nll"].first().sum())
    return MeanFigures(
        n=n,
        nll=float(days["nll"].mean()),
        joint_nll=joint / n,
        joint_nll_day=joint / days["session"].nunique(),
        crps_bp=1e4 * float(days["crps"].mean()),
        fz0_01=_defined(days["fz0_01"]),
        fz0_05=_defined(days["fz0_05"]),
        coverage_90=_inside(days["pit"], 0.9),
        hit_01=float((where < 0.01).mean()),
        hit_05=float((where < 0.05).mean()),
        above_95=float((where > 0.95).mean()),
        above_99=float((where > 0.99).mean()),
    )


def against_one(days: pd.DataFrame, other: pd.DataFrame, name: str) -> AgainstOne:
    """Test a model's log scores against another's on the stock-days that both scored."""
    pairs = _paired(days, other)
    clustered = _clustered(pairs)
    daily = pairs.groupby("session")["difference"].mean().to_numpy()
    by_stock = pairs.groupby("asset")["difference"].mean()
    dependent = diebold_mariano(daily)
    return AgainstOne(
        name,
        clustered.mean,
        clustered.t,
        clustered.p_value,
        dependent.t,
        dependent.p_value,
        float((by_stock < 0).mean()),
    )


def confidence_set(days: Mapping[str, pd.DataFrame], seed: int) -> dict[str, float]:
    """P-value of every model in the model confidence set of mean log scores a session.

    On the stock-days that all models scored; empty where there are fewer than two models that differ.
    """
    scores = pd.concat({name: frame.set_index(_PAIR)["nll"] for name, frame in days.items()}, axis=1, join="inner")
    by_session = scores.groupby(level="session").mean()
    distinct = by_session.T.drop_duplicates().T
    if distinct.shape[1] < 2:
        return {}
    found = model_confidence_set(distinct.to_numpy(), seed)
    return dict(zip(map(str, distinct.columns), found.tolist(), strict=True))


def group_scores(
    model: str, days: pd.DataFrame, other: pd.DataFrame | None, regimes: pd.Series
) -> tuple[GroupScores, ...]:
    """Score a model by asset, by year and by regime.

    Args:
        model: Its name.
        days: Its stock-days.
        other: Those of the model compared with; None without one, or for that model itself.
        regimes: Regime known at the close of each session, indexed by session.
    """
    labels = {
        "asset": days["asset"].astype(str),
        "year": days["ends"].dt.year.astype(str),
        "regime": days["session"].map(regimes).astype(str),
    }
    found = []
    for by in ("asset", "year", "regime"):
        for group, part in days.groupby(labels[by], sort=True):
            pairs = None if other is None else _paired(part, other)
            test = None if pairs is None or pairs["session"].nunique() < 2 else _clustered(pairs)
            difference, t = (None, None) if test is None else (test.mean, test.t)
            found.append(GroupScores(model, by, str(group), mean_figures(part), difference, t))
    return tuple(found)


def asset_tests(model: str, days: pd.DataFrame) -> tuple[AssetTests, ...]:
    """Test the value at risk of every asset at 99 and 95 %; an asset of fewer than two sessions is left out."""
    found = []
    for asset, rows in days.sort_values("session", kind="stable").groupby("asset", sort=True):
        if len(rows) < 2:
            continue
        for level, below in ((0.99, 0.01), (0.95, 0.05)):
            hits = (rows["pit"] < below).to_numpy()
            tests = christoffersen(hits, level, exact=True)
            p_values = tests.coverage.p_value, tests.conditional_coverage.p_value
            found.append(AssetTests(model, str(asset), level, len(hits), int(hits.sum()), *p_values))
    return tuple(found)


def rejected_assets(tests: tuple[AssetTests, ...], level: float) -> tuple[int, int]:
    """How many assets Kupiec's and Christoffersen's test reject at 5 %, at one level of confidence."""
    chosen = [test for test in tests if test.level == level]
    kupiec = sum(test.kupiec_p < _REJECTED for test in chosen)
    return kupiec, sum(test.christoffersen_p < _REJECTED for test in chosen)


def horizon_scores(
    model: str, days: pd.DataFrame, other: pd.DataFrame | None, sessions: pd.DatetimeIndex, bars: int
) -> HorizonScores:
    """Score returns over several bars set by set; a set's returns do not overlap.

    Args:
        model: Its name.
        days: Its stock-days, every session's return.
        other: Those of the model compared with; None without one, or for that model itself.
        sessions: Consecutive sessions at whose close forecasts were made.
        bars: Of a return.

    Raises:
        ValueError: If there are fewer than two sessions a set.
    """
    scored = sessions[sessions.isin(days["session"])]
    sets = [_of(days, scored, positions) for positions in offset_sets(len(scored), bars)]
    tests = [] if other is None else [_clustered(_paired(part, other)) for part in sets]
    return HorizonScores(
        model=model,
        bars=bars,
        n=sum(len(part) for part in sets),
        nll=float(np.mean([part["nll"].mean() for part in sets])),
        crps_bp=1e4 * float(np.mean([part["crps"].mean() for part in sets])),
        coverage_90=float(np.mean([_inside(part["pit"], 0.9) for part in sets])),
        difference=float(np.mean([test.mean for test in tests])) if tests else None,
        t=float(np.median([test.t for test in tests])) if tests else None,
        p_value=combined_p_value([test.p_value for test in tests]) if tests else None,
    )


def _defined(scores: pd.Series) -> float | None:
    """Mean of scores; None where one of them is undefined."""
    return None if scores.isna().any() else float(scores.mean())


def _inside(where: pd.Series, level: float) -> float:
    """Share of probabilities inside the central interval of a level."""
    return float(((where - 0.5).abs() <= 0.5 * level).mean())


def _of(days: pd.DataFrame, sessions: pd.DatetimeIndex, positions: NDArray[np.int64]) -> pd.DataFrame:
    return days[days["session"].isin(sessions[positions])]


def _paired(days: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    pairs = days[[*_PAIR, "nll"]].merge(other[[*_PAIR, "nll"]], on=_PAIR, suffixes=("", "_other"))
    return pairs.assign(difference=pairs["nll"] - pairs["nll_other"])


def _clustered(pairs: pd.DataFrame) -> ScoreDifference:
    return clustered_difference(pairs["difference"].to_numpy(), pairs["session"].to_numpy())
