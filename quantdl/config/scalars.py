"""Plain YAML scalars by the core schema of YAML 1.2, and what a slip such as ``1_000`` or ``yes`` was meant to be."""

import re

_NULL = ("", "~", "null", "Null", "NULL")
_TRUE, _FALSE = ("true", "True", "TRUE"), ("false", "False", "FALSE")
_LONGEST_NUMBER = 300
_INTEGER = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"[-+]?\.(inf|Inf|INF)")
_NAN = (".nan", ".NaN", ".NAN")

Value = str | int | float | bool | None


def resolve(text: str) -> Value:
    """Return what unquoted ``text`` stands for where no text is expected.

    Example:
        >>> [resolve(text) for text in ("007", "1e-4", "ON", "true", "1_000", "")]
        [7, 0.0001, 'ON', True, '1_000', None]
    """
    if len(text) > _LONGEST_NUMBER:
        return text
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _INTEGER.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _INFINITE.fullmatch(text) or text in _NAN:
        return float(text.replace(".", ""))
    return text


def can_be_text(text: str) -> bool:
    """Tell whether unquoted ``text`` may stand for itself; nothing, ``~`` and ``null`` mean that there is no value.

    ``NULL`` is a word like any other where text is expected: it is a ticker.
    """
    return text not in ("", "~", "null", "Null")


def meant_number(text: str) -> str | None:
    """Return the number that a slip stands for, or None.

    Example:
        >>> [meant_number(text) for text in ("1_000", "5%", "2.0", "1 000 000", "twice")]
        ['1000', '0.05', '2', '1000000', None]
    """
    bare = re.sub(r"(?<=\d)[_ '](?=\d)", "", text.strip())
    if re.fullmatch(r"[-+]?\d+\.0+", bare):
        return bare.partition(".")[0]
    if re.fullmatch(r"[-+]?\d{1,15}(\.\d{1,15})?\s*%", bare):
        return f"{float(bare.rstrip('% ')) / 100:.12g}"
    return bare if _FLOAT.fullmatch(bare) else None


def meant_flag(text: str) -> str | None:
    """Return ``"true"`` or ``"false"`` for the words that older YAML read as flags, or None."""
    word = text.casefold()
    if word in ("yes", "on", "y", "1", "true"):
        return "true"
    return "false" if word in ("no", "off", "n", "0", "false") else None
