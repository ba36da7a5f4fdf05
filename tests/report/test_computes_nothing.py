"""The report formats what a run recorded and computes no figure of its own, read with `ast` from its source.

What it may do: place, scale and order what it draws. A figure that is missing belongs into the record of the run.
"""

import ast
from pathlib import Path

import pytest

REPORT = Path(__file__).parents[2] / "quantdl/report"
FILES = {path.relative_to(REPORT).as_posix(): path.read_text(encoding="utf-8") for path in REPORT.rglob("*.py")}

COMPUTING = {
    *("agg", "aggregate", "average", "corr", "cov", "cumsum", "cumprod", "cummax", "cummin", "diff", "dot", "ewm"),
    *("expanding", "groupby", "histogram", "kurt", "kurtosis", "mean", "median", "nanmean", "nansum", "pct_change"),
    *(
        "percentile",
        "pivot_table",
        "prod",
        "quantile",
        "rank",
        "resample",
        "rolling",
        "sem",
        "skew",
        "std",
        "value_counts",
    ),
    *("var", "fmean", "stdev", "variance", "pstdev", "sqrt", "log1p", "expm1", "accumulate", "Counter"),
}
SUMS = {
    "census.py": "which assets and kinds come first in a map",
    "charts/forecasts.py": "how many exceptions the drawing marks, for its caption",
}
ARITHMETIC = {
    "formatting.py": "scales a figure to its unit",
    "look.py": "places ticks",
    "calibration.py": "how many rows are shown",
    "census.py": "how many rows are shown",
}
COMPUTING_LIBRARIES = {"scipy", "statistics", "torch", "sklearn", "arch"}
RECORDS_OF = ("backtest", "distributions", "features", "market", "models", "portfolio", "relations", "risk", "runs",
              "scoring", "sequences", "simulation", "training")  # fmt: skip


def calls(source):
    """Return the names of everything called: ``f(x)`` and ``x.f()`` are both calls of f."""
    called = (node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return [node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "") for node in called]


def imports(source):
    """Yield the module and the name of every ``from module import name``, and of ``import module`` an empty name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)


def computing_imports(source):
    """Return the imports that bring in more than records: functions of the rooms that compute, and their libraries."""
    found = []
    for module, name in imports(source):
        rooms = module.split(".")
        if rooms[0] in COMPUTING_LIBRARIES:
            found.append(module)
        elif rooms[0] == "quantdl" and (len(rooms) == 1 or (rooms[1] in RECORDS_OF and not name[:1].isupper())):
            found.append(f"{module}.{name}")
    return found


def arithmetic(source):
    """Return the products, quotients, powers and differences of a file; a sum may join texts."""
    operators = (ast.Mult, ast.Div, ast.FloorDiv, ast.Pow, ast.Sub, ast.MatMult)
    nodes = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.BinOp | ast.AugAssign))
    return [ast.unparse(node) for node in nodes if isinstance(node.op, operators)]


def test_the_files_of_the_report_are_found():
    assert {"html.py", "performance.py", "charts/books.py"} <= set(FILES)
    assert len(FILES) > 20


@pytest.mark.parametrize("file", FILES)
def test_nothing_is_averaged_accumulated_or_grouped(file):
    assert sorted(set(calls(FILES[file])) & COMPUTING) == []


def test_sums_only_order_rows_and_count_marks():
    """Meant is the method of an array; the built-in function counts rows of the record."""
    summing = set()
    for file, source in FILES.items():
        nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)]
        summing |= {file for node in nodes if node.attr in {"sum", "reduce"}}
    assert summing == set(SUMS)


@pytest.mark.parametrize("file", FILES)
def test_only_records_come_from_the_rooms_that_compute(file):
    assert computing_imports(FILES[file]) == []


@pytest.mark.parametrize("file", sorted(file for file in FILES if not file.startswith("charts/")))
def test_figures_are_not_reckoned_with_outside_formatting_and_drawing(file):
    found = arithmetic(FILES[file])
    assert bool(found) == (file in ARITHMETIC), found


@pytest.mark.parametrize(
    "line",
    ["returns.pct_change()", "frame.groupby('rule')", "np.mean(x)", "x.rolling(21).std()", "fmean(x)", "Counter(x)"],
)
def test_a_computation_would_be_found(line):
    assert set(calls(line)) & COMPUTING


@pytest.mark.parametrize(
    "line",
    [
        "from quantdl.risk import performance",
        "from quantdl.risk.curves.metrics import performance",
        "from quantdl.backtest.judging.summaries import cost_shares",
        "from quantdl.runs.selection import deflated_sharpe",
        "import quantdl.risk.curves.metrics",
        "from scipy import stats",
        "import statistics",
        "from quantdl import risk",
    ],
)
def test_a_computing_import_would_be_found(line):
    assert computing_imports(line)


def test_records_and_errors_may_be_imported():
    assert not computing_imports("from quantdl.risk.curves.metrics import PerformanceMetrics")
    assert not computing_imports("from quantdl.errors import RunError")


@pytest.mark.parametrize("line", ["gain = end / start - 1", "total *= 2", "weights @ returns"])
def test_arithmetic_would_be_found(line):
    assert arithmetic(line)
    assert not arithmetic("text = 'a' + name")
