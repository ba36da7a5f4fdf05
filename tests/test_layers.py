"""The architecture as a test: what may import what, read with `ast`, so nothing is run and nothing is missed.

Data runs down the ROAD only; a third-party library enters through its DOORS only; what opens quickly stays light;
strategies see the public API only; nothing that turns data into code is used at all. ARCHITECTURE.md says why.
"""

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]

# A file imports only what stands above it. A file inside a package takes its package's place.
ROAD = (
    "errors",
    "bounds",
    "percents",
    "shown",
    "disk",
    "records",
    "calendars",
    "distributions",
    "market",
    "simulation",
    "features",
    "relations",
    "sequences",
    "models",
    "scoring",
    "runs",
    "training",
    "risk",
    "portfolio",
    "backtest",
    "plan",
    "audit",
    "results",
    "report",
    "config",
    "experiment",
    "interface",
    "cli",
    "__main__",
)
STRATEGIES_STAND_WITH = "backtest"

# Inside these packages the road goes on, from room to room. OWN stands for the package's own files and for the rooms
# that are not named; where it is not named, they come last.
OWN = ""
ROOMS = {
    "backtest": ("book", "running", "plan", "judging", "sensitivity"),
    "market": (OWN, "reading", "corporate", "inspection", "universe", "series", "exchanges", "storage", "sources"),
    "risk": (OWN, "measures", "curves", "backtests", "scores", "book", "stress"),
}

# The only modules that may import a library; a package named here stands for all of its files.
DOORS = {
    "annotated_types": ("quantdl.bounds",),
    "arch": ("quantdl.models.classical", "quantdl.risk.measures.estimates", "quantdl.scoring.comparisons"),
    "jinja2": ("quantdl.report.html",),
    "lazy_loader": (
        "quantdl",
        "quantdl.backtest",
        "quantdl.calendars",
        "quantdl.features",
        "quantdl.market.sources",
        "quantdl.portfolio",
        "quantdl.risk",
    ),
    "numba": ("quantdl.backtest.book.kernel",),
    "optuna": ("quantdl.experiment.search",),
    "pandas_market_calendars": ("quantdl.calendars.library",),
    "plotly": ("quantdl.report.charts",),
    "pyarrow": ("quantdl.market.sources.parquet", "quantdl.results.tables"),
    "pydantic": ("quantdl.config",),
    "pydantic_core": ("quantdl.config",),
    "pyro": ("quantdl.models.bayesian", "quantdl.models.stochastic_volatility"),
    "ray": ("quantdl.runs.workers",),
    "rich": ("quantdl.cli",),
    "ruamel": ("quantdl.config",),
    "safetensors": ("quantdl.training.checkpoints", "quantdl.training.resuming"),
    "skfolio": ("quantdl.market.sources.sp500", "quantdl.portfolio.skfolio_prior"),
    "torch_geometric": ("quantdl.models.graph", "quantdl.portfolio.learned.graph_policy"),
    "typer": ("quantdl.cli",),
    "xlsxwriter": ("quantdl.results.spreadsheets",),
}
OPEN_TO_ALL = {"numpy", "pandas", "scipy", "torch"}
OPEN_TO_STRATEGIES = {"numpy", "pandas", "torch"}
LIGHT = (
    "quantdl",
    "quantdl.cli",
    "quantdl.config",
    "quantdl.errors",
    "quantdl.runs",
)  # load no pandas, no torch
HEAVY = {"pandas", "torch"}
WITHOUT_TORCH = ("quantdl.audit", "quantdl.backtest", "quantdl.portfolio")  # money is numpy float64
WITH_DERIVATIVES = (  # say how money would change, or learn weights, and count none
    "quantdl.backtest.sensitivity",
    "quantdl.portfolio.learned",
)

# Loading one of these can run whatever its author liked.
BANNED_MODULES = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve", "yaml"}
BANNED_CALLS = {"eval", "exec", "torch.load", "torch.save", "pandas.read_pickle"}


@dataclass(frozen=True)
class Import:
    """One imported name: `from a.b import c` has target a.b.c if that is a module, else a.b."""

    line: int
    target: str
    name: str | None  # c above, if it is not a module itself
    at_load: bool  # runs when the importing file is loaded

    @property
    def library(self) -> str:
        return self.target.split(".")[0]

    def __str__(self) -> str:
        return f"{self.target}.{self.name}" if self.name else self.target


