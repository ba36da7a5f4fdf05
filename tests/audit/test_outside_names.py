"""Names that a strategy reads and does not bind are found with their lines; what it binds, or Python has, is not."""

from pathlib import Path

import pytest

from quantdl.audit.outside_names import free_names, names_read_when_called, outside_names

CLASS = """
from dataclasses import dataclass

@dataclass
class Strategy:
    share: float = SHARE
    rows = [row for row in table]

    def decide(self, view: "View"):
        weights = helper(view, self.share)
        return {name: weights for name in view.assets}

def helper(view, share):
    return share * prices.loc[view.session] + len(view.assets)
"""


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (CLASS, {"SHARE": 6, "table": 7, "prices": 14}),
        ("def decide(view):\n    prices = view.closes\n    return prices", {}),
        ("def decide(view, rows=table):\n    return rows", {"table": 1}),
        ("def decide(view):\n    global kept\n    kept = 1\n    return kept", {"kept": 3}),
        ("import numpy as np\nx = 1\ndef decide(view):\n    return np.log(x) + sum(view.closes) + __name__", {}),
        ("def decide(view):\n    def inner():\n        return view, table\n    return inner()", {"table": 3}),
        ("decide = lambda view: table[view.session]", {"table": 1}),
    ],
)
def test_names_from_outside_are_found(source: str, expected: dict[str, int]) -> None:
    assert free_names(source) == expected


def test_what_is_taken_over_at_the_definition_is_not_read_when_called() -> None:
    assert names_read_when_called(CLASS) == {"prices"}


@pytest.mark.parametrize("path", sorted(Path("strategies").glob("*.py")), ids=lambda path: path.stem)
def test_a_shipped_strategy_reads_nothing_from_outside(path: Path) -> None:
    assert outside_names(path.read_text()) == ()


def test_a_warning_names_line_and_name() -> None:
    (found,) = outside_names("def decide(view):\n    return table")
    assert (found.line, found.code) == (2, "table")
    assert "field or a series" in found.reason


def test_a_text_that_is_no_python_has_no_names() -> None:
    assert outside_names("def decide(:") == ()
