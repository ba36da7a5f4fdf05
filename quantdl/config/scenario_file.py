"""Stress scenarios from a file of their own, or from the config that names none."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import final

from pydantic import TypeAdapter

from quantdl.config.config_fault import ConfigFault, Key
from quantdl.config.forecast_schema import STRICT, ForecastConfig, ScenarioFile
from quantdl.config.validation import FaultyPart, read_value, refusal
from quantdl.config.yaml_reader import read_document
from quantdl.errors import QuantdlError
from quantdl.records import part_of
from quantdl.risk.stress.settings import StressSettings


@final
@dataclass(frozen=True)
class _Scenarios(StressSettings):
    """The settings, read as strictly as a config is."""

    __pydantic_config__ = STRICT


_SCENARIOS: TypeAdapter[_Scenarios] = TypeAdapter(_Scenarios)


def load_scenarios(path: Path | str) -> StressSettings:
    """Read a file of stress scenarios, which holds the keys of `StressSettings`.

    Raises:
        ConfigError: With every fault, each with line, column, key, what was given and what was expected.
    """
    document = read_document(Path(path))
    if document.faults:
        raise refusal(document, document.faults)
    try:
        return part_of(read_value(_SCENARIOS, document), StressSettings)
    except FaultyPart as part:
        raise refusal(document, part.faults) from None


def scenarios_of(config: ForecastConfig) -> StressSettings | None:
    """Return the stress scenarios of a config; None where it asks for none.

    Raises:
        ConfigError: As `load_scenarios`, of the file that the config names.
    """
    asked = config.stress
    return load_scenarios(config.locate(asked.file)) if isinstance(asked, ScenarioFile) else asked


def scenario_refusal(config: ForecastConfig, faults: Iterable[tuple[tuple[Key, ...], str]]) -> QuantdlError:
    """Return the error for scenarios that do not suit the data, each at its line of the file in which it stands.

    Args:
        config: Whose scenarios they are; read from a file.
        faults: Keys in the scenarios, and what is wrong there.
    """
    asked = config.stress
    own = isinstance(asked, ScenarioFile)
    document = read_document(config.locate(asked.file)) if isinstance(asked, ScenarioFile) else config.source
    before: tuple[Key, ...] = () if own else ("stress",)
    placed = [((*before, *keys), message) for keys, message in faults]
    return refusal(document, [ConfigFault(keys, message, document.mark(keys)) for keys, message in placed])