class Reader(ast.NodeVisitor):
    """Collects the imports of one module, and the calls that are banned."""

    def __init__(self, path: str, modules: set[str]) -> None:
        self.package = module_name(path) if path.endswith("__init__.py") else module_name(path).rpartition(".")[0]
        self.modules = modules
        self.imports: list[Import] = []
        self.banned: list[tuple[int, str]] = []
        self.aliases: dict[str, str] = {}
        self.deferred = False

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            bound = alias.asname or alias.name.split(".")[0]
            self.aliases[bound] = alias.name if alias.asname else bound
            self.add(node.lineno, alias.name, None)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        base = node.module or ""
        if node.level:
            above = self.package.split(".")[: len(self.package.split(".")) - node.level + 1]
            base = ".".join([*above, base] if base else above)
        for alias in node.names:
            self.aliases[alias.asname or alias.name] = f"{base}.{alias.name}"
            self.add(node.lineno, base, alias.name)

    def add(self, line: int, base: str, name: str | None) -> None:
        if name and f"{base}.{name}" in self.modules:
            base, name = f"{base}.{name}", None
        self.imports.append(Import(line, base, name, not self.deferred))

    def visit_Call(self, node: ast.Call) -> None:
        called = self.dotted(node.func).removeprefix("builtins.")
        first = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
        if called in {"importlib.import_module", "__import__"} and isinstance(first, str):
            self.add(node.lineno, first, None)
        if called in BANNED_CALLS or called.split(".")[-1] == "to_pickle":
            self.banned.append((node.lineno, f"{called}()"))
        if any(word.arg == "allow_pickle" and not is_false(word.value) for word in node.keywords):
            self.banned.append((node.lineno, "allow_pickle"))
        self.generic_visit(node)

    def dotted(self, node: ast.expr) -> str:
        """The name of what is called, with import aliases undone: np.load is numpy.load."""
        if isinstance(node, ast.Attribute):
            return f"{self.dotted(node.value)}.{node.attr}"
        return self.aliases.get(node.id, node.id) if isinstance(node, ast.Name) else ""

    def visit_If(self, node: ast.If) -> None:
        if self.dotted(node.test).split(".")[-1] != "TYPE_CHECKING":
            self.generic_visit(node)
            return
        self.visit_deferred(node.body)
        for statement in node.orelse:
            self.visit(statement)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.visit_deferred(ast.iter_child_nodes(node))

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_deferred(self, nodes: Iterator[ast.AST] | list[ast.stmt]) -> None:
        before, self.deferred = self.deferred, True
        for node in nodes:
            self.visit(node)
        self.deferred = before


