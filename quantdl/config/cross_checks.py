"""What no block of a config can see alone: dates against dates, the plan against the model, files that must exist."""

import math
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import Field, fields, is_dataclass
from functools import cache
from typing import Any, get_args, get_type_hints

from pydantic import BaseModel, ConfigDict, TypeAdapter, create_model

from quantdl.backtest.plan.checks import plan_faults
from quantdl.backtest.plan.invalidation import CalibrationLimit, ShortfallLimit, flattened
from quantdl.backtest.plan.items import Plan
from quantdl.backtest.plan.refusals import PlanFault
from quantdl.backtest.plan.rules import Rule
from quantdl.backtest.plan.sample import Sample
from quantdl.config.config_fault import IN_PYTHON, Key
from quantdl.config.document import Document, Mapping, Node, Scalar, Sequence, missing_file
from quantdl.config.extending import changes, merged
from quantdl.config.forecast_schema import DataConfig
from quantdl.config.scalars import resolve
from quantdl.config.schema import AllocatedSettings, BacktestSettings, ExperimentConfig
from quantdl.config.validation import FaultyPart, read_value
from quantdl.errors import did_you_mean
from quantdl.models.settings import (
    BayesianSettings,
    EnsembleSettings,
    FlowSettings,
    GraphSettings,
    NetworkSettings,
    Refit,
    SectorTreeSettings,
)
from quantdl.training.settings import Choices, NumberRange, SplitDates

# Of a search: another of them is another question.
_FIXED = ("kind", "horizon", "also_horizons", "device", "refit", "final_fit")
_REFITS = get_args(Refit)
_OF_STRATEGIES = ("strategy", "strategies")
_ROUNDING = 1e-9  # of capitals such as a third each

Misfit = tuple[tuple[Key, ...], str]
"""The keys that do not suit the others, and what is wrong with them."""


def cross_faults(document: Document, *, in_files: bool = True) -> Iterator[Misfit]:
    """Yield what is wrong between blocks; one that cannot be read by itself is passed over.

    Args:
        document: Of a config.
        in_files: Whether its strategies stand in files, which must be there.
    """
    blocks = _readable_blocks(document)
    plan, splits, data, backtest = (blocks.get(name) for name in ("plan", "splits", "data", "backtest"))
    whole = plan or _readable_items(document)
    if whole is not None:
        yield from _plan_misfits(whole, blocks, document)
    if whole is not None and backtest is not None:
        yield from _draw_misfits(whole, backtest)
    if whole is not None and whole.sample is not None and splits is not None:
        yield from _sample_misfits(whole.sample, splits)
    if data is not None:
        yield from _data_misfits(data, splits)
    yield from _strategy_misfits(blocks, document, None if whole is None else whole.rules)
    yield from _search_misfits(blocks, document)
    yield from _row_misfits(blocks)
    yield from _member_misfits(document)
    yield from _missing_files(document, in_files=in_files)


def risk_faults(document: Document) -> Iterator[Misfit]:
    """Yield what is wrong between the blocks of a config for the risk of a book."""
    yield from _row_misfits(_readable_blocks(document))
    yield from _member_misfits(document)
    yield from _missing_files(document)


def _strategy_misfits(blocks: dict[str, Any], document: Document, rules: tuple[Rule, ...] | None) -> Iterator[Misfit]:
    """Yield what is wrong with the strategies of an account beside one another and beside the rules of the plan."""
    single, several = (_is_given(document.node((name,))) for name in ("strategy", "strategies"))
    if single and several:
        yield ("strategies",), "given beside strategy; expected one of the two, fix: delete the other"
    if not single and not several:
        expected = "a strategy with its file, or several, each with its capital, under strategies"
        yield ("strategy",), f"missing; expected {expected}"
    if several and _is_given(document.node(("sweep",))):
        yield (
            ("sweep",),
            "given beside strategies; expected one strategy: sweep each by itself",
        )
    strategies: tuple[AllocatedSettings, ...] = blocks.get("strategies", ())
    if single or not strategies:
        return
    names = [item.name for item in strategies]
    for at, name in enumerate(names):
        if name in names[:at]:
            yield ("strategies", at, "name"), f"given {name!r}, which stands twice; expected another name"
    total = math.fsum(item.capital for item in strategies)
    if total > 1 + _ROUNDING:
        expected = "at most 1; what is left stays in cash"
        yield ("strategies",), f"given capitals that add up to {total:g}; expected {expected}"
    if rules is not None:
        yield from _rule_misfits(rules, names)


