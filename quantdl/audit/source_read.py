"""A strategy's source read for what often looks ahead. Nothing is run and nothing is proved: findings are warnings."""

import ast
from collections.abc import Callable

from quantdl.audit.verdict import Warned

FILE_READ = "a file knows no now: it holds later rows as well; hand the data to the run as a field or a series"
WHOLE_HISTORY = "it loads whole histories, whatever the session that is decided"
_LATER = "a negative step moves later rows back, so a row holds what came after it"
_READERS = {
    "open",
    "read_csv",
    "read_parquet",
    "read_excel",
    "read_feather",
    "read_hdf",
    "read_json",
    "read_sql",
    "read_table",
    "fromfile",
    "loadtxt",
    "genfromtxt",
    "read_bytes",
    "read_text",
    "urlopen",
}
_QUANTDL_LOADERS = ("load_sp500", "load_csv_folder", "load_parquet", "load_lean", "load_prices", "load_data")
_WHOLE = {
    "fit_transform": "it fits on all rows that it is given and uses the fit on the same rows",
    "filtfilt": "a filter that runs both ways gives each row something of the later ones",
    "sosfiltfilt": "a filter that runs both ways gives each row something of the later ones",
    "savgol_filter": "its window is centred, so half of it lies after the row",
    "gaussian_filter1d": "its window is centred, so half of it lies after the row",
    "find_peaks": "a peak is known to be one only after prices have fallen from it",
    "argrelextrema": "an extreme is known to be one only after prices have turned",
    "rfft": "a transform of a whole history gives each row something of the later ones",
    "fft": "a transform of a whole history gives each row something of the later ones",
    "detrend": "the trend is that of all rows, later ones too",
    "zscore": "mean and deviation are those of all rows, later ones too",
    "interpolate": "a gap is filled from the value after it",
}


def read_source(text: str) -> tuple[Warned, ...]:
    r"""Return the places of a strategy's source that often look ahead, in order of lines.

    A view ends at now, so most of these are harmless where they are done to what the view gives: the audit tells.

    Args:
        text: Python source. What is not valid Python has no findings: loading it names the fault.

    Example:
        >>> [(item.line, item.code) for item in read_source("import pandas\nx = closes.shift(-1)")]
        [(2, 'closes.shift(-1)')]
    """
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return ()
    deferred = {id(inner) for node in ast.walk(tree) if isinstance(node, _FUNCTIONS) for inner in ast.walk(node)}
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.expr | ast.stmt):
            continue
        reason = next((why for rule in _RULES if (why := rule(node, id(node) in deferred))), None)
        if reason is not None:
            found.append(Warned(node.lineno, _shown(node), reason))
    return tuple(sorted(found, key=lambda item: item.line))


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_Rule = Callable[[ast.AST, bool], str | None]


def _shown(node: ast.expr | ast.stmt) -> str:
    lines = ast.unparse(node).splitlines()
    return lines[0][:80]


def _name(node: ast.AST) -> str:
    """The last part of what is called or read: ``shift`` of ``closes.shift``."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _number(node: ast.AST | None) -> float | None:
    """A number that is written out, with its sign; None for anything else."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = _number(node.operand)
        return -1.0 if value is None else -value  # -k for a variable k is meant to be negative
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value)
    return None


def _argument(call: ast.Call, name: str, position: int) -> ast.expr | None:
    named = next((word.value for word in call.keywords if word.arg == name), None)
    return named if named is not None or len(call.args) <= position else call.args[position]


def _is(node: ast.expr | None, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value == value and type(node.value) is type(value)


def _negative_step(node: ast.AST, deferred: bool) -> str | None:
    if not isinstance(node, ast.Call):
        return None
    name = _name(node.func)
    steps = {"shift": ("periods", 0), "pct_change": ("periods", 0), "diff": ("periods", 0), "tshift": ("periods", 0)}
    if name in steps and isinstance(node.func, ast.Attribute) and (_number(_argument(node, *steps[name])) or 0.0) < 0:
        return _LATER
    if name == "roll" and (_number(_argument(node, "shift", 1)) or 0.0) < 0:
        return _LATER
    if name in {"asof", "reindex", "merge_asof"}:
        direction = _argument(node, "direction", 99) or _argument(node, "method", 99)
        if any(_is(direction, word) for word in ("forward", "nearest", "bfill", "backfill")):
            return "it takes the next value where the last one was to be known"
    return None


def _centred(node: ast.AST, deferred: bool) -> str | None:
    if isinstance(node, ast.Call) and _is(_argument(node, "center", 99), True):
        return "half of a centred window lies after the row"
    if isinstance(node, ast.Call) and _name(node.func) == "convolve" and _is(_argument(node, "mode", 2), "same"):
        return "half of a centred window lies after the row"
    return None


def _backfilled(node: ast.AST, deferred: bool) -> str | None:
    if not isinstance(node, ast.Call):
        return None
    filled = _name(node.func) == "fillna" and any(
        _is(_argument(node, "method", 1), word) for word in ("bfill", "backfill")
    )
    return "a gap is filled with what came after it" if filled or _name(node.func) in {"bfill", "backfill"} else None


def _whole_sample(node: ast.AST, deferred: bool) -> str | None:
    if not isinstance(node, ast.Call):
        return None
    name = _name(node.func)
    if name in _WHOLE:
        return _WHOLE[name]
    if name in {"rank", "quantile", "qcut"} and not _is(_argument(node, "axis", 0), 1) and not _windowed(node):
        return "it ranks each row among all rows, later ones too, unless the rows end at now"
    if name == "fit" and isinstance(node.func, ast.Attribute):
        return "it fits on all rows that it is given: give it none after the session that is decided"
    return None


def _windowed(call: ast.Call) -> bool:
    """Whether a call stands behind ``rolling``, ``expanding`` or ``ewm``."""
    inner: ast.expr = call.func
    while isinstance(inner, ast.Attribute | ast.Call):
        inner = inner.value if isinstance(inner, ast.Attribute) else inner.func
        if _name(inner) in {"rolling", "expanding", "ewm"}:
            return True
    return False


def _left_label(node: ast.AST, deferred: bool) -> str | None:
    if not isinstance(node, ast.Call) or _name(node.func) not in {"resample", "Grouper"}:
        return None
    label = _argument(node, "label", 99)
    if label is not None and not _is(label, "left"):
        return None
    return "a longer bar that is dated by its start is read before it has ended; date it by its end (label='right')"


def _outside(node: ast.AST, deferred: bool) -> str | None:
    if not isinstance(node, ast.Call):
        return None
    name = _name(node.func)
    if name in _QUANTDL_LOADERS:
        return WHOLE_HISTORY
    if name in _READERS or (name == "load" and _name(getattr(node.func, "value", node)) in {"np", "numpy"}):
        return FILE_READ
    return None


def _read_at_import(node: ast.AST, deferred: bool) -> str | None:
    if deferred or not isinstance(node, ast.Subscript) or not isinstance(node.ctx, ast.Load):
        return None
    last = (_number(node.slice) or 0.0) < 0
    if last and _name(node.value) in {"iloc", "values", "iat"}:
        return "it is read once, when the file is loaded, from the end of whatever history is there"
    return None


def _global_state(node: ast.AST, deferred: bool) -> str | None:
    if isinstance(node, ast.Global) and deferred:
        return "a global outlives the strategy: what is kept of a later session may meet an earlier one"
    return None


_RULES: tuple[_Rule, ...] = (
    _negative_step,
    _centred,
    _backfilled,
    _left_label,
    _whole_sample,
    _outside,
    _read_at_import,
    _global_state,
)
