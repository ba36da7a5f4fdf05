"""What a notebook hands over, as the config that a YAML file would be, and the parts that are at hand already."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from quantdl.audit.outside_data import outside_data
from quantdl.backtest import Plan
from quantdl.config import ExperimentConfig
from quantdl.config.forecast_schema import OutputSettings
from quantdl.config.in_python import config_in_python
from quantdl.config.schema import STRATEGY_COPY
from quantdl.errors import ConfigError, DataError
from quantdl.experiment.given import Given
from quantdl.interface.days import day_of
from quantdl.interface.laws import Laws, Recipe
from quantdl.interface.prices import UNCONFIRMED_BEYOND, Prices
from quantdl.interface.strategies import HandedStrategy, handed_strategy
from quantdl.market.panel import Panel
from quantdl.market.sources.settings import PriceSettings, Sp500Prices, StoredPrices
from quantdl.market.sources.sp500 import load_sp500
from quantdl.risk.stress.settings import StressSettings
from quantdl.training.settings import SplitDates

STRESS = StressSettings()
_BEFORE = 3  # sessions: one in each span before the test, and the one at whose close the first decision is taken
_ARGUMENTS: Mapping[tuple[str | int, ...], tuple[str | int, ...]] = {
    ("splits", "test_start"): ("plan", "sample", "first"),
    ("splits", "test_end"): ("plan", "sample", "last"),
    ("backtest", "initial_equity"): ("initial_equity",),
    ("backtest", "draws"): ("draws",),
    ("strategy", "file"): ("strategy",),
}
_OWN_ARGUMENT: Mapping[str, str] = {"data": "panel", "plan": "plan", "strategy": "strategy"}
_OF_LAWS = ("model", "training", "features", "seed")


@dataclass(frozen=True, eq=False)
class Request:
    """A run that is asked for in Python.

    Attributes:
        config: What it says.
        given: What is at hand of it.
        prices: The panel to be stored beside the run; None where the config names where the prices stand.
    """

    config: ExperimentConfig
    given: Given
    prices: Panel | None

    def among(self, runs: Path) -> ExperimentConfig:
        """Return the config with another folder of runs."""
        return self.config.model_copy(update={"output": OutputSettings(runs, self.config.output.state_seconds)})


def request(
    panel: Panel,
    plan: Plan | None,
    strategy: object,
    laws: Laws | None = None,
    *,
    name: str = "notebook",
    seed: int | None = None,
    initial_equity: float = 1_000_000.0,
    draws: int = 2000,
    splits: SplitDates | None = None,
    stress: StressSettings | None = STRESS,
    settings: Mapping[str, object] | None = None,
) -> Request:
    """Return the config of a run that is asked for in Python; the arguments are those of `backtest`.

    Raises:
        ConfigError: If something is no strategy, panel or book of laws, or the laws do not suit.
        PlanError: With every fault of the plan.
    """
    data = _data_block(panel)
    if laws is not None and not isinstance(laws, Laws):
        raise ConfigError(
            f"laws: given {type(laws).__name__}; expected what a fitted model's forecast returns, or None."
        )
    if not isinstance(plan, Plan):
        raise ConfigError(
            f"plan: given {type(plan).__name__}; expected qd.Plan(...). Fix: print(qd.plan.template(panel)) shows one "
            "to be filled in."
        )
    _refuse_said_twice(settings or {}, laws)
    handed = None if isinstance(strategy, str | Path) else handed_strategy(strategy, plan.rules)
    values: dict[str, object] = {
        "name": name,
        "seed": _seed(seed, laws),
        "data": data,
        "strategy": _strategy_block(strategy, handed),
        "plan": plan,
        "backtest": {"initial_equity": initial_equity, "draws": draws},
        "stress": stress,
        "splits": splits if splits is not None else _splits(panel, plan, laws),
        **(settings or {}),
    }
    if laws is not None:
        recipe = _recipe(laws)
        values |= {"model": laws.settings, "training": recipe.training, "features": recipe.features}
    config = config_in_python(values, None if handed is None else {STRATEGY_COPY: handed.text}, _ARGUMENTS)
    _refuse_empty_span(panel, config)
    if laws is not None:
        _refuse_unsuited(laws, panel, config)
    prices = panel if isinstance(config.data, StoredPrices) else None
    return Request(config, _given(panel, laws, handed), prices)


def _given(panel: Panel, laws: Laws | None, handed: HandedStrategy | None) -> Given:
    fitted, book = (None, None) if laws is None else (laws.fitted, laws.book)
    if handed is None:
        return Given(panel=panel, fitted=fitted, book=book)
    called = handed.read_when_called()
    dated = {name: outside_data(value, len(panel.bars)) for name, value in handed.outside.items() if name in called}
    found = {name: data for name, data in dated.items() if data is not None}
    unseen = [
        _unseen(name, value, name in found)
        for name, value in handed.outside.items()
        if not (name in found and isinstance(value, Panel) and _equal(panel, value))
    ]
    return Given(handed.make, panel, fitted, book, found, handed.reading, tuple(unseen))


def _unseen(name: str, value: object, is_tried: bool) -> str:
    """Why no verdict is clean of a strategy that reads something from outside, other than the prices of the run."""
    why = (
        "how its rows were made is not seen, so each may hold what came after it"
        if is_tried
        else "its rows have no dates that the audit understands, so nothing is shown about it"
    )
    return (
        f"The strategy reads `{name}` ({type(value).__name__}) from outside its view, and {why}. Compute it from the "
        "view, or hand the data to the run as a field or a series."
    )


def _strategy_block(strategy: object, handed: HandedStrategy | None) -> dict[str, object]:
    if handed is None:
        return {"file": Path(str(strategy))}
    return {"file": STRATEGY_COPY, "parameters": dict(handed.parameters)}


def _seed(seed: int | None, laws: Laws | None) -> int:
    """The seed of the laws is that of the run: another one would make it another run than the one that fitted them."""
    if laws is None:
        return 7 if seed is None else seed
    if seed not in (None, laws.seed):
        raise ConfigError(
            f"seed: given {seed}; the laws were made with {laws.seed}. Fix: leave it out, or fit with {seed}."
        )
    return laws.seed


def _data_block(panel: Panel) -> PriceSettings:
    """Where the prices stand: in the package, or else beside the run."""
    prices = Prices.of(panel)
    chosen: dict[str, Any] = {"policies": prices.policies, "eligibility": prices.eligibility}
    known = load_sp500()
    if panel.card.declaration == known.card.declaration and {*panel.assets} <= {*known.assets}:
        whole = panel.sessions.equals(known.sessions)
        first, last = panel.sessions[0].date(), panel.sessions[-1].date()
        same = known if panel.assets == known.assets else known.select(panel.assets)
        same = same if whole else same.between(first, last)
        if _equal(panel, same):
            chosen |= {} if whole else {"start": first, "end": last}
            return Sp500Prices(kind="sp500", assets=None if panel.assets == known.assets else panel.assets, **chosen)
    return StoredPrices(kind="stored", path=Path("prices"), **chosen)


def _equal(one: Panel, other: Panel) -> bool:
    """Whether two panels hold the same prices under the same card."""
    return one.card == other.card and _same_prices(one, other)


def _same_prices(one: Panel, other: Panel) -> bool:
    return (
        one.assets == other.assets
        and one.sessions.equals(other.sessions)
        and np.array_equal(one.status, other.status)
        and one.fields.keys() == other.fields.keys()
        and all(np.array_equal(values, other.fields[name], equal_nan=True) for name, values in one.fields.items())
    )


def _splits(panel: Panel, plan: Plan, laws: Laws | None) -> dict[str, object]:
    """The spans of the run: the test is the plan's sample; without a model nothing is fitted before it."""
    first, last = (getattr(plan.sample, name, None) for name in ("first", "last"))
    if laws is not None:
        fit = _recipe(laws)
        fitted = {"train_end": fit.train_end, "validation_end": fit.validation_end}
        return {**fitted, "test_start": first, "test_end": last}
    day = _day(first)
    before = panel.sessions[:0] if day is None else panel.sessions[panel.sessions < day].unique()
    if day is not None and len(before) < _BEFORE:
        raise DataError(
            f"plan.sample.first: given {first}; the prices begin on {panel.sessions[0]:%Y-%m-%d}; expected a day with "
            f"{_BEFORE} sessions before it: the first decision is taken at the close before."
        )
    ends = [end.date() for end in before[-2:]] if len(before) > 1 else [date(1900, 1, 1), date(1900, 1, 2)]
    return {"train_end": ends[0], "validation_end": ends[1], "test_start": first, "test_end": last}


