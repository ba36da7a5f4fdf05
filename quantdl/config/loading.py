"""A config file as an `ExperimentConfig`, or one error that reports everything that is wrong with it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from pydantic import TypeAdapter

from quantdl.backtest.plan.refusals import PlanFault
from quantdl.config.arguments import path_of
from quantdl.config.config_fault import IN_PYTHON, ConfigFault, Key, dotted
from quantdl.config.cross_checks import Misfit, cross_faults, place_plan_faults, risk_faults
from quantdl.config.data_paths import respelled
from quantdl.config.data_schema import PricesConfig
from quantdl.config.document import Document, Scalar, child
from quantdl.config.extending import (
    changes,
    merged,
    overrides,
    read_layers,
    with_own_paths,
    with_paths,
    with_whole_members,
    without,
)
from quantdl.config.forecast_schema import ForecastConfig
from quantdl.config.risk_schema import RiskConfig
from quantdl.config.scenario_file import scenarios_of
from quantdl.config.schema import PRICES_COPY, SCENARIOS_COPY, STRATEGY_COPY, ExperimentConfig, copy_of_strategy
from quantdl.config.validation import FaultyPart, read_value, refusal
from quantdl.config.yaml_reader import parse_document
from quantdl.config.yaml_writer import yaml_text
from quantdl.errors import QuantdlError

_CONFIG: TypeAdapter[ExperimentConfig] = TypeAdapter(ExperimentConfig)
_RISK: TypeAdapter[RiskConfig] = TypeAdapter(RiskConfig)
_PRICES: TypeAdapter[PricesConfig] = TypeAdapter(PricesConfig)
_EXPECTED = "the path of a YAML file"
_OF_A_RUN = ("plan", "splits", "strategy", "strategies")


def load_config(path: Path | str) -> ExperimentConfig:
    """Read a config, and those that it extends; see `quantdl.config.extending`.

    Paths in it are relative to the file; see `ExperimentConfig.locate`. Nothing is run and no data is read.

    Raises:
        ConfigError: With every fault, each with file, line, column, key, what was given, what was expected.
        PlanError: The same, when only the plan is at fault.
    """
    return _config_of(read_layers(path_of(path, "path", _EXPECTED)))


def drafted_config(text: str, path: Path) -> tuple[ExperimentConfig | None, tuple[ConfigFault, ...]]:
    """Read a config that is not written yet, and return it, if it is one, with everything that is wrong with it.

    Args:
        text: What the file shall hold; it extends no other.
        path: The file, relative to which its paths are.
    """
    document = _whole((parse_document(text, path),))
    config, faults = _checked(document)
    if config is not None:
        config._document = document
    return config, tuple(faults)


def placed_plan_faults(config: ExperimentConfig, faults: Iterable[PlanFault]) -> tuple[ConfigFault, ...]:
    """Return the faults that a plan shows once the data are there, each at its line of the config."""
    return tuple(_placed(place_plan_faults(faults, config.source), config.source))


def load_risk_config(path: Path | str) -> RiskConfig:
    """Read the config of the risk of a book, and those that it extends, as `load_config` reads that of a run.

    Raises:
        ConfigError: With every fault, each with file, line, column, key, what was given, what was expected.
    """
    return _without_strategy(read_layers(path_of(path, "path", _EXPECTED)), _RISK)


def load_prices_config(path: Path | str) -> ForecastConfig:
    """Read a config of which only the prices are wanted: that of a run as `load_config`, else its ``data`` alone.

    A config that says nothing of a plan, splits or strategies is no run's: it needs a ``data`` block, may hold what the
    config of the risk of a book may, and nothing else.

    Raises:
        ConfigError: With every fault, each with file, line, column, key, what was given, what was expected.
        PlanError: The same, when only the plan of a run is at fault.
    """
    layers = read_layers(path_of(path, "path", _EXPECTED), first_key="data")
    root = merged(layers).root
    if any(child(root, key) is not None for key in _OF_A_RUN):
        return _config_of(layers)
    return _without_strategy(layers, _PRICES)


_Terms = TypeVar("_Terms", bound=ForecastConfig)


def _without_strategy(layers: tuple[Document, ...], adapter: TypeAdapter[_Terms]) -> _Terms:
    """Read a config without a strategy.

    Raises:
        ConfigError: With every fault.
    """
    document = with_whole_members(with_own_paths(merged(layers), adapter))
    faults = [*document.faults, *_placed(risk_faults(document), document)]
    try:
        config = read_value(adapter, document)
    except FaultyPart as part:
        raise refusal(document, [*faults, *part.faults]) from None
    if faults:
        raise refusal(document, faults)
    config._document = document
    return config


def with_values(config: ExperimentConfig, values: Mapping[str, object]) -> ExperimentConfig:
    """Return a config that says the same as one read from a file, but for some values, as one that extends it would.

    Args:
        config: Read from a file, which is read again.
        values: By dotted keys, such as ``{"seed": 8, "model.width": 64}``.

    Raises:
        ConfigError: If a value is not what its key expects, or does not suit the others.
    """
    path = config.source.path
    return _config_of((changes(values, path), *read_layers(path)))


def _config_of(layers: tuple[Document, ...]) -> ExperimentConfig:
    document = _whole(layers)
    config, faults = _checked(document)
    if config is None or faults:
        raise refusal(document, [_at_its_cause(fault, layers) for fault in faults])
    config._document = document
    scenarios_of(config)  # what is wrong in its file is said before anything runs
    return config


def config_of_document(
    document: Document,
    strategy_texts: Mapping[str, str] | None = None,
    arguments: Mapping[tuple[Key, ...], tuple[Key, ...]] = MappingProxyType({}),
) -> ExperimentConfig:
    """Return the config that a tree describes which stands in no file.

    Args:
        document: With every value that is not the default.
        strategy_texts: Source of its strategies by the names of their copies, where they stand in no files.
        arguments: Other keys for those in which a fault may stand.

    Raises:
        ConfigError: As `load_config`.
    """
    own = with_whole_members(document)
    config, faults = _checked(own, in_files=strategy_texts is None)
    if config is None or faults:
        said = {fault.keys for fault in faults}
        renamed = [replace(fault, keys=arguments[fault.keys]) for fault in faults if fault.keys in arguments]
        others = [fault for fault in faults if fault.keys not in arguments]
        raise refusal(own, others + [fault for fault in renamed if fault.keys not in said])
    config._document, config._strategy_texts = own, strategy_texts
    scenarios_of(config)
    return config


def _whole(layers: tuple[Document, ...]) -> Document:
    """What all layers say together, as seen from the first one's file, with what is left out where it is understood."""
    return with_whole_members(with_own_paths(merged(layers), _CONFIG))


