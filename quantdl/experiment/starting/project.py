"""A new project: a strategy, its plan and a config that run, written from answers and never over what is there."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from quantdl.backtest import data_faults
from quantdl.config.config_fault import ConfigFault
from quantdl.config.early_checks import check_project_name
from quantdl.config.json_schema import run_schema
from quantdl.config.loading import drafted_config, placed_plan_faults
from quantdl.config.resolved import value_yaml
from quantdl.config.scalars import resolve
from quantdl.disk import disk_errors, make_folder
from quantdl.errors import ConfigError
from quantdl.experiment.starting.market_facts import MarketFacts
from quantdl.experiment.starting.questions import UNANSWERED, Answers
from quantdl.records import json_text

SCHEMA_FILE = "quantdl.schema.json"
"""Name of the JSON Schema beside a new config, by which an editor checks it."""

_PLACE = re.compile(r"^( *)(- )?\{(\w+)\}$", re.MULTILINE)
_PATHS = (("strategy", "file"), ("data", "path"))  # seen from a folder that may not be there yet
_ASKS = "# QUESTION: "
_BUNDLED = "Twenty S&P 500 stocks that come with the installation; their prices are for learning, not for trading."


@dataclass(frozen=True)
class Project:
    """Where the files of a new project go.

    Attributes:
        name: Begins the names of its files.
        folder: In which ``strategies/`` and ``configs/`` stand.
    """

    name: str
    folder: Path

    def __post_init__(self) -> None:
        """Refuse a name that no file can have.

        Raises:
            ConfigError: Saying what a name is.
        """
        check_project_name(self.name)

    @property
    def strategy(self) -> Path:
        """The strategy file."""
        return self.folder / "strategies" / f"{self.name}.py"

    @property
    def config(self) -> Path:
        """The config, with the plan."""
        return self.folder / "configs" / f"{self.name}.yaml"

    @property
    def schema(self) -> Path:
        """The schema of configs, for editors."""
        return self.folder / "configs" / SCHEMA_FILE

    def refuse_existing(self) -> None:
        """Refuse to begin where one of the project's own files stands already.

        Raises:
            ConfigError: Naming each.
        """
        taken = [path for path in (self.strategy, self.config) if os.path.lexists(path)]
        if taken:
            raise ConfigError(
                f"{' and '.join(map(str, taken))}: exists already, and nothing is overwritten. Choose another NAME, or "
                "another folder with --into."
            )


def config_text(project: Project, facts: MarketFacts, answers: Answers) -> str:
    """Return the config of a project, every place of the template filled.

    Args:
        project: The project.
        facts: Of its prices.
        answers: To all `questions`, by their names.
    """
    blocks = {"name": project.name, **_blocks(project, facts, answers)}
    template = _template("config.yaml").replace("name: {name}", f"name: {_value(project.name)}")

    def filled(place: re.Match[str]) -> str:
        first = place[1] + (place[2] or "")
        head, *rest = blocks[place[3]].rstrip("\n").split("\n")
        return "\n".join([first + head, *((" " * len(first) + line).rstrip() for line in rest)])

    return _PLACE.sub(filled, template)


def draft_faults(project: Project, facts: MarketFacts, text: str) -> tuple[ConfigFault, ...]:
    """Return what a run would refuse of a config that is not written yet: by itself, and in view of the prices.

    Args:
        project: The project.
        facts: Of its prices.
        text: Of the config.
    """
    config, found = drafted_config(text, project.config)
    faults = tuple(fault for fault in found if not (fault.keys in _PATHS and fault.message.startswith("no such file")))
    if config is None or faults:
        return faults
    trusted, sessions = config.plan.trusted_data, facts.panel.sessions
    panel = facts.declared(trusted.source, trusted.adjustment)
    return placed_plan_faults(
        config, data_faults(config.plan, panel, sessions[-facts.spans.test_sessions], sessions[-1])
    )


def open_questions(text: str) -> tuple[str, ...]:
    """Return what only the owner of the prices can say, each with its line in the config."""
    lines = enumerate(text.split("\n"), start=1)
    return tuple(f"line {number}: {line.partition(_ASKS)[2]}" for number, line in lines if _ASKS in line)


def write_project(project: Project, text: str) -> tuple[Path, ...]:
    """Write the strategy, the config and, where there is none yet, the schema of configs; return what was written.

    Raises:
        ConfigError: If a file exists.
        RunError: If the disk refuses.
    """
    project.refuse_existing()
    contents = {project.strategy: _template("strategy.py.txt"), project.config: text}
    if not project.schema.exists():
        contents[project.schema] = json_text(run_schema(), SCHEMA_FILE)
    begun: list[Path] = []
    with disk_errors(project.folder, place="another folder with --into"):
        try:
            for path, content in contents.items():
                make_folder(path.parent)
                with path.open("x", encoding="utf-8", newline="\n") as file:
                    begun.append(path)
                    file.write(content)
        except OSError:
            for path in begun:
                path.unlink(missing_ok=True)
            raise
    return tuple(contents)


def _template(name: str) -> str:
    return files("quantdl.experiment.starting").joinpath("templates", name).read_text(encoding="utf-8")


def _blocks(project: Project, facts: MarketFacts, answers: Answers) -> dict[str, str]:
    """Return the YAML for each place of the template."""
    panel, spans = facts.panel, facts.spans
    about = {**facts.settings, **{name: answers[name] for name in ("adjustment", "source") if name in answers}}
    measured = facts.has_volume and about["adjustment"] != "total_return"
    no_model, horizon = answers["model"] == "none", answers["horizon"]
    model = {"model": None} if no_model else {"model": {"kind": answers["model"], "horizon": _number(horizon)}}
    fields = ["close", *(["volume"] if measured else [])]
    entries: dict[str, Mapping[str, object]] = {
        "model": model,
        "train_end": {"train_end": str(spans.train_end)},
        "validation_end": {"validation_end": str(spans.validation_end)},
        "test_start": {"test_start": str(spans.test_start)},
        "test_end": {"test_end": str(spans.test_end)},
        "strategy": {"file": f"../strategies/{project.strategy.name}"},
        "horizon": {"bars": _number(horizon)},
        "rebalance": {"rebalance": {"kind": "every_bars", "bars": _number(horizon)}},
        "trusted_source": {"source": about["source"]},
        "trusted_timezone": {"timezone": about["timezone"]},
        "trusted_adjustment": {"adjustment": about["adjustment"]},
        "trusted_calendar": {"calendar": about["calendar"]},
        "fingerprint": {"fingerprint": panel.card.fingerprint},
        "fields": {"fields": fields},
        "groups": {"groups": _groups(facts)},
        "volume": {"liquidity": _liquidity(facts, answers["author"], measured=measured)},
        "drawdown": {"limit": _number(answers["drawdown"])},
        "fast_exit": {"max_sessions": 5 if measured else 1},
        "sample_first": {"first": str(spans.test_start)},
        "sample_last": {"last": str(spans.test_end)},
        "minimum_sessions": {"minimum_sessions": spans.test_sessions // 2},
        "purge_bars": {"purge_bars": 0 if no_model else _purged(horizon)},
        "stress_windows": {"stress_windows": facts.stress_windows},
    }
    asked = ("statement", "market_context", "refuted_by", "yardstick", "trend", "volatility", "liquidity", "author")
    entries |= {name: {name: answers[name]} for name in asked}
    figures = ("max_weight", "max_group_gross", "max_loss_per_trade", "stop_loss", "commission_bps", "half_spread_bps")
    entries |= {name: {name: _number(answers[name])} for name in figures}
    blocks = {name: value_yaml(entry) for name, entry in entries.items()}
    return {"heading": _heading(project, facts), "data": _data(project, facts, answers), **blocks}


def _heading(project: Project, facts: MarketFacts) -> str:
    what = _BUNDLED if facts.path is None else f"The prices of {facts.path.name}."
    return f"# {project.name}: hold what stands above its average. {what}\n# Carry it out with: quantdl run FILE"


def _data(project: Project, facts: MarketFacts, answers: Answers) -> str:
    """Return the block of the prices; what only their owner knows is marked."""
    if facts.path is None:
        return value_yaml({"data": {"kind": "sp500"}})
    known = {**facts.settings, "path": _path_from(project.config.parent, facts.path), "frequency": "1D"}
    known |= {name: answers[name] for name in ("adjustment", "as_of", "source", "licence")}
    return "\n".join(["data:", *("  " + line for line in _with_questions(known, facts))])


def _with_questions(known: Mapping[str, object], facts: MarketFacts) -> Iterator[str]:
    asks = {
        "adjustment": "raw as traded, split for splits only, or total_return? Say it in plan.trusted_data, too.",
        "source": "who published the prices? Say it in plan.trusted_data, too.",
        "licence": "under which terms may the prices be used?",
    }
    for line in value_yaml(dict(known)).rstrip("\n").split("\n"):
        name = line.partition(":")[0]
        unknown = str(known.get(name, "")).startswith(("not stated", UNANSWERED))
        if name in asks and unknown:
            yield f"{_ASKS}{asks[name]}"
        yield line
    yield "universe: unknown  # survivors, if assets were picked knowing that they live to the end; or point_in_time"
    if facts.broken_cells:
        counts = ", ".join(f"{kind} {count:,}" for kind, count in facts.broken_cells.items())
        yield f"{_ASKS}some cells cannot be right; what is done with them? A run refuses them until it is said."
        yield f"# {counts}; `quantdl data check` names each. To leave them out:"
        yield "# on_fault: record"


def _path_from(folder: Path, path: Path) -> str:
    """Return a path as seen from a folder; in full where the two have nothing but the root in common."""
    here, there = os.path.realpath(folder), os.path.realpath(path)
    return there if os.path.commonpath([here, there]) == os.path.sep else os.path.relpath(there, here)


def _groups(facts: MarketFacts) -> dict[str, object]:
    if set(facts.panel.assets) <= set(facts.panel.sectors):
        return {"kind": "sector"}
    return {"kind": "correlation", "window_bars": 250, "threshold": 0.6}


def _liquidity(facts: MarketFacts, author: str, *, measured: bool) -> dict[str, object]:
    if measured:
        return {"kind": "measured", "window_bars": 20, "participation": 0.05, "impact_coefficient": 0.7}
    why = "have no volume"
    if facts.has_volume:
        why = "are adjusted for dividends, and such prices times shares are not the money that was traded"
    reason = f"The prices {why}, so what can be traded is not known; no money follows this run."
    return {"kind": "waiver", "signed_by": author, "reason": reason}


def _purged(horizon: str) -> object:
    """Return the bars that a label reaches beyond its decision."""
    bars = _number(horizon)
    return bars + 1 if isinstance(bars, int) and not isinstance(bars, bool) else bars


def _number(text: str) -> object:
    """Return what a text stands for in YAML: a number, or the text itself, at which its key is refused."""
    return resolve(text.strip())


def _value(text: str) -> str:
    return value_yaml({"name": text}).removeprefix("name: ").rstrip("\n")
