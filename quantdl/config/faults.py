"""A fault in a config: where it stands, what was given, what was expected, and the nearest thing that was meant."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

Key = str | int


@dataclass(frozen=True, order=True)
class Mark:
    """A place in a file, both counted from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong, with the keys that lead to it (empty for a fault of the YAML itself).

    Example:
        >>> print(Fault(("model", "width"), "given 'wide'; expected a whole number", Mark(2, 10)).render(
        ...     "a.yaml", ["model:", "  width: wide"]))
        a.yaml:2:10: model.width: given 'wide'; expected a whole number
            2 |   width: wide
              |          ^
    """

    keys: tuple[Key, ...]
    message: str
    mark: Mark

    def render(self, path: str, lines: list[str]) -> str:
        """Return the message with file, line, column and dotted key, and below it the source line with a caret."""
        key = f"{dotted(self.keys)}: " if self.keys else ""
        head = f"{path}:{self.mark.line}:{self.mark.column}: {key}{self.message}"
        return "\n".join([head, *_excerpt(self.mark, lines)])


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