def _rule_misfits(rules: tuple[Rule, ...], names: list[str]) -> Iterator[Misfit]:
    """Yield rules of no strategy, and strategies without a rule that opens or one that closes."""
    purposes: dict[str, set[str]] = {name: set() for name in names}
    for at, rule in enumerate(rules):
        name, _, own = rule.name.partition(".")
        if name not in purposes or not own:
            expected = f"the name of a strategy, a dot and that of its rule, such as '{names[0]}.{own or rule.name}'"
            yield ("plan", "rules", at, "name"), f"given {rule.name!r}; expected {expected}{did_you_mean(name, names)}"
        else:
            purposes[name].add(rule.purpose)
    for name, found in purposes.items():
        for purpose in ("entry", "exit"):
            if not found & {purpose, "rebalance"}:
                expected = f"a rule '{name}.…' with purpose '{purpose}' or 'rebalance'"
                yield ("plan", "rules"), f"given no {purpose} rule of the strategy '{name}'; expected {expected}"


def _is_given(node: Node | None) -> bool:
    """Whether a key holds something: not null, and not an empty list."""
    if isinstance(node, Sequence):
        return bool(node.items)
    return node is not None and not (isinstance(node, Scalar) and node.plain and resolve(node.text) is None)


def _search_misfits(blocks: dict[str, Any], document: Document) -> Iterator[Misfit]:
    """Yield what is wrong with a searched setting: each value to be tried is read as if it stood in its place."""
    search = blocks.get("search")
    if search is None:
        return
    if "model" in blocks and not isinstance(blocks["model"], NetworkSettings):
        yield ("search",), "given without a network; expected a model with passes over the data, such as transformer"
    for name, values in search.settings.items():
        keys = tuple(name.split("."))
        known = [f"{block}.{item.name}" for block in ("model", "training") for item in _fields(blocks.get(block))]
        if name not in known and (keys[0] in blocks or keys[0] not in ("model", "training")):
            expected = "a setting of model or training, such as training.learning_rate; no kind, horizon or device"
            yield ("search", "settings", name), f"given {name!r}; expected {expected}{did_you_mean(name, known)}"
        elif keys[0] in blocks:
            yield from _untriable(name, values, keys, document)


def _fields(settings: Any) -> list[Field[Any]]:  # noqa: ANN401 - any settings, or none
    return [item for item in fields(settings) if item.name not in _FIXED] if is_dataclass(settings) else []


def _untriable(name: str, values: NumberRange | Choices, keys: tuple[str, ...], document: Document) -> Iterator[Misfit]:
    for value in values.values:
        changed = merged((changes({name: value}, document.path), document))
        try:
            read_value(TypeAdapter(_block(keys[0])), changed)
        except FaultyPart as part:
            own = [fault.message for fault in part.faults if fault.keys == keys]
            if own:  # a fault of another key may be gone beside another searched value; then the trial finds it
                yield ("search", "settings", name), f"{name} cannot be {value!r}: {own[0]}"
                return


def _draw_misfits(plan: Plan, backtest: BacktestSettings) -> Iterator[Misfit]:
    """A value at risk or a shortfall is read off draws, so at least one of them must lie beyond its level."""
    for name in ("risk_budget", "max_predicted_loss_per_trade"):
        stated = getattr(plan.sizing, name, None)
        if stated is not None and round(backtest.draws * (1.0 - stated.level), 6) < 1.0:
            yield ("plan", "sizing", name, "level"), _level_too_high(stated.level, backtest.draws)
    for part in flattened(plan.invalidation or ()):  # None where the item cannot be read
        condition = part.condition
        if not isinstance(condition, CalibrationLimit | ShortfallLimit):
            continue
        if backtest.draws * (1.0 - condition.level) < 1.0:
            keys = (int(key) if key.isdigit() else key for key in part.item.split("."))
            yield ("plan", *keys, "level"), _level_too_high(condition.level, backtest.draws)


