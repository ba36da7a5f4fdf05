"""The oracle of the performance figures is independent: it imports numpy, and no test of figures defines its own."""

import ast
from pathlib import Path

SHEET = Path(__file__).with_name("definition_sheet.py")


def test_the_sheet_imports_numpy_alone():
    """ffn 307: a test that asserted an implementation against itself had kept a fault alive."""
    imported = {
        name
        for node in ast.walk(ast.parse(SHEET.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module])
    }
    assert imported == {"numpy"}