def _refuse_empty_span(panel: Panel, config: ExperimentConfig) -> None:
    """Refuse a sample that the prices do not reach, in the words of the plan.

    Raises:
        DataError: With what the prices hold.
    """
    first, last, given = panel.sessions[0], panel.sessions[-1], config.plan.sample.last
    if pd.Timestamp(given) > last:
        raise DataError(
            f"plan.sample.last: given {given}; the prices hold {first:%Y-%m-%d}..{last:%Y-%m-%d}; expected a day among "
            "them."
        )


def _recipe(laws: Laws) -> Recipe:
    if laws.recipe is None:
        raise ConfigError(
            "laws: of a model that was loaded, so how it was fitted is not known, which a run has to state. Fix: fit "
            "it in this session, or write a config and `quantdl run` it."
        )
    return laws.recipe


def _day(value: Any) -> pd.Timestamp | None:  # noqa: ANN401 - whatever a plan states, which is checked with it
    """A day that a plan states; None where it is none, which the plan's own check says."""
    try:
        return pd.Timestamp(day_of(value, "plan.sample.first"))
    except ConfigError:
        return None


def _refuse_unsuited(laws: Laws, panel: Panel, config: ExperimentConfig) -> None:
    """Refuse laws of other prices, of other positions, or of another span than the plan's.

    Raises:
        ConfigError: With each that does not suit.
    """
    faults = []
    if laws.panel.card.fingerprint != panel.card.fingerprint or laws.panel.assets != panel.assets:
        faults.append("laws: made of other prices than `panel`. Fix: give both the same panel.")
    begins = "open" if config.plan.friction.fill_at == "next_open" else "close"
    if laws.begins != begins:
        faults.append(
            f"laws: their positions begin at the {laws.begins}, and plan.friction.fill_at is "
            f"{config.plan.friction.fill_at}. Fix: fit a model with fill_at={'next_' + begins!r}."
        )
    sessions = panel.sessions
    first, last = (pd.Timestamp(day) for day in (config.plan.sample.first, config.plan.sample.last))
    needed = sessions[max(int(sessions.searchsorted(first)) - 1, 0)]
    end = sessions[max(int(sessions.searchsorted(last, side="right")) - 1, 0)]
    if laws.sessions[0].normalize() > needed or laws.book.through.normalize() < end:
        faults.append(
            f"laws: made at the closes of {laws.sessions[0]:%Y-%m-%d}..{laws.book.through:%Y-%m-%d}; expected all from "
            f"{needed:%Y-%m-%d}, the session before the plan's sample, to {end:%Y-%m-%d}. Fix: "
            f"model.forecast(panel, {str(first.date())!r}, {str(last.date())!r})."
        )
    faults += _other_recipe(laws, Prices.of(panel), config)
    if faults:
        raise ConfigError("\n".join(faults))