def _level_too_high(level: float, draws: int) -> str:
    return f"given {level:g}; expected at most {1.0 - 1.0 / draws:g} with {draws} backtest.draws"


def _readable_blocks(document: Document) -> dict[str, Any]:
    """Return the blocks that can be read by themselves, by name; the others are reported with the whole config."""
    read = {}
    for name in ("plan", "splits", "data", "backtest", "model", "training", "search", "compare", "strategies"):
        with suppress(FaultyPart):
            read[name] = getattr(read_value(TypeAdapter(_block(name)), document), name)
    return read


@cache
def _block(name: str) -> type[BaseModel]:
    """Return a model with one field of the config, which passes over the others."""
    field = ExperimentConfig.model_fields[name]
    return _passing_over_others(name, field.annotation, field)


def _passing_over_others(name: str, kind: Any, field: Any) -> type[BaseModel]:  # noqa: ANN401 - pydantic's own
    settings = ConfigDict(**{**ExperimentConfig.model_config, "extra": "ignore"})
    fields: dict[str, Any] = {name: (kind, field)}
    return create_model("Block", __config__=settings, **fields)


def _plan_misfits(plan: Plan, blocks: dict[str, Any], document: Document) -> Iterator[Misfit]:
    """Yield what the plan's own checks find; a model that cannot be read is taken to suit it."""
    model = blocks.get("model")
    stated = getattr(plan.horizon, "bars", None)
    horizon = stated if "model" not in blocks else None if model is None else model.horizon
    longest = None if model is None else max((model.horizon, *model.also_horizons))
    unread = {item.name for item in fields(plan) if getattr(plan, item.name) is None}  # told with the whole config
    data = blocks.get("data")
    n_assets = None if data is None else data.n_assets()
    found = plan_faults(plan, horizon, "model" not in blocks or horizon is not None, longest, n_assets)
    yield from place_plan_faults((fault for fault in found if fault.item not in unread), document)


def _readable_items(document: Document) -> Plan | None:
    """Return the plan with the items that can be read by themselves, None in place of the others; None without any."""
    if not isinstance(document.node(("plan",)), Mapping):
        return None
    read: dict[str, Any] = dict.fromkeys(_item_adapters())
    for name, adapter in _item_adapters().items():
        with suppress(FaultyPart):
            read[name] = getattr(read_value(adapter, document, ("plan",)), name)
    return Plan(**read)


@cache
def _item_adapters() -> dict[str, TypeAdapter[Any]]:
    """Return what reads one item of a plan and passes over the others, by the name of the item."""
    return {
        name: TypeAdapter(_passing_over_others(name, hint, ...))
        for name, hint in get_type_hints(Plan, include_extras=True).items()
    }


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


def _sample_misfits(sample: Sample, splits: SplitDates) -> Iterator[Misfit]:
    for name, planned, split, day in (
        ("first", sample.first, "test_start", splits.test_start),
        ("last", sample.last, "test_end", splits.test_end),
    ):
        if planned != day:
            yield ("plan", "sample", name), f"given {planned}; expected {day}, which is splits.{split}"


def _data_misfits(data: DataConfig, splits: SplitDates | None) -> Iterator[Misfit]:
    if splits is not None and data.end is not None and splits.test_end > data.end:
        yield ("splits", "test_end"), f"given {splits.test_end}; expected a date up to data.end, which is {data.end}"
    if splits is not None and data.start is not None and splits.train_end <= data.start:
        yield ("splits", "train_end"), f"given {splits.train_end}; expected a date after data.start, {data.start}"


