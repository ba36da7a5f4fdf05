"""How much of the predicted risk is due to not knowing the parameters: the spread over the members of a model."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

import pandas as pd

from quantdl.records import OMIT_DEFAULT
from quantdl.risk.scores.forecast_scores import QUANTILES, SPREAD_QUANTILES


@dataclass(frozen=True)
class LevelSpread:
    """The book's predicted value at risk at one level, over the sessions for which it was predicted.

    Attributes:
        level: Confidence level.
        n: Sessions.
        value_at_risk: Mean of the mixture's, a fraction of equity.
        spread: Mean standard deviation over the members, a fraction of equity.
        share: ``spread`` over ``value_at_risk``.
        low: Mean of the least value at risk under a member.
        high: Mean of the largest.
        widest_share: Largest standard deviation over the members, as a share of that session's value at risk.
        widest_on: The session in which it was that large.
    """

    level: float
    n: int
    value_at_risk: float
    spread: float
    share: float
    low: float
    high: float
    widest_share: float
    widest_on: date


@dataclass(frozen=True)
class QuantileSpread:
    """A quantile of the next session's return, over all assets and sessions forecast.

    Attributes:
        probability: Of the quantile.
        n: Forecasts.
        size: Mean size of the quantile, in log return.
        spread: Mean standard deviation over the members, in log return.
        share: ``spread`` over ``size``.
    """

    probability: float
    n: int
    size: float
    spread: float
    share: float


@dataclass(frozen=True)
class LevelParameterRisk:
    """What not knowing the parameters adds to the book's expected shortfall, over the sessions predicted.

    Attributes:
        level: Confidence level.
        n: Sessions.
        expected_shortfall: Mean of the mixture's, a fraction of equity.
        known: Mean over sessions of the mean over the members: what it would be if the parameters were known.
        share: Of the expected shortfall that is due to not knowing them.
        variance_between: Mean share of the variance of the book's loss that lies between the members' means.
    """

    level: float
    n: int
    expected_shortfall: float
    known: float
    share: float
    variance_between: float


@dataclass(frozen=True)
class MemberSpread:
    """What the members of a model do not agree on.

    Attributes:
        book: Of the book, lowest level first; empty where no risk was predicted.
        assets: Of single assets.
        parameters: What not knowing the parameters adds to the risk of the book, lowest level first; empty in runs of
            versions that did not record it.
    """

    book: tuple[LevelSpread, ...]
    assets: tuple[QuantileSpread, ...]
    parameters: tuple[LevelParameterRisk, ...] = field(default=(), metadata=OMIT_DEFAULT)


def member_spread(risk: pd.DataFrame, forecasts: pd.DataFrame | None) -> MemberSpread | None:
    """Sum up the spread over the members; None for a model without members.

    Args:
        risk: Rows of `quantdl.risk.book.predictions.risk_table`.
        forecasts: Of `quantdl.risk.scores.forecast_scores.forecast_table`; None without a model.
    """
    if forecasts is None or f"{SPREAD_QUANTILES[0]}_spread" not in forecasts:
        return None
    return MemberSpread(tuple(_of_book(risk)), tuple(_of_assets(forecasts)), tuple(_of_parameters(risk)))


def _of_book(risk: pd.DataFrame) -> Iterator[LevelSpread]:
    if "value_at_risk_spread" not in risk:
        return
    for level, rows in risk.groupby("level", sort=True):
        limit, spread = rows["value_at_risk"], rows["value_at_risk_spread"]
        shares = (spread / limit.where(limit > 0.0)).fillna(0.0).to_numpy()
        widest = int(shares.argmax())
        yield LevelSpread(
            level=float(str(level)),
            n=len(rows),
            value_at_risk=float(limit.mean()),
            spread=float(spread.mean()),
            share=_over(float(spread.mean()), float(limit.mean())),
            low=float(rows["value_at_risk_low"].mean()),
            high=float(rows["value_at_risk_high"].mean()),
            widest_share=float(shares[widest]),
            widest_on=pd.DatetimeIndex(rows["session"])[widest].date(),
        )


def _of_parameters(risk: pd.DataFrame) -> Iterator[LevelParameterRisk]:
    if "expected_shortfall_known" not in risk:
        return
    for level, rows in risk.groupby("level", sort=True):
        means = rows[["expected_shortfall_mixed", "expected_shortfall_known", "variance_between"]].mean()
        mixed, known, between = (float(one) for one in means)
        yield LevelParameterRisk(float(str(level)), len(rows), mixed, known, _over(mixed - known, mixed), between)


def _of_assets(forecasts: pd.DataFrame) -> Iterator[QuantileSpread]:
    rows = forecasts[(forecasts["window"] == "next_session") & forecasts["present"]]
    for name in SPREAD_QUANTILES:
        size, spread = float(rows[name].abs().mean()), float(rows[f"{name}_spread"].mean())
        yield QuantileSpread(QUANTILES[name], len(rows), size, spread, _over(spread, size))


def _over(part: float, whole: float) -> float:
    return part / whole if whole > 0.0 else 0.0