def _other_recipe(laws: Laws, prices: Prices, config: ExperimentConfig) -> Iterator[str]:
    """Say what the run states otherwise than the fit: repeated from its folder, it would fit another model."""
    recipe = _recipe(laws)
    seen, ends = recipe.prices, pd.Timestamp(recipe.validation_end)
    if seen is not prices and not _same_prices(seen.until(ends), prices.until(ends)):
        yield "laws: their model was fitted on other prices than `panel` has. Fix: fit it on those of `panel`."
    if any((one.policies, one.eligibility) != (prices.policies, prices.eligibility) for one in (seen, laws.panel)):
        yield "laws: made under other policies or another universe than `panel` has. Fix: give both the same panel."
    for name in ("train_end", "validation_end"):
        stated, fitted = getattr(config.splits, name), getattr(recipe, name)
        if stated != fitted:
            yield f"splits.{name}: given {stated}; expected {fitted}, as the laws were fitted. Fix: leave splits out."
    beyond = config.plan.trusted_data.unconfirmed_beyond
    if beyond != UNCONFIRMED_BEYOND:
        yield (
            f"plan.trusted_data.unconfirmed_beyond: given {beyond}; expected {UNCONFIRMED_BEYOND}, under which the "
            "laws were fitted. Fix: leave it out of qd.plan.trust(...)."
        )


def _refuse_said_twice(settings: Mapping[str, object], laws: Laws | None) -> None:
    """Refuse keys of a config that would contradict what is handed over as an object.

    Raises:
        ConfigError: With each of them.
    """
    if not isinstance(settings, Mapping):
        raise ConfigError(
            f"settings: given {type(settings).__name__}; expected further keys of a config, such as "
            "{'risk_free': 'rate'}."
        )
    said = {name: argument for name, argument in _OWN_ARGUMENT.items() if name in settings}
    if laws is not None:
        said |= {name: "laws" for name in _OF_LAWS if name in settings}
    if said:
        faults = [f"settings: {name} is said by the argument {one}. Fix: leave it out." for name, one in said.items()]
        raise ConfigError("\n".join(faults))