def is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def module_name(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def within(module: str, packages: tuple[str, ...]) -> bool:
    """Whether a module is one of the packages or stands in it; `quantdl` stands for its own file alone."""
    return any(module == package or (package != "quantdl" and module.startswith(f"{package}.")) for package in packages)


def place(module: str) -> int | None:
    """How far down the road a module of quantdl stands; None for `quantdl` itself and for strangers."""
    parts = module.split(".")
    return ROAD.index(parts[1]) if len(parts) > 1 and parts[1] in ROAD else None


def room(module: str) -> int:
    """How far down the rooms of its package a module stands."""
    _, package, *inside = [*module.split("."), ""]
    rooms = ROOMS.get(package, ())
    name = inside[0] if inside and inside[0] in rooms else OWN
    return rooms.index(name) if name in rooms else len(rooms)


def faults(sources: Mapping[str, str]) -> list[str]:
    """Every breach in a project given as {path from the root: source}, as "path:line: what, and the fix"."""
    stubs = {path: source for path, source in sources.items() if path.endswith(".pyi")}
    sources = {path: source for path, source in sources.items() if path not in stubs}
    modules = {module_name(path) for path in sources}
    readers = {path: Reader(path, modules) for path in sorted(sources)}
    for path, reader in readers.items():
        reader.visit(ast.parse(sources[path], filename=path))
    exports = {module_name(path): exported(source) for path, source in sources.items()}
    exports |= {module_name(path.removesuffix("i")): listed(source) for path, source in stubs.items()}
    found = []
    for path, reader in readers.items():
        strategy = path.startswith("strategies/")
        found += [f"{path}:{line}: {what} can run code hidden in data" for line, what in reader.banned]
        if not strategy and path != "quantdl/__init__.py" and place(module_name(path)) is None:
            found.append(f"{path}:1: not on the road; add it to ROAD in tests/test_layers.py and to ARCHITECTURE.md")
        for imported in reader.imports:
            judge = strategy_fault(imported, exports) if strategy else package_fault(module_name(path), imported)
            found += [f"{path}:{imported.line}: {judge}"] if judge else []
    return found + [f"{module}: imports itself through {' -> '.join(loop)}" for module, loop in cycles(readers)]


def package_fault(module: str, imported: Import) -> str | None:
    """What is wrong with an import in the package, if anything."""
    library = imported.library
    if library in BANNED_MODULES:
        return f"{library} can run code hidden in data; use safetensors, Parquet or JSON"
    if library in HEAVY and imported.at_load and (module == "quantdl" or within(module, LIGHT[1:])):
        return f"{library} makes a quick command slow; import it inside the function that needs it"
    if library == "torch" and within(module, WITHOUT_TORCH) and not within(module, WITH_DERIVATIVES):
        return "torch has no place where money is counted; convert to numpy before"
    if library == "quantdl":
        return road_fault(module, imported)
    if library in OPEN_TO_ALL or library in sys.stdlib_module_names or within(module, DOORS.get(library, ())):
        return None
    allowed = " or ".join(DOORS.get(library, ())) or "DOORS in tests/test_layers.py, with its line in ARCHITECTURE.md"
    return f"{library} comes in by a new door; it belongs in {allowed}"


def road_fault(module: str, imported: Import) -> str | None:
    """What is wrong with the direction of an import inside quantdl, if anything."""
    here, there = place(module), place(imported.target)
    if module == "quantdl":
        return f"{imported} loads with every `import quantdl`; leave it to whoever uses it"
    if there is None:
        public = imported.target == "quantdl" and imported.name in {None, "__version__"}
        return None if public else f"{imported} is not on the road"
    if here == there and room(imported.target) > room(module):
        return f"{imported.target} is a room further down; take what it gives as an argument"
    if here is not None and there > here:
        return f"{imported.target} stands below; take what it gives as an argument, or move this file down the road"
    return None


def strategy_fault(imported: Import, exports: Mapping[str, set[str] | None]) -> str | None:
    """What is wrong with an import in a strategy, if anything."""
    library, target, name = imported.library, imported.target, imported.name
    if library in BANNED_MODULES or library not in {"quantdl", *OPEN_TO_STRATEGIES, *sys.stdlib_module_names}:
        return f"a strategy imports quantdl, numpy, pandas, torch and the standard library, not {library}"
    if library != "quantdl":
        return None
    public = exports.get(target)
    private = any(part.startswith("_") for part in str(imported).split("."))
    if private or (name and public is not None and name not in public):
        return f"{imported} is not public"
    if (place(target) or 0) > ROAD.index(STRATEGIES_STAND_WITH):
        return f"{target} stands below the backtest, which runs strategies"
    return None


def exported(source: str) -> set[str] | None:
    """The names in `__all__`, or None where a module has none."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == "__all__" for to in node.targets):
            return set(ast.literal_eval(node.value))
    return None


def listed(stub: str) -> set[str]:
    """The names that the stub of a lazy package exports."""
    imports = (node for node in ast.parse(stub).body if isinstance(node, ast.ImportFrom))
    return {alias.asname or alias.name for node in imports for alias in node.names}


def cycles(readers: Mapping[str, Reader]) -> Iterator[tuple[str, list[str]]]:
    """Circles inside a package; between packages a circle has an import up the road, which is a fault already."""
    targets = {
        module: {imported.target for imported in reader.imports if place(imported.target) == place(module)}
        for module, reader in ((module_name(path), reader) for path, reader in readers.items())
    }
    for start in targets:
        stack, seen = [(start, [start])], set()
        while stack:
            module, trail = stack.pop()
            for target in sorted(targets.get(module, set()) - seen):
                if target == start:
                    yield start, [*trail, start]
                    return
                seen.add(target)
                stack.append((target, [*trail, target]))


def test_the_project_keeps_to_its_architecture():
    files = [*PROJECT.glob("quantdl/**/*.py"), *PROJECT.glob("quantdl/**/*.pyi"), *PROJECT.glob("strategies/**/*.py")]
    found = faults({path.relative_to(PROJECT).as_posix(): path.read_text(encoding="utf-8") for path in files})
    assert not found, "\n".join(["", *found])


def test_every_file_has_a_test_file_of_its_own():
    files = [path.relative_to(PROJECT / "quantdl") for path in PROJECT.glob("quantdl/**/*.py")]
    mirrored = {path: PROJECT / "tests" / path.parent / f"test_{path.name}" for path in files}
    without = [
        path.as_posix() for path, test in mirrored.items() if not path.name.startswith("__") and not test.exists()
    ]
    assert not without


def test_every_door_is_used():
    sources = {
        path.relative_to(PROJECT).as_posix(): path.read_text("utf-8") for path in PROJECT.glob("quantdl/**/*.py")
    }
    used: dict[str, set[str]] = {}
    for path, source in sources.items():
        reader = Reader(path, set())
        reader.visit(ast.parse(source, filename=path))
        for imported in reader.imports:
            used.setdefault(imported.library, set()).add(module_name(path))
    idle = {
        (library, door)
        for library, doors in DOORS.items()
        for door in doors
        if not any(within(module, (door,)) for module in used.get(library, ()))
    }
    assert not idle


GOOD = {
    "quantdl/__init__.py": "import importlib\n__version__ = '0'",
    "quantdl/errors.py": "import json",
    "quantdl/market/__init__.py": "from quantdl.market.panel import Panel\n__all__ = ['Panel']",
    "quantdl/market/panel.py": "import pandas as pd\nfrom quantdl import __version__\nfrom ..errors import DataError",
    "quantdl/runs/store.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pandas\n"
    "def read():\n    import pandas",
    "quantdl/backtest/__init__.py": "import lazy_loader\n"
    "__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)",
    "quantdl/backtest/__init__.pyi": "from .running.view import MarketView as MarketView",
    "quantdl/models/flow.py": "import torch.distributions\nmodel.eval()\ndef ready(model): model.eval()",
    "quantdl/config.py": "from ruamel.yaml import YAML\nyaml = YAML()\nyaml.load('a: 1')",
    "quantdl/cli.py": "import typer\nfrom quantdl import errors\nfrom quantdl.market import panel",
    "quantdl/backtest/sensitivity/twin.py": "import torch\nfrom quantdl.backtest.running.view import MarketView",
    "strategies/sell.py": "from quantdl.backtest import MarketView",
    "strategies/buy.py": "import math, numpy as np\nfrom quantdl.market import Panel\nnp.load('x', allow_pickle=False)",
}


def test_an_innocent_project_has_no_fault():
    assert faults(GOOD) == []


@pytest.mark.parametrize(
    ("path", "source", "expected"),
    [
        ("quantdl/market/panel.py", "from quantdl.models import base", "quantdl.models"),
        ("quantdl/market/panel.py", "from quantdl import cli", "quantdl.cli stands below"),
        ("quantdl/market/panel.py", "from .. import cli", "quantdl.cli stands below"),
        ("quantdl/market/panel.py", "from ..config import Config", "quantdl.config stands below"),
        ("quantdl/market/panel.py", "def late():\n    import quantdl.cli", ":2: quantdl.cli stands below"),
        ("quantdl/market/panel.py", "if TYPE_CHECKING:\n    import quantdl.cli", ":2: quantdl.cli stands below"),
        ("quantdl/market/panel.py", "async def f():\n    from quantdl.cli import x", ":2: quantdl.cli stands below"),
        ("quantdl/market/new.py", "import quantdl.cli", "quantdl/market/new.py:1: quantdl.cli stands below"),
        ("quantdl/market/panel.py", "importlib.import_module('quantdl.cli')", "quantdl.cli stands below"),
        ("quantdl/market/panel.py", "import quantdl.nowhere", "quantdl.nowhere is not on the road"),
        ("quantdl/helpers.py", "", "not on the road; add it to ROAD"),
        ("quantdl/helpers/x.py", "", "not on the road; add it to ROAD"),
        ("quantdl/__init__.py", "from quantdl import errors", "quantdl.errors loads with every"),
        ("quantdl/market/panel.py", "from quantdl.market import Panel", "imports itself through"),
        ("quantdl/market/panel.py", "import pyro", "pyro comes in by a new door; it belongs in quantdl"),
        ("quantdl/market/panel.py", "def f():\n    import pydantic", "pydantic comes in by a new door"),
        ("quantdl/market/panel.py", "import requests", "requests comes in by a new door; it belongs in DOORS"),
        ("quantdl/market/panel.py", "import strategies.buy", "strategies comes in by a new door"),
        ("quantdl/market/panel.py", "__import__('sklearn')", "sklearn comes in by a new door"),
        ("quantdl/runs/store.py", "import pandas as pd", "pandas makes a quick command slow"),
        ("quantdl/runs/store.py", "class A:\n    import torch", "torch makes a quick command slow"),
        ("quantdl/cli.py", "try:\n    from torch import nn\nfinally:\n    pass", "torch makes a quick command slow"),
        ("quantdl/config.py", "import pandas", "pandas makes a quick command slow"),
        ("quantdl/__init__.py", "import torch", "torch makes a quick command slow"),
        ("quantdl/backtest/running/engine.py", "def f():\n    import torch", "no place where money is counted"),
        ("quantdl/backtest/book/orders.py", "from quantdl.backtest.running import view", "is a room further down"),
        ("quantdl/backtest/book/orders.py", "from quantdl.backtest.plan import items", "is a room further down"),
        ("quantdl/backtest/book/orders.py", "def f():\n    from ..running.view import x", "is a room further down"),
        ("quantdl/backtest/running/view.py", "import quantdl.backtest.judging.table", "is a room further down"),
        ("quantdl/backtest/judging/costs.py", "import quantdl.backtest.sensitivity.twin", "is a room further down"),
        ("quantdl/backtest/plan/items.py", "def f():\n    import quantdl.backtest.judging", "is a room further down"),
        ("quantdl/backtest/running/view.py", "from quantdl.backtest import run_backtest", "is a room further down"),
        ("quantdl/market/panel.py", "from quantdl.market.reading import bars", "is a room further down"),
        ("quantdl/market/reading/bars.py", "from quantdl.market.corporate import effects", "is a room further down"),
        ("quantdl/market/corporate/effects.py", "import quantdl.market.sources.lean", "is a room further down"),
        ("quantdl/market/panel.py", "import pickle", "pickle can run code"),
        ("quantdl/market/panel.py", "def f():\n    from joblib import load", "joblib can run code"),
        ("quantdl/market/panel.py", "import yaml\nyaml.load('x')", "yaml can run code"),
        ("quantdl/market/panel.py", "import torch as t\nt.load('x')", ":2: torch.load() can run code"),
        ("quantdl/market/panel.py", "from torch import load as f\nf('x')", "torch.load() can run code"),
        ("quantdl/market/panel.py", "eval('1')", "eval() can run code"),
        ("quantdl/market/panel.py", "def f():\n    exec('1')", "exec() can run code"),
        ("quantdl/market/panel.py", "import builtins\nbuiltins.exec('1')", "exec() can run code"),
        ("quantdl/market/panel.py", "import numpy as np\nnp.load('x', allow_pickle=True)", "allow_pickle can run code"),
        ("quantdl/market/panel.py", "import pandas as pd\npd.read_pickle('x')", "pandas.read_pickle() can run code"),
        ("quantdl/market/panel.py", "frame.to_pickle('x')", "frame.to_pickle() can run code"),
        ("strategies/buy.py", "import scipy", "a strategy imports quantdl, numpy"),
        ("strategies/buy.py", "import pickle", "a strategy imports quantdl, numpy"),
        ("strategies/buy.py", "eval('1')", "eval() can run code"),
        ("strategies/buy.py", "from quantdl.market import _secret", "_secret is not public"),
        ("strategies/buy.py", "from quantdl.market._hidden import x", "is not public"),
        ("strategies/buy.py", "from quantdl.market import np", "quantdl.market.np is not public"),
        ("strategies/buy.py", "from quantdl.backtest import Engine", "quantdl.backtest.Engine is not public"),
        ("strategies/buy.py", "from quantdl import config", "stands below the backtest"),
    ],
)
def test_a_planted_breach_is_found(path, source, expected):
    found = faults({**GOOD, path: source})
    assert any(expected in fault for fault in found), found
    assert all(fault.startswith((f"{path}:", "quantdl.market")) for fault in found), found


def test_a_circle_inside_a_package_is_found():
    planted = {"quantdl/market/a.py": "from .b import x", "quantdl/market/b.py": "def f():\n    from .a import y"}
    assert faults({**GOOD, **planted}) == [
        "quantdl.market.a: imports itself through quantdl.market.a -> quantdl.market.b -> quantdl.market.a"
    ]
