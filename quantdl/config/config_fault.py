"""A fault in a config: where it stands, what was given, and what was expected."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

Key = str | int

IN_PYTHON = Path("made_in_python.yaml")
"""Stands for the file of a config whose values were handed over in Python: its places are arguments, not lines."""


@dataclass(frozen=True)
class Mark:
    """A place in a file; line and column are counted from 1."""

    path: Path
    line: int
    column: int

    def __str__(self) -> str:
        """Return the place as editors know it: ``configs/a.yaml:2:10``."""
        return f"{self.path}:{self.line}:{self.column}"

    @property
    def prefix(self) -> str:
        """What a message begins with: the place and a colon, or nothing where the value was handed over in Python."""
        return "" if self.path == IN_PYTHON else f"{self}: "


@dataclass(frozen=True)
class ConfigFault:
    """One thing that is wrong, with the keys that lead to it (empty for a fault of the YAML itself).

    Example:
        >>> place = Mark(Path("a.yaml"), 2, 10)
        >>> fault = ConfigFault(("model", "width"), "given 'wide'; expected a whole number", place)
        >>> print(fault.render(["model:", "  width: wide"]))
        a.yaml:2:10: model.width: given 'wide'; expected a whole number
            2 |   width: wide
              |          ^
    """

    keys: tuple[Key, ...]
    message: str
    mark: Mark

    def render(self, lines: list[str]) -> str:
        """Return the message with file, line, column and dotted key, and below it the source line with a caret.

        Args:
            lines: Of the file in which the fault stands.
        """
        key = f"{dotted(self.keys)}: " if self.keys else ""
        excerpt = [] if self.mark.path == IN_PYTHON else _excerpt(self.mark, lines)
        return "\n".join([f"{self.mark.prefix}{key}{self.message}", *excerpt])


def dotted(keys: Iterable[Key]) -> str:
    """Return keys as a reader writes them.

    Example:
        >>> dotted(("compare", 1, "width"))
        'compare[1].width'
    """
    text = ""
    for key in keys:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text


def source_lines(text: str) -> list[str]:
    """Return the lines as YAML counts them: only line feed and carriage return end one."""
    return re.split(r"\r\n|\r|\n", text)


def _excerpt(mark: Mark, lines: list[str], width: int = 110) -> list[str]:
    """Return the source line and a caret; long lines are cut around the place."""
    if not 1 <= mark.line <= len(lines):
        return []
    line = "".join(letter if letter.isprintable() else " " for letter in lines[mark.line - 1])
    start = max(0, mark.column - 1 - width // 2) if len(line) > width else 0
    number = f"{mark.line:5d}"
    return [f"{number} | {line[start : start + width]}", f"{' ' * len(number)} | {' ' * (mark.column - 1 - start)}^"]
