"""Signatures as a reader wants them: a type without the range that a config checks; the reference of keys states it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_ANNOTATED = "typing.Annotated["


def plain(signature: str) -> str:
    """Return a signature with ``Annotated[int, Gt(0)]`` as ``int``, and defaults that are made anew as an ellipsis."""
    text = signature.replace("<factory>", "...").replace(f"~{_ANNOTATED}", _ANNOTATED)
    while _ANNOTATED in text:
        start = text.rindex(_ANNOTATED)  # the innermost, or the last
        inside, rest = _bracketed(text[start + len(_ANNOTATED) :])
        text = text[:start] + inside + rest
    return text


def _bracketed(text: str) -> tuple[str, str]:
    """Split what follows an open bracket: the first of its items, and what stands after it is closed."""
    depth, first = 0, ""
    for at, letter in enumerate(text):
        if letter == "]" and depth == 0:
            return first or text[:at], text[at + 1 :]
        if letter == "," and depth == 0 and not first:
            first = text[:at]
        depth += (letter in "[(") - (letter in "])")
    return text, ""


def _process(
    app: "Sphinx", what: str, name: str, thing: object, options: object, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    return (signature and plain(signature)), (returns and plain(returns))


def setup(app: "Sphinx") -> dict[str, bool]:
    """Change every signature before it is read."""
    app.connect("autodoc-process-signature", _process)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
