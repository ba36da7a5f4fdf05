"""The source of what was typed in a notebook, with all that it needs, as a file that stands alone."""

import linecache
import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from quantdl.config import load_strategy
from quantdl.errors import ConfigError
from quantdl.interface.source_text import collected, import_line, is_plain, plain_parameter
from tests.interface import typed_strategies as typed


def test_helpers_numbers_and_imports_come_along() -> None:
    text = collected(typed.inverse_risk).text()
    assert text.startswith("from quantdl import MarketView\nimport numpy as np\n\n\nWINDOW = 60\n")
    assert text.index("WINDOW = 60") < text.index("def trailing_risk") < text.index("def inverse_risk")


def test_a_class_comes_with_its_decorators_and_its_fields() -> None:
    text = collected(typed.Even).text("Strategy = Even")
    assert "@dataclass(frozen=True)\nclass Even:" in text
    assert text.endswith("\n\n\nStrategy = Even\n")


def test_what_is_stored_can_be_run_as_a_strategy_file(tmp_path) -> None:
    path = tmp_path / "strategy.py"
    path.write_text(collected(typed.Even).text("Strategy = Even"))
    strategy = load_strategy(path, {"share": 0.25})
    assert vars(strategy) == {"share": 0.25}


def test_data_is_named_and_not_stored() -> None:
    source = collected(typed.one_bar_ahead)
    assert source.outside.keys() == {"table"}
    assert source.text().startswith("# Not stored, because it is data and no source: table (DataFrame).")
    assert source.places["table"] == [vars(typed)]


def test_a_closure_is_stored_where_it_holds_a_number_and_named_where_it_holds_data() -> None:
    table = pd.DataFrame()
    source = collected(typed.closing_over(table))
    assert source.outside == {"data": table}
    (cell,) = source.places["data"]
    assert cell.cell_contents is table  # type: ignore[union-attr]
    assert "data = 3.0\n" in collected(typed.closing_over(3.0)).text()


def typed_in_a_cell(source: str, around: dict[str, object]) -> Callable[..., object]:
    """What a cell of a notebook leaves: a function of no file whose lines are kept by `linecache`, as IPython does."""
    name = "<ipython-input-7-0123456789ab>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    namespace: dict[str, object] = {"__name__": "__main__", **around}
    exec(compile(source, name, "exec"), namespace)  # noqa: S102 - a cell of this test
    found = namespace["made"]
    assert callable(found)
    return found


def test_a_cell_of_a_notebook_is_read() -> None:
    typed_class = "class made:\n    '''Typed.'''\n    def decide(self, view):\n        return np.log(LEVEL * scale)\n"
    cell = f"LEVEL = 3\n\n{typed_class}"
    source = collected(typed_in_a_cell(cell, {"np": np, "scale": np.ones(9000)}))
    assert source.outside.keys() == {"scale"}
    assert "LEVEL = 3" in source.text()
    assert "import numpy as np" in source.text()
    assert source.text().rstrip().endswith(typed_class.rstrip())


@pytest.mark.parametrize("made", [lambda view: None, int, np.log], ids=["lambda", "of Python", "compiled"])
def test_source_that_cannot_be_had_is_refused_with_the_fix(made) -> None:
    with pytest.raises(ConfigError, match=r"cannot be had.*Fix: write it into a file and give its path"):
        collected(made)


def test_what_was_typed_at_a_prompt_is_refused() -> None:
    namespace: dict[str, object] = {}
    exec("def decide(view): return None", namespace)  # noqa: S102 - as at a prompt
    with pytest.raises(ConfigError, match="the source of 'decide' cannot be had"):
        collected(namespace["decide"])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("np", np, "import numpy as np"),
        ("math", math, "import math"),
        ("log", np.log, "from numpy import log"),
        ("root", math.sqrt, "from math import sqrt as root"),
        ("Frame", pd.DataFrame, "from pandas import DataFrame as Frame"),
        ("Even", typed.Even, None),
        ("x", 3.0, None),
        ("int", int, None),
    ],
)
def test_what_can_be_imported_is_and_nothing_else(name: str, value: object, expected: str | None) -> None:
    assert import_line(name, value, typed.__name__) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, True),
        ([1, "a", None], True),
        ({"a": (1.5,)}, True),
        ({1, 2}, True),
        (np.ones(2), False),
        ([object()], False),
    ],
)
def test_plain_values_are_numbers_text_and_lists_of_them(value: object, expected: bool) -> None:
    assert is_plain(value) is expected


@pytest.mark.parametrize(
    ("value", "expected"), [(1, True), ({"a": [1.5]}, True), ({1: 2}, False), (np.ones(2), False), ({1, 2}, False)]
)
def test_a_parameter_is_what_a_config_can_hold(value: object, expected: bool) -> None:
    assert plain_parameter(value) is expected