def standalone_yaml(config: ExperimentConfig, folder: Path) -> str:
    """Return a config as one file that can be run from another folder, whatever it extends.

    Args:
        config: Read from a file.
        folder: Where the text will stand, beside the copies that `ExperimentConfig.strategy_files` names; paths in it
            are relative to this folder.
    """
    document, here = config.source, config.source.path.parent

    def spell(keys: tuple[Key, ...], node: Scalar) -> str:
        match keys:
            case ("strategy", "file"):
                return STRATEGY_COPY
            case ("stress", "file"):
                return SCENARIOS_COPY
            case ("data", "path") if document.path == IN_PYTHON:
                return PRICES_COPY
            case ("strategies", int(number), "file"):
                return copy_of_strategy(config.strategies[number].name)
        return respelled(node.text, here, folder)

    return yaml_text(with_paths(document, _CONFIG, spell).root)


def _checked(document: Document, *, in_files: bool = True) -> tuple[ExperimentConfig | None, list[ConfigFault]]:
    """Return the config, if the document is one, and everything that is wrong with it.

    Args:
        document: Of the config.
        in_files: Whether its strategies stand in files, which must be there.
    """
    faults = list(document.faults)
    config = None
    try:
        config = read_value(_CONFIG, document)
    except FaultyPart as part:
        faults += part.faults
    return config, faults + _placed(cross_faults(document, in_files=in_files), document)


def _at_its_cause(fault: ConfigFault, layers: tuple[Document, ...]) -> ConfigFault:
    """Place a fault that no layer has by itself where the value was overridden that makes it one.

    A value of an extended config may be faulty only beside a value that a layer above writes: without that one, the
    fault is gone, and nothing is missing in its place.
    """
    depth = [layer.path for layer in layers].index(fault.mark.path)
    for number in range(depth if fault.keys else 0):
        for keys in overrides(layers[number:]):
            changed = (*layers[:number], without(layers[number], keys), *layers[number + 1 :])
            _, rest = _checked(_whole(changed))
            if not any(other.keys == fault.keys or other.keys[: len(keys)] == keys for other in rest):
                message = f"{fault.message}; {dotted(fault.keys)} stands in {fault.mark}"
                return ConfigFault(fault.keys, message, layers[number].mark(keys))
    return fault


def plan_refusal(config: ExperimentConfig, faults: Iterable[PlanFault]) -> QuantdlError:
    """Return the error for faults that a plan shows once the data are there, each at its line of the config.

    Where that line stands in a file that the config extends, and the data which it does not fit in another, both are
    named.
    """
    return refusal(
        config.source, [_beside_the_data(fault, config.source) for fault in placed_plan_faults(config, faults)]
    )


def _beside_the_data(fault: ConfigFault, document: Document) -> ConfigFault:
    data = document.key_mark(("data",))
    if fault.mark.path in (data.path, document.path):
        return fault
    message = f"{fault.message}; the data stand at {data}: write {dotted(fault.keys)} for them beside them"
    return ConfigFault(fault.keys, message, fault.mark)


def _placed(found: Iterable[Misfit], document: Document) -> list[ConfigFault]:
    return [ConfigFault(keys, message, document.mark(keys)) for keys, message in found]
