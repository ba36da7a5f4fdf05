"""A config file as an `ExperimentConfig`, or one error that reports everything that is wrong with it."""

from collections.abc import Iterable
from pathlib import Path

from pydantic import TypeAdapter

from quantdl.backtest.plan.refusals import PlanFault
from quantdl.config.document import Document
from quantdl.config.faults import Fault
from quantdl.config.findings import Finding, findings, place_plan_faults
from quantdl.config.reading import FaultyPart, read_value, refusal
from quantdl.config.schema import ExperimentConfig
from quantdl.config.yaml_reader import read_document
from quantdl.errors import QuantdlError


def load_config(path: Path | str) -> ExperimentConfig:
    """Read a config.

    Paths in it are relative to the file; see `ExperimentConfig.locate`. Nothing is run and no data is read.

    Raises:
        ConfigError: With every fault, each with file, line, column, key, what was given, what was expected.
        PlanError: The same, when only the plan is at fault.
    """
    document = read_document(Path(path))
    faults = list(document.faults)
    config = None
    try:
        config = read_value(TypeAdapter(ExperimentConfig), document)
    except FaultyPart as part:
        faults += part.faults
    faults += _placed(findings(document), document)
    if config is None or faults:
        raise refusal(document, faults)
    config._document = document
    return config


def plan_refusal(config: ExperimentConfig, faults: Iterable[PlanFault]) -> QuantdlError:
    """Return the error for faults that a plan shows once the data are there, each at its line of the config."""
    return refusal(config.source, _placed(place_plan_faults(faults, config.source), config.source))


def _placed(found: Iterable[Finding], document: Document) -> list[Fault]:
    return [Fault(keys, message, document.mark(keys)) for keys, message in found]
