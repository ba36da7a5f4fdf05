"""Formulas as MathML, which browsers draw by themselves: no script, no font and no picture is needed."""

import re

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

_LOGGER = logging.getLogger(__name__)
_SIZED = re.compile(r"\\(big|Big|bigg|Bigg)(?![a-zA-Z])")
_STYLE = re.compile(r"(?<=[^\s])\s*\\textstyle(?![a-zA-Z])", flags=re.DOTALL)
_DOTS = re.compile(r"\\dots(?![a-zA-Z])")


def _mathml(node: nodes.math | nodes.math_block, *, block: bool) -> str:
    text = _STYLE.sub("", node.astext())  # a declaration, which may only come first
    text = _DOTS.sub(r"\\ldots", _SIZED.sub(r"\\\1l", text))  # which docutils knows
    try:
        return tex2mathml(text, as_block=block)
    except MathError as error:
        _LOGGER.warning("a formula that cannot be converted: %s: %s", error, text, location=node)
        return ""


def _visit_inline(self: HTML5Translator, node: nodes.math) -> None:
    self.body.append(_mathml(node, block=False))
    raise nodes.SkipNode


def _visit_block(self: HTML5Translator, node: nodes.math_block) -> None:
    self.body.append(f'<div class="formula">{_mathml(node, block=True)}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the renderer ``mathml``."""
    app.add_html_math_renderer("mathml", (_visit_inline, None), (_visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
