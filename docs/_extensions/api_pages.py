"""The Python reference: one page for each room of the package, made of its public names and their docstrings."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType


@dataclass(frozen=True)
class ApiPage:
    """One page of the reference.

    Attributes:
        name: Of the page, and of its file.
        says: What one finds there, in a line.
        modules: Whose public names it documents; one that ends in ``.*`` stands for the modules of that package, too.
        defined_in: Beginnings of the modules of which names are described; what is defined elsewhere has its own page.
    """

    name: str
    says: str
    modules: tuple[str, ...]
    defined_in: tuple[str, ...] = ("",)


API = (
    ApiPage(
        "interface",
        "What a notebook needs; each of these is a name of the package itself, such as ``qd.Transformer``.",
        (
            "quantdl",
            "quantdl.interface.backtesting",
            "quantdl.interface.estimator",
            "quantdl.interface.session_law",
            "quantdl.plan",
        ),
        defined_in=("quantdl.interface", "quantdl.plan"),
    ),
    ApiPage("errors", "The errors that a user can meet, with the exit codes of the command line.", ("quantdl.errors",)),
    ApiPage("calendars", "Sessions, opens, closes and breaks of an exchange.", ("quantdl.calendars",)),
    ApiPage(
        "market",
        "Prices in: the panel, its card, corporate actions, faults and their policies, universe, series.",
        (
            "quantdl.market.panel",
            "quantdl.market.card",
            "quantdl.market.status",
            "quantdl.market.actions",
            "quantdl.market.sources",
            "quantdl.market.sources.file_format",
            "quantdl.market.inspection.census",
            "quantdl.market.inspection.policies",
            "quantdl.market.inspection.treatment",
            "quantdl.market.corporate.adjustment",
            "quantdl.market.corporate.attachment",
            "quantdl.market.corporate.actions_table",
            "quantdl.market.exchanges.alignment",
            "quantdl.market.exchanges.currencies",
            "quantdl.market.universe.rule",
            "quantdl.market.series.declaration",
            "quantdl.market.storage.vintages",
        ),
    ),
    ApiPage("simulation", "Markets whose true law is known.", ("quantdl.simulation",)),
    ApiPage("features", "What a network reads of the prices.", ("quantdl.features",)),
    ApiPage("sequences", "From a panel to batches: histories and windows.", ("quantdl.sequences",)),
    ApiPage(
        "distributions", "Laws of log returns: the contract of a forecast, and its forms.", ("quantdl.distributions",)
    ),
    ApiPage(
        "models", "Each turns a batch of histories into a forecast.", ("quantdl.models.*", "quantdl.models.settings")
    ),
    ApiPage("scoring", "How good laws are, and which of two is better.", ("quantdl.scoring",)),
    ApiPage(
        "training",
        "The one loop, splits, checkpoints, and the forecasts that a fitted model may give.",
        ("quantdl.training.settings", "quantdl.training.fit", "quantdl.training.batches", "quantdl.training.execution"),
    ),
    ApiPage("runs", "Run folders, the ledger of trials, verification.", ("quantdl.runs",)),
    ApiPage(
        "risk",
        "Measures of losses, figures of a curve, tests of forecasts, stress.",
        ("quantdl.risk", "quantdl.risk.backtests"),
    ),
    ApiPage("portfolio", "From a law to weights.", ("quantdl.portfolio", "quantdl.portfolio.learned")),
    ApiPage("backtest", "Strategies, the engine that obeys a plan, and what it found.", ("quantdl.backtest",)),
    ApiPage("plan", "The trading plan, item by item.", ("quantdl.backtest.plan.*",)),
    ApiPage("audit", "Whether anything looks ahead.", ("quantdl.audit",)),
    ApiPage("config", "YAML in, typed objects out.", ("quantdl.config",)),
    ApiPage("experiment", "A config carried out.", ("quantdl.experiment",)),
    ApiPage("report", "One HTML file that formats a run and computes nothing.", ("quantdl.report",)),
)


def api_index() -> str:
    """Return the page that lists the others."""
    lines = ["# Python names", "", "By room, in the order in which data run through them.", ""]
    lines += [f"* [{page.name}]({page.name}.rst): {page.says}" for page in API]
    return "\n".join([*lines, "", "```{toctree}", ":hidden:", "", *(page.name for page in API), "```", ""])


def api_page(page: ApiPage) -> str:
    """Return one page of the reference, as reStructuredText."""
    lines = [page.name, "=" * len(page.name), "", page.says, ""]
    described: set[tuple[str, str]] = set()
    for module in _modules(page.modules):
        names = [name for name in _public(module) if _home(module, name) not in described]
        names = [name for name in names if _home(module, name)[0].startswith(page.defined_in)]
        if names:
            lines += _section(module, names)
            described |= {_home(module, name) for name in names}
    return "\n".join(lines)


def _home(module: ModuleType, name: str) -> tuple[str, str]:
    """Return where a name is defined, so that one that two packages offer is described once."""
    return getattr(getattr(module, name), "__module__", module.__name__), name


def _section(module: ModuleType, names: list[str]) -> list[str]:
    title = module.__name__
    lines = [title, "-" * len(title), "", f".. automodule:: {title}", "", ".. autosummary::", "   :nosignatures:", ""]
    lines += [f"   {name}" for name in names]
    lines += [""]
    for name in names:
        lines += _entry(name, getattr(module, name))
    return lines


def _entry(name: str, value: object) -> list[str]:
    if inspect.isclass(value):
        kind = "autoexception" if issubclass(value, BaseException) else "autoclass"
        return [f".. {kind}:: {name}", f"   :members:{_of_a_config(value)}", ""]
    return [f".. {'autofunction' if callable(value) else 'autodata'}:: {name}", ""]


def _of_a_config(kind: type) -> str:
    """Return the members to name of a class whose fields are keys of a config, which have a reference of their own."""
    if not hasattr(kind, "model_fields"):
        return ""
    own = (name for name, value in vars(kind).items() if inspect.isfunction(value) or isinstance(value, property))
    return " " + ", ".join(name for name in own if not name.startswith("_"))


def _modules(names: tuple[str, ...]) -> Iterator[ModuleType]:
    for name in names:
        package = importlib.import_module(name.removesuffix(".*"))
        yield package
        if name.endswith(".*"):
            inside = sorted(pkgutil.iter_modules(package.__path__), key=lambda module: module.name)
            yield from (
                importlib.import_module(f"{package.__name__}.{found.name}") for found in inside if not found.ispkg
            )


def _public(module: ModuleType) -> Iterator[str]:
    """Yield the names that a module offers: those of ``__all__``, or what it defines itself and does not hide."""
    if hasattr(module, "__all__"):
        yield from (name for name in module.__all__ if not inspect.ismodule(getattr(module, name)))
        return
    for name, value in vars(module).items():
        own = getattr(value, "__module__", None) == module.__name__ and (
            inspect.isclass(value) or inspect.isfunction(value)
        )
        if own and not name.startswith("_") and value.__doc__:
            yield name