def _row_misfits(blocks: dict[str, Any]) -> Iterator[Misfit]:
    """Yield networks that would read the other assets of a session, where training shows them one asset at a time."""
    training, model = blocks.get("training"), blocks.get("model")
    if training is None or training.rows_hold != "one_asset":
        return
    found = [(("model",), model), *((("compare", at), item) for at, item in enumerate(blocks.get("compare", ())))]
    for keys, settings in found:
        members = settings.members if isinstance(settings, EnsembleSettings) else ()
        parts = [(keys, settings), *(((*keys, "members", at), member) for at, member in enumerate(members))]
        for place, part in parts:
            for key, given, instead in _reading_others(part):
                reason = "training.rows_hold: all_assets, because a row of one asset holds no other to read"
                yield (*place, *key), f"given {given!r}; expected {instead}, or {reason}"


def _reading_others(part: object) -> Iterator[tuple[tuple[Key, ...], str, str]]:
    """What of a model reads other assets: the key, what it is given, and what would not read them."""
    alone = "a network that reads its own asset, such as transformer"
    match part:
        case "graph" | "sector_tree":
            yield (), str(part), alone
        case GraphSettings() | SectorTreeSettings():
            yield ("kind",), part.kind, alone
        case BayesianSettings(network="graph" | "sector_tree"):
            yield ("network",), part.network, alone
        case FlowSettings(joint="coupling"):
            yield ("joint",), part.joint, "factors"
    if isinstance(part, NetworkSettings) and part.cross_section != "none":
        yield ("cross_section",), part.cross_section, "none"


def _member_misfits(document: Document) -> Iterator[Misfit]:
    """Yield members of an ensemble that state another refit or other horizons than it, which would be passed over."""
    compared = document.node(("compare",))
    places = [("compare", at) for at in range(len(compared.items))] if isinstance(compared, Sequence) else []
    for place in [("model",), *places]:
        members = document.node((*place, "members"))
        for at in range(len(members.items)) if isinstance(members, Sequence) else ():
            for name, default in (("refit", "once"), ("also_horizons", ())):
                own = _stated(document.node((*place, name)), default)
                keys = (*place, "members", at, name)
                given = _stated(document.node(keys), own)
                if given != own and (name != "refit" or {given, own} <= {*_REFITS}):
                    expected = f"{_spelt(own)}: {name} of the ensemble counts for all members"
                    yield keys, f"given {_spelt(given)}; expected {expected}"


def _stated(node: Node | None, default: str | tuple[str, ...]) -> str | tuple[str, ...]:
    """What a key holds, word or list of words; the default where it holds neither."""
    if isinstance(node, Sequence):
        return tuple(item.text for item in node.items if isinstance(item, Scalar))
    return node.text if isinstance(node, Scalar) else default


def _spelt(words: str | tuple[str, ...]) -> str:
    return repr(words) if isinstance(words, str) else f"[{', '.join(words)}]"


def _missing_files(document: Document, *, in_files: bool = True) -> Iterator[Misfit]:
    inside: list[tuple[Key, ...]] = []
    for name in ("sources", "exchange_rates"):
        listed = document.node(("data", name))
        inside += (
            [("data", name, at, "path") for at in range(len(listed.items))] if isinstance(listed, Sequence) else []
        )
    allocated = document.node(("strategies",))
    if isinstance(allocated, Sequence):
        inside += [("strategies", at, "file") for at in range(len(allocated.items))]
    for keys in (("strategy", "file"), ("stress", "file"), ("data", "path"), *inside):
        node = document.node(keys)
        if not isinstance(node, Scalar) or not node.text or _is_handed_over(keys, document, in_files):
            continue
        if "data" in keys and "${" in node.text:
            continue  # a variable is read when the data are
        message = missing_file(document.path, node.text)
        if message is not None:
            home = "the working directory" if document.path == IN_PYTHON else "this config"
            yield keys, message.replace("this config", home)


def _is_handed_over(keys: tuple[Key, ...], document: Document, in_files: bool) -> bool:
    """Whether no file has to be there: prices of a config made in Python are at hand, and so may its strategy be."""
    return (keys[0] == "data" and document.path == IN_PYTHON) or (keys[0] in _OF_STRATEGIES and not in_files)
