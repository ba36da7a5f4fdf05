"""The schema of a config for the risk of a book: data and a model, without a strategy or a plan."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import model_validator

from quantdl.bounds import Interval, NonNegativeFloat, NotEmpty, PositiveFloat, PositiveInt
from quantdl.config.forecast_schema import ForecastConfig, Model
from quantdl.errors import FieldFaults


@dataclass(frozen=True)
class LiquiditySettings:
    """What leaving a book is measured by.

    Attributes:
        participation: Share of what an asset trades in a session that may be sold in it.
        half_spread_bps: Half of the bid-ask spread, in basis points of the value traded.
        window_bars: Trailing bars over which the traded money is averaged, where the prices have volumes.
        dollar_volume: Money that an asset trades a session, by symbol; it counts instead of the volumes of the prices,
            and a column ``dollar_volume`` of the positions instead of both.
    """

    participation: Annotated[float, Interval(gt=0, le=1)] = 0.1
    half_spread_bps: NonNegativeFloat = 2.0
    window_bars: PositiveInt = 21
    dollar_volume: Mapping[str, PositiveFloat] = field(default_factory=dict)


FEWEST_BEYOND = 50
"""Draws beyond the highest level from which on contributions to value at risk can be told."""

Level = Annotated[float, Interval(gt=0.5, lt=1)]
Draws = Annotated[int, Interval(ge=1000, le=2_000_000)]


def too_few_draws(draws: int, level: float) -> Iterator[str]:
    """Say that draws are too few for a level, where they are."""
    needed = math.ceil(round(FEWEST_BEYOND / (1.0 - level), 6))
    if draws < needed:
        yield f"given {draws}; expected at least {needed}, {FEWEST_BEYOND} beyond the highest level"


class RiskTerms(ForecastConfig):
    """What a config for the risk of a book may say beside prices and a model.

    Attributes:
        levels: Confidence levels.
        draws: Joint draws.
        validation_sessions: Last sessions before the as-of one on which a network chooses when to stop.
        unconfirmed_beyond: How many times the last close a price may be before the next bar must confirm it.
        liquidity: How long and how costly it is to leave the book.
    """

    not_tried = {**ForecastConfig.not_tried, "levels": True, "draws": True, "liquidity": True}  # noqa: RUF012 - a constant

    levels: Annotated[tuple[Level, ...], NotEmpty] = (0.975, 0.99)
    draws: Draws = 100_000
    validation_sessions: Annotated[int, Interval(ge=20, le=5000)] = 504
    unconfirmed_beyond: Annotated[float, Interval(gt=1)] = 5.0
    liquidity: LiquiditySettings = LiquiditySettings()

    @model_validator(mode="after")
    def _names_exist(self) -> "RiskTerms":
        faults = self.series_faults()
        if len({*self.levels}) < len(self.levels):
            faults.append(("levels", f"given {list(self.levels)}; expected each level once"))
        faults += [("draws", fault) for fault in too_few_draws(self.draws, max(self.levels))]
        if faults:
            raise FieldFaults(*faults)
        return self


class RiskConfig(RiskTerms):
    """What the law of an existing book is made of. Made by `load_risk_config`; frozen.

    The model answers for the next bar and for the bars of ``model.horizon`` and ``model.also_horizons``, from the close
    of the as-of session: the law of ten bars is the model's own and no multiple of that of one.

    Attributes:
        model: The forecaster; fitted on everything up to the as-of session and on nothing after it.
        levels: Confidence levels.
        draws: Joint draws.
        validation_sessions: Last sessions before the as-of one on which a network chooses when to stop; the other
            models have nothing to choose.
        unconfirmed_beyond: How many times the last close a price may be, or a fraction of it, before the next bar must
            confirm it; see the plan's ``trusted_data``.
        liquidity: How long and how costly it is to leave the book.
    """

    model: Model

    @property
    def horizons(self) -> tuple[int, ...]:
        """Bars over which risk is stated, the fewest first, each once."""
        return tuple(sorted({1, self.model.horizon, *self.model.also_horizons}))
