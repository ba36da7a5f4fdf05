"""What no block of a config can see alone: dates against dates, the plan against the model, files that must exist."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from pydantic import BaseModel, TypeAdapter

from quantdl.backtest.plan.checks import plan_faults
from quantdl.backtest.plan.invalidation import CalibrationLimit
from quantdl.backtest.plan.items import Plan
from quantdl.backtest.plan.refusals import PlanFault
from quantdl.config.config_fault import Key
from quantdl.config.document import Document, Mapping, Scalar, Sequence, missing_file
from quantdl.config.schema import BacktestSettings, DataConfig, Model
from quantdl.config.validation import FaultyPart, read_value
from quantdl.training.settings import SplitDates

Misfit = tuple[tuple[Key, ...], str]
"""The keys that do not suit the others, and what is wrong with them."""

P = TypeVar("P", bound=BaseModel)


class _PlanPart(BaseModel, extra="ignore", strict=True):
    plan: Plan


class _ModelPart(BaseModel, extra="ignore", strict=True):
    model: Model | None = None


class _SplitsPart(BaseModel, extra="ignore", strict=True):
    splits: SplitDates


class _DataPart(BaseModel, extra="ignore", strict=True):
    data: DataConfig


class _BacktestPart(BaseModel, extra="ignore", strict=True):
    backtest: BacktestSettings = BacktestSettings()


def cross_faults(document: Document) -> Iterator[Misfit]:
    """Yield what is wrong between blocks; one that cannot be read by itself is passed over."""
    plan = _part(_PlanPart, document)
    splits = _part(_SplitsPart, document)
    data = _part(_DataPart, document)
    if plan is not None:
        yield from _plan_misfits(plan.plan, _part(_ModelPart, document), document)
    backtest = _part(_BacktestPart, document)
    if plan is not None and backtest is not None:
        yield from _draw_misfits(plan.plan, backtest.backtest)
    if plan is not None and splits is not None:
        yield from _sample_misfits(plan.plan, splits.splits)
    if data is not None:
        yield from _data_misfits(data.data, None if splits is None else splits.splits)
    yield from _missing_files(document)


def _draw_misfits(plan: Plan, backtest: BacktestSettings) -> Iterator[Misfit]:
    """A value at risk is read off draws, so at least one of them must lie beyond it."""
    for number, condition in enumerate(plan.invalidation):
        if isinstance(condition, CalibrationLimit) and backtest.draws * (1.0 - condition.level) < 1.0:
            highest = 1.0 - 1.0 / backtest.draws
            message = f"given {condition.level:g}; expected at most {highest:g} with {backtest.draws} backtest.draws"
            yield ("plan", "invalidation", number, "level"), message


def _part(kind: type[P], document: Document) -> P | None:
    try:
        return read_value(TypeAdapter(kind), document)
    except FaultyPart:  # reported where the whole config is read
        return None


def _plan_misfits(plan: Plan, part: _ModelPart | None, document: Document) -> Iterator[Misfit]:
    """Yield what the plan's own checks find; a model that cannot be read is taken to suit it."""
    horizon = plan.horizon.bars if part is None else None if part.model is None else part.model.horizon
    yield from place_plan_faults(plan_faults(plan, horizon, forecasts_risk=horizon is not None), document)


def place_plan_faults(faults: Iterable[PlanFault], document: Document) -> Iterator[Misfit]:
    """Yield each fault of a plan with the keys it belongs to."""
    for fault in faults:
        keys = _keys(("plan",), fault.item.split("."), document)
        yield keys, f"given {fault.given}; expected {fault.expected}; fix: {fault.fix}"


def _keys(above: tuple[Key, ...], parts: list[str], document: Document) -> tuple[Key, ...]:
    """Turn a dotted item into keys of the document; a symbol may hold dots itself (``BRK.B``)."""
    node = document.node(above)
    if not parts:
        return above
    if isinstance(node, Sequence) and parts[0].isdigit():
        return _keys((*above, int(parts[0])), parts[1:], document)
    lengths = range(1, len(parts) + 1)
    known = [n for n in lengths if isinstance(node, Mapping) and ".".join(parts[:n]) in node.entries]
    taken = known[0] if known else 1
    return _keys((*above, ".".join(parts[:taken])), parts[taken:], document)


def _sample_misfits(plan: Plan, splits: SplitDates) -> Iterator[Misfit]:
    for name, planned, split, day in (
        ("first", plan.sample.first, "test_start", splits.test_start),
        ("last", plan.sample.last, "test_end", splits.test_end),
    ):
        if planned != day:
            yield ("plan", "sample", name), f"given {planned}; expected {day}, which is splits.{split}"


def _data_misfits(data: DataConfig, splits: SplitDates | None) -> Iterator[Misfit]:
    if splits is not None and data.end is not None and splits.test_end > data.end:
        yield ("splits", "test_end"), f"given {splits.test_end}; expected a date up to data.end, which is {data.end}"
    if splits is not None and data.start is not None and splits.train_end <= data.start:
        yield ("splits", "train_end"), f"given {splits.train_end}; expected a date after data.start, {data.start}"


def _missing_files(document: Document) -> Iterator[Misfit]:
    sources = document.node(("data", "sources"))
    numbers = range(len(sources.items)) if isinstance(sources, Sequence) else ()
    for keys in (("strategy", "file"), ("data", "path"), *(("data", "sources", number, "path") for number in numbers)):
        node = document.node(keys)
        if not isinstance(node, Scalar) or not node.text:
            continue
        if "data" in keys and "${" in node.text:
            continue  # a variable is read when the data are
        message = missing_file(document.path, node.text)
        if message is not None:
            yield keys, message
