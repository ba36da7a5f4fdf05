"""What a law is made of: prices, what a model reads of them, and the model. Runs and the risk of a book share it."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, ClassVar, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr

from quantdl.bounds import Interval, NonNegativeFloat
from quantdl.config.config_fault import dotted
from quantdl.config.data_paths import expanded, path_faults, without_stand_in
from quantdl.config.document import Document, beside
from quantdl.errors import FieldFaults
from quantdl.features.settings import FeatureSettings
from quantdl.market.series.declaration import SeriesFile
from quantdl.market.sources.settings import PriceSettings, StoredPrices
from quantdl.models.settings import GroupsFile, ModelSettings
from quantdl.risk.stress.settings import StressSettings
from quantdl.training.settings import TrainingSettings

Name = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$",
        description="letters, digits, '_', '-' and '.', at most 64",
        examples=["quickstart"],
    ),
]

STRICT = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, protected_namespaces=())
"""No unknown keys, and nothing coerced: neither text to numbers nor numbers to flags. It counts for all below, too."""

Settings = TypeVar("Settings")


def _with_paths_checked(settings: Settings) -> Settings:
    faults = [*path_faults(settings)]
    if faults:
        raise FieldFaults(*faults)
    return settings


DataConfig = Annotated[PriceSettings, Field(discriminator="kind"), AfterValidator(_with_paths_checked)]
"""The settings of one source of prices, told apart by ``kind``."""

SeriesConfig = Annotated[SeriesFile, AfterValidator(_with_paths_checked)]
"""A series beside the prices."""

GroupsConfig = Annotated[GroupsFile, AfterValidator(_with_paths_checked)]
"""A file of groups of assets."""

Model = Annotated[ModelSettings, Field(discriminator="kind")]
"""The settings of one model, told apart by ``kind``."""


@dataclass(frozen=True)
class OutputSettings:
    """Where run folders go, and what is kept until they are there.

    Attributes:
        root: Folder of runs, relative to the config file; null for ``runs`` in the working directory.
        state_seconds: Seconds of training after which its state is kept anew, so that a run that was killed goes on
            from there when it is started again; 0 keeps it after every step, null never.
    """

    root: Path | None = None
    state_seconds: NonNegativeFloat | None = 30.0


@dataclass(frozen=True)
class ScenarioFile:
    """A file of stress scenarios.

    Attributes:
        file: The file, relative to the config file; it holds the keys of `StressSettings`.
    """

    file: Path


class ForecastConfig(BaseModel):
    """Prices, series and groups beside them, a model, and how it is fitted.

    Attributes:
        name: Begins the name of the run folder.
        seed: Seed of everything random.
        data: Which prices.
        exogenous: Series beside the prices.
        groups: File of the groups of assets, for models that read groups and write out none of their own.
        features: What a model reads.
        model: The forecaster; null for none.
        training: How it is fitted.
        stress: Scenarios that today's book is put through, or the file in which they stand; null for none.
        output: Where run folders go.
    """

    model_config = STRICT
    not_tried: ClassVar[Mapping[str, bool | set[str] | dict[str, set[str]]]] = dict.fromkeys(
        ("name", "seed", "output", "stress"), True
    )
    """What another value of makes no other trial."""

    name: Name
    seed: Annotated[int, Interval(ge=0, lt=2**63)]
    data: DataConfig
    exogenous: tuple[SeriesConfig, ...] = ()
    groups: GroupsConfig | None = None
    features: FeatureSettings = FeatureSettings()
    model: Model | None = None
    training: TrainingSettings = TrainingSettings()
    stress: ScenarioFile | StressSettings | None = StressSettings()
    output: OutputSettings = OutputSettings()
    _document: Document | None = PrivateAttr(default=None)

    def series_faults(self) -> list[tuple[str, str]]:
        """Name the series that stand twice, and those that features read and that are not there."""
        names = [series.name for series in self.exogenous]
        faults = [
            ("exogenous", f"the name {name!r} stands twice") for name in sorted({*names}) if names.count(name) > 1
        ]
        unknown = sorted(set(self.features.exogenous) - set(names))
        known = f"expected a name under exogenous, which has {names or 'none'}"
        return faults + ([("features", f"exogenous names {unknown}; {known}")] if unknown else [])

    @property
    def source(self) -> Document:
        """The file this config was read from, with its text as written.

        Raises:
            ValueError: If the config was not read from a file.
        """
        if self._document is None:
            raise ValueError("this config was built in Python; load_config reads one from a file")
        return self._document

    @property
    def runs_root(self) -> Path:
        """The folder of runs."""
        return Path("runs") if self.output.root is None else self.locate(self.output.root)

    def locate(self, path: Path) -> Path:
        """Return ``path`` as seen from the working directory: a config names files relative to itself."""
        return path if self._document is None else beside(self._document.path, path)

    def locate_data(self, path: Path, *keys: str | int) -> Path:
        """Return the path of data that stands at ``keys``, with variables of the environment replaced.

        Raises:
            ConfigError: If a variable is not set.
        """
        return self.locate(expanded(path, self.where(*keys)))

    def identity(self) -> object:
        """Return what makes a run of this config the trial that it is: all but `not_tried`.

        A path counts by where it leads, seen from the folder of runs; how it is spelled in which file does not matter.
        A stored panel counts by its content alone, which the fingerprint of the data tells.
        Strategy files are left out: their code counts by itself.
        """
        content = self.model_dump(exclude=dict(self.not_tried))
        if isinstance(self.data, StoredPrices):
            del content["data"]["path"]

        def spell(path: Path) -> str:
            return without_stand_in(path) or os.path.relpath(self.locate(path), self.runs_root)

        return _plain(content, spell)

    def where(self, *keys: str | int) -> str:
        """Return ``file:line:column: key`` of a key, for a message about its value.

        Example:
            ``config.where("splits", "test_end")`` gives ``"configs/quickstart.yaml:21:13: splits.test_end"``, and
            ``"splits.test_end"`` where the config was made in Python.
        """
        return dotted(keys) if self._document is None else f"{self._document.mark(keys).prefix}{dotted(keys)}"


def _plain(value: object, spell: Callable[[Path], str]) -> object:
    """Return a dumped config as JSON knows it, with paths as ``spell`` writes them."""
    if isinstance(value, Mapping):
        return {key: _plain(item, spell) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, spell) for item in value]
    if isinstance(value, Path):
        return spell(value)
    return value.isoformat() if isinstance(value, date) else value
