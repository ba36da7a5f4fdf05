"""The schema of a config: everything that describes one run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, JsonValue, PrivateAttr, model_validator

from quantdl.backtest.plan.items import Plan
from quantdl.bounds import Interval, PositiveFloat, Text
from quantdl.config.forecast_schema import ForecastConfig, Model
from quantdl.config.grid import SweepSettings
from quantdl.errors import FieldFaults
from quantdl.models.settings import ModelKind, ModelSettings, member_class
from quantdl.training.settings import SearchSettings, SplitDates

STRATEGY_COPY = "strategy.py"
"""Name of the copy, in a run folder, of the file of a single strategy."""

PRICES_COPY = "prices"
"""Name of the folder, in a run folder, of a panel that was handed over in Python."""

SCENARIOS_COPY = "scenarios.yaml"
"""Name of the copy, in a run folder, of the file of stress scenarios."""

RATE_UNITS = ("percent a year", "fraction a year")
"""Units in which a risk-free rate can be read."""

_NOT_TRIED: dict[str, bool | set[str] | dict[str, set[str]]] = {
    **dict.fromkeys(("name", "seed", "output", "search", "sweep", "evaluation", "stress"), True),
    "strategy": {"file"},
    "strategies": {"__all__": {"file"}},
}
"""What another value of makes no other trial. How forecasts are scored changes neither what is forecast nor traded."""


@dataclass(frozen=True)
class StrategySettings:
    """A Python file that defines ``class Strategy``, and the arguments of its constructor.

    Running a config runs this file.

    Attributes:
        file: The file, relative to the config file.
        parameters: Arguments by name.
    """

    file: Path
    parameters: Mapping[str, JsonValue] = field(default_factory=dict)


StrategyName = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,31}$",
        description="a letter, then letters, digits, '_' and '-', at most 32",
        examples=["momentum"],
    ),
]
"""Name of one of several strategies."""


@dataclass(frozen=True)
class AllocatedSettings:
    """One of several strategies that share an account and a plan.

    Attributes:
        name: Begins the names of its rules in the plan: ``momentum.rebalance``.
        file: The file, relative to the config file.
        capital: Fraction of the book's equity that it decides on; those of all add up to at most one.
        parameters: Arguments by name.
    """

    name: StrategyName
    file: Path
    capital: Annotated[float, Interval(gt=0, le=1)]
    parameters: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True)
class BacktestSettings:
    """What the backtest needs beside the plan.

    Attributes:
        initial_equity: Money at the start.
        draws: Joint draws per session for risk and sizing.
    """

    initial_equity: Annotated[float, Interval(ge=1.0, le=1e15)] = 1_000_000.0
    draws: Annotated[int, Interval(ge=100, le=1_000_000)] = 2000


@dataclass(frozen=True)
class EvaluationSettings:
    """How `quantdl evaluate` scores; a run does not read it.

    Attributes:
        against: Row that the others are tested against: the kind of a model, numbered from the second of a kind on
            (`transformer_2`); null for the volatility model with the best log score.
        books: Random long-only books that are predicted beside equal weight.
        draws: Joint draws a session, from which the laws of books are read off.
        tick: Step in which quoted prices move, or ``found`` for that of each asset up to the end of training. The log
            score of all models is then that of the step. Null for the density.
    """

    against: Text | None = None
    books: Annotated[int, Interval(ge=0, le=10_000)] = 200
    draws: Annotated[int, Interval(ge=100, le=1_000_000)] = 10_000
    tick: PositiveFloat | Literal["found"] | None = None


class ExperimentConfig(ForecastConfig):
    """One run, complete. Made by `load_config`; frozen.

    Attributes:
        name: Begins the name of the run folder.
        seed: Seed of everything random.
        data: Which prices.
        exogenous: Series beside the prices.
        groups: File of the groups of assets, for models that read groups and write out none of their own.
        features: What a model reads.
        risk_free: Name of the series that cash earns and that Sharpe and Sortino subtract; null for neither.
        benchmark: Name of the series whose performance stands beside the strategy's; null for none.
        model: The forecaster; null for a strategy that needs none.
        training: How it is fitted.
        splits: Training, validation and test spans.
        search: Settings of model and training that `quantdl search` tries; a run does not read them.
        sweep: Parameters of the strategy that `quantdl sweep` plays; a run does not read them.
        compare: Further models to score beside it: bare kinds, which take the horizons of ``model``, or full blocks.
        strategy: The strategy file; null where there are several.
        strategies: Several strategies under one plan, each with its part of the capital.
        plan: The trading plan.
        backtest: Equity and draws.
        evaluation: How forecasts are scored side by side.
        stress: Scenarios that today's book is put through, or the file in which they stand; null for none.
        output: Where run folders go.
    """

    not_tried = _NOT_TRIED

    risk_free: Text | None = None
    benchmark: Text | None = None
    splits: SplitDates
    search: SearchSettings | None = None
    sweep: SweepSettings | None = None
    compare: tuple[ModelKind | Model, ...] = ()
    strategy: StrategySettings | None = None
    strategies: tuple[AllocatedSettings, ...] = ()
    plan: Plan
    backtest: BacktestSettings = BacktestSettings()
    evaluation: EvaluationSettings = EvaluationSettings()

    _strategy_texts: Mapping[str, str] | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _names_exist(self) -> "ExperimentConfig":
        names = [series.name for series in self.exogenous]
        known = f"expected a name under exogenous, which has {names or 'none'}"
        faults = self.series_faults()
        single = {"risk_free": self.risk_free, "benchmark": self.benchmark}
        faults += [(key, f"given {name!r}; {known}") for key, name in single.items() if name and name not in names]
        units = {series.name: series.unit for series in self.exogenous}
        evaluated = [*self.named_models()]
        if self.evaluation.against is not None and self.evaluation.against not in evaluated:
            expected = f"a model that is evaluated, of {evaluated or 'none'}"
            faults.append(("evaluation", f"against is given {self.evaluation.against!r}; expected {expected}"))
        if self.risk_free in units and units[self.risk_free] not in RATE_UNITS:
            expected = f"a series in {' or '.join(map(repr, RATE_UNITS))}"
            faults.append(("risk_free", f"{self.risk_free!r} is in {units[self.risk_free]!r}; expected {expected}"))
        if faults:
            raise FieldFaults(*faults)
        return self

    @property
    def strategy_files(self) -> dict[str, Path]:
        """The strategy files as seen from the working directory, by the names of their copies in a run folder."""
        if self.strategy is not None:
            return {STRATEGY_COPY: self.locate(self.strategy.file)}
        return {copy_of_strategy(item.name): self.locate(item.file) for item in self.strategies}

    @property
    def strategy_texts(self) -> dict[str, bytes]:
        """The source of the strategies by the names of their copies in a run folder: of files, or handed over."""
        if self._strategy_texts is not None:
            return {copy: text.encode() for copy, text in self._strategy_texts.items()}
        return {copy: file.read_bytes() for copy, file in self.strategy_files.items()}

    def compared_models(self) -> tuple[ModelSettings, ...]:
        """Return the settings of ``compare``, a bare kind with its defaults and the horizons of ``model``."""
        horizon = self.plan.horizon.bars if self.model is None else self.model.horizon
        also = () if self.model is None else self.model.also_horizons
        return tuple(
            member_class(item)(horizon, also_horizons=also) if isinstance(item, str) else item for item in self.compare
        )

    def named_models(self) -> dict[str, ModelSettings]:
        """The models that are evaluated by the name of their row, the config's own first.

        The name is the kind, numbered from the second of a kind on: two transformers and a GARCH give ``transformer``,
        ``transformer_2`` and ``garch_t``.
        """
        blocks = (() if self.model is None else (self.model,)) + self.compared_models()
        named: dict[str, ModelSettings] = {}
        for block in blocks:
            alike = sum(other.kind == block.kind for other in named.values())
            named[block.kind if alike == 0 else f"{block.kind}_{alike + 1}"] = block
        return named


def copy_of_strategy(name: str) -> str:
    """Return the name of the copy, in a run folder, of the file of one of several strategies."""
    return f"strategy_{name}.py"
