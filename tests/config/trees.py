"""Trees of configs, compared by what they say."""

from quantdl.config.document import Mapping, Node, Sequence
from quantdl.config.scalars import resolve


def bare(node: Node) -> object:
    """A tree without its places: lists, mappings, and texts with whether they are quoted or what they stand for."""
    if isinstance(node, Mapping):
        return {key: bare(entry.value) for key, entry in node.entries.items()}
    if isinstance(node, Sequence):
        return [bare(item) for item in node.items]
    if node.plain and resolve(node.text) is None:
        return None
    return (node.text, resolve(node.text) if node.plain else node.text)
