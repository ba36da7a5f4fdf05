"""What every model of the interface does: take settings, fit, forecast. The habits are scikit-learn's."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Literal, Self

import numpy as np
import pandas as pd

from quantdl.bounds import Interval
from quantdl.calendars.labels import bar_text
from quantdl.config.arguments import Arguments
from quantdl.errors import ConfigError, DataError, did_you_mean
from quantdl.experiment.fit_terms import FitTerms
from quantdl.experiment.models import FittedBlock, fit_model, restored
from quantdl.experiment.preparation import LoadedData, inputs_of
from quantdl.features.settings import FeatureSettings
from quantdl.interface.constructing import NamedSettings
from quantdl.interface.days import Day, day_of
from quantdl.interface.drawing import Figure
from quantdl.interface.laws import Laws, Recipe
from quantdl.interface.prices import Prices
from quantdl.interface.progress import told
from quantdl.market.panel import Panel
from quantdl.models.settings import ClassicalSettings, EnsembleSettings, ModelSettings, settings_class
from quantdl.report import charts
from quantdl.sequences import Begins
from quantdl.shown import block, facts, title
from quantdl.training.checkpoints import Architecture
from quantdl.training.fit import FitReport, Progress
from quantdl.training.forecasting import FittedModel
from quantdl.training.settings import TrainingSettings, not_after
from quantdl.training.splits import fit_bars, forecast_bars


@dataclass(frozen=True, eq=False)
class Fit:
    """What a fit leaves behind.

    Attributes:
        fitted: The model and what it has seen.
        architecture: What is stored beside its weights.
        reports: How training went; none of a model without passes, or of one that was loaded.
        judged_through: Last session in which a cell of the prices may be judged by later ones.
        calendar: Of the prices.
        frequency: Of their bars.
        panel: The prices; None for a model that was loaded.
        data: What the model read of them; likewise.
        block: The model with the histories of these prices; likewise.
        recipe: How it was fitted; likewise.
    """

    fitted: FittedModel
    architecture: Architecture
    reports: tuple[FitReport, ...]
    judged_through: pd.Timestamp
    calendar: str
    frequency: str
    panel: Prices | None = None
    data: LoadedData | None = None
    block: FittedBlock | None = None
    recipe: Recipe | None = None


@dataclass(frozen=True, kw_only=True)
class FitChoices:
    """What is chosen beside the settings of a model.

    Attributes:
        seed: Of everything random in the fit, and of what is drawn from the laws.
        fill_at: Where positions are filled, from which their returns run; as in a plan.
        features: What the model reads.
    """

    seed: Annotated[int, Interval(ge=0, lt=2**63)] = 7
    fill_at: Literal["next_close", "next_open"] = "next_close"
    features: FeatureSettings = FeatureSettings()


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Estimator(FitChoices, metaclass=NamedSettings):
    """A model as a notebook holds it: settings in the constructor, then `fit`, then `forecast`.

    Each model also *is* the settings of its kind (`quantdl.models.settings`), so that its constructor has their names,
    defaults and types; a network has those of its training too (`quantdl.training.settings.TrainingSettings`). They are
    checked as a config is, in the same words.
    """

    settings: ModelSettings = field(init=False, repr=False)
    training: TrainingSettings = field(init=False, repr=False)
    _fit: Fit | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        """Check all settings.

        Raises:
            ConfigError: With every one that is wrong, what was given and what was expected.
        """
        call = Arguments(type(self).__name__)
        read = {part: call.read(part, self._values_of(part)) for part in self.read_as()}
        series = getattr(self.features, "exogenous", ())  # what is no such settings has been found already
        if series:
            given = f"given the series {list(series)}"
            call.add("features", f"{given}; expected none: series beside the prices are named by a config")
        call.refuse_faults()
        for part, found in read.items():  # as a config would hold them: numbers of numpy are Python's from here on
            for item in fields(part):
                if item.name != "members":  # which an ensemble shows as they were given
                    object.__setattr__(self, item.name, getattr(found, item.name))
        object.__setattr__(self, "settings", read[self.read_as()[0]])
        object.__setattr__(self, "training", read.get(TrainingSettings, TrainingSettings()))

    @classmethod
    def read_as(cls) -> tuple[type[Any], ...]:
        """Return the settings that the arguments of the constructor make: the model's first."""
        kind = settings_class(getattr(cls, "kind"))  # noqa: B009 - each model has one, of its own type
        trained = (TrainingSettings,) if issubclass(cls, TrainingSettings) else ()
        return (kind, *trained, FitChoices)

    def fit(self, panel: Panel, *, train_end: Day, validation_end: Day, progress: bool | Progress = False) -> Self:
        """Fit the model; the policies of the prices are put into effect before.

        A model with ``refit`` is fitted anew at the end of every such period after ``validation_end``, up to the end of
        the prices; a forecast is served by the last fit that ended before it. Give ``panel.until(...)`` to end sooner.

        Args:
            panel: Prices; those without policies of their own get the defaults of a config.
            train_end: Training labels end here.
            validation_end: Validation labels end here: the model is fitted through this session. Cells may be judged by
                later ones up to here, and no further.
            progress: Whether a line says how far it is; or what is told.

        Returns:
            The model itself.

        Raises:
            ConfigError: If an argument is wrong, the days are not in order, or a device is not there.
            DataError: If a fault of the prices is refused, or they do not reach the days.
            RunError: If training fails.
        """
        ends = day_of(train_end, "train_end"), day_of(validation_end, "validation_end")
        if ends[1] <= ends[0]:
            raise ConfigError(f"validation_end: {not_after(ends[1], 'train_end', ends[0])}.")
        line, prices = told(progress), Prices.of(panel)
        split = fit_bars(prices.sessions, *ends)
        judged_through = prices.sessions[split.fit.validation[-1]]
        data = prices.prepared(judged_through)
        fitted = fit_model(
            self.settings,
            data.learnt,
            inputs_of(self.features, data),
            split.among(data.trades),
            self._terms,
            line,
        )
        said = prices.card.declaration
        found = Fit(
            fitted.fitted,
            fitted.architecture,
            fitted.reports,
            judged_through,
            said.calendar,
            said.frequency,
            prices,
            data,
            fitted,
            Recipe(self.training, self.features, *ends, prices),
        )
        return self.take(found)

    def forecast(self, panel: Panel, start: Day, end: Day, *, progress: bool | Progress = False) -> Laws:
        """Forecast every session of a span: at the close before it, and at each of its own closes.

        Args:
            panel: Prices; others than those of the fit may be given, if their calendar is the same.
            start: First session that is forecast.
            end: Last one; the law of what follows it is the last of the book.
            progress: Whether a line says how far it is; or what is told.

        Raises:
            ConfigError: If the model is not fitted, an argument is wrong, or an econometric model has not seen the
                assets.
            DataError: If the prices do not reach the days, or are of another calendar.
            LookAheadError: If the fit saw a session of the span.
        """
        known = self.known("forecast")
        days = day_of(start, "start"), day_of(end, "end")
        if days[1] < days[0]:
            raise ConfigError(f"end: given {days[1]}; expected a date from start on, which is {days[0]}.")
        line, prices = told(progress), Prices.of(panel)
        self._refuse_other_axis(known, prices)
        bars = forecast_bars(prices.sessions, *days)
        data = prices.prepared(known.judged_through)
        fitted = self._on(known, prices, data)
        among = np.cumsum(data.trades)[[bars[0], bars[-1]]] - 1
        asked = range(max(int(among[0]), 0), int(among[1]) + 1)
        book = fitted.forecast(asked, line, data.panel.bars[bars[-1]])
        return Laws(prices, data, fitted, book, self.settings, self.seed, self._begins, known.recipe)

    @property
    def fitted_through(self) -> tuple[pd.Timestamp, ...]:
        """Last session that each fit saw, increasing; several where the model was fitted anew.

        Raises:
            ConfigError: If the model is not fitted.
        """
        return self.known("fitted_through").fitted.fitted_through

    @property
    def reports(self) -> tuple[FitReport, ...]:
        """How training went, fit by fit; none of a model without passes over the data."""
        return self.known("reports").reports

    def take(self, fit: Fit) -> Self:
        """Take over what a fit has left behind, for instance of a model that was stored; returns the model itself."""
        object.__setattr__(self, "_fit", fit)
        return self

    def plot(self) -> Figure:
        """Draw how the first training went: loss by pass over the data.

        Raises:
            ConfigError: If the model is not fitted, or has no passes.
        """
        reports = self.known("plot").reports
        if not reports:
            raise ConfigError(
                f"{type(self).__name__}: no passes over the data are known of this model, so none are drawn."
            )
        return charts.figure(charts.training_course(reports[0].epochs, reports[0].best_epoch))

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the arguments of the constructor; ``deep`` is scikit-learn's and changes nothing."""
        return {item.name: getattr(self, item.name) for item in fields(self) if item.init}

    def set_params(self, **params: Any) -> Self:  # noqa: ANN401 - any of the arguments of the constructor
        """Change arguments of the constructor; a model with other settings is not fitted.

        Raises:
            ConfigError: If one is unknown, or wrong.
        """
        known = self.get_params()
        call = Arguments(type(self).__name__)
        for name in params:
            if name not in known:
                call.add(name, f"unknown argument; expected one of {', '.join(known)}{did_you_mean(name, known)}")
        call.refuse_faults()
        changed = type(self)(**{**known, **params})
        for item in fields(self):
            object.__setattr__(self, item.name, getattr(changed, item.name))
        return self

    def __sklearn_clone__(self) -> Self:
        """Return an unfitted model with the same settings, for `sklearn.base.clone`."""
        return type(self)(**self.get_params())

    def __repr__(self) -> str:
        """Return the arguments that are not the defaults, and what the model has seen."""
        return f"{type(self).__name__}({self._changed}): {self._seen}"

    def _repr_html_(self) -> str:
        found = {"settings": self._changed, "state": self._seen}
        if self._fit is not None:
            found["assets"] = f"{len(self._fit.architecture.assets):,}"
            found["features"] = f"{len(self._fit.architecture.features):,} columns"
        for report in self.reports[:1] if self._fit is not None else ():
            best = report.epochs[report.best_epoch]
            found["training"] = f"{len(report.epochs)} passes, counted from 0; kept is number {report.best_epoch}"
            found["validation loss"] = f"{best.validation_loss:.4f} nats an asset"
        return block(title(type(self).__name__), facts(found))

    @property
    def _begins(self) -> Begins:
        return "open" if self.fill_at == "next_open" else "close"

    @property
    def _terms(self) -> FitTerms:
        return FitTerms(self.seed, self.training, self._begins)

    @property
    def _changed(self) -> str:
        return ", ".join(changed(self))

    @property
    def _seen(self) -> str:
        if self._fit is None:
            return "not fitted"
        first, *later = self._fit.fitted.fitted_through
        if not later:
            return f"fitted through {bar_text(first)}"
        times = "once" if len(later) == 1 else f"{len(later)} times"
        cadence = getattr(self.settings, "refit", "anew")  # only models that have it are fitted more than once
        return f"fitted through {bar_text(first)}, refitted {cadence}, {times} up to {bar_text(later[-1])}"

    def _values_of(self, kind: type) -> Mapping[str, object]:
        return {item.name: getattr(self, item.name) for item in fields(kind)}

    def known(self, asked: str) -> Fit:
        """Return what a fit has left behind.

        Args:
            asked: What asks for it, for the message.

        Raises:
            ConfigError: If the model is not fitted.
        """
        if self._fit is None:
            name = type(self).__name__
            raise ConfigError(
                f"{name}: {asked} asks for a fitted model, and this one is not. Fix: call "
                "fit(panel, train_end=..., validation_end=...) first."
            )
        return self._fit

    def _refuse_other_axis(self, known: Fit, prices: Prices) -> None:
        said = prices.card.declaration
        for name, given, expected in (
            ("calendar", said.calendar, known.calendar),
            ("frequency", said.frequency, known.frequency),
        ):
            if given != expected:
                raise DataError(
                    f"panel: given prices with the {name} {given}; expected {expected}, which the model was fitted on: "
                    "it counts in these bars."
                )

    def _on(self, known: Fit, prices: Prices, data: LoadedData) -> FittedBlock:
        """The model with the histories of some prices; those of the fit are at hand."""
        if known.block is not None and known.data is data:
            return known.block
        self._refuse_other_assets(known, data.learnt.assets)
        table = inputs_of(self.features, data)
        return restored(known.fitted, known.architecture, self.settings, data.learnt, table, self._terms)

    def _refuse_other_assets(self, known: Fit, given: tuple[str, ...]) -> None:
        """A network serves assets that it never saw; an econometric model has parameters for each."""
        members = self.settings.members if isinstance(self.settings, EnsembleSettings) else (self.settings,)
        own = known.architecture.assets
        if given == own or not any(isinstance(member, ClassicalSettings) for member in members):
            return
        missing = [asset for asset in own if asset not in given]
        more = [asset for asset in given if asset not in own]
        parts = [f"without {', '.join(missing[:5])}"] * bool(missing) + [f"with {', '.join(more[:5])}"] * bool(more)
        raise ConfigError(
            f"panel: given prices {' and '.join(parts) or 'in another order'}; expected the {len(own):,} assets that "
            f"the model was fitted on, in their order: an econometric model has parameters for each. Fix: "
            "panel.select(assets) with those, or fit again."
        )


def changed(settings: Any) -> Iterator[str]:  # noqa: ANN401 - any dataclass
    """Yield the arguments of settings that are not the defaults, as a call spells them; of members in short."""
    for item in fields(settings):
        value = getattr(settings, item.name)
        default = item.default_factory() if callable(item.default_factory) else item.default
        if not item.init or item.name == "kind" or value == default:
            continue
        if item.name == "members":
            value = [f"{member.kind}({', '.join(changed(member))})" for member in value]
            yield f"members=[{', '.join(value)}]"
        else:
            yield f"{item.name}={value!r}"
