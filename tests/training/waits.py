"""Counts how often Python asks a tensor for its values, which on a GPU waits for everything before it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

_ASKS = ("item", "tolist", "cpu", "numpy", "nonzero", "__bool__", "__int__", "__float__", "__index__")


@contextmanager
def counted_waits() -> Iterator[list[str]]:
    """Give a list that each question put to a tensor is added to."""
    asked: list[str] = []
    own = {name: getattr(torch.Tensor, name) for name in _ASKS}

    def telling(name: str):
        def ask(self, *arguments, **keywords):
            asked.append(name)
            return own[name](self, *arguments, **keywords)

        return ask

    for name in own:
        setattr(torch.Tensor, name, telling(name))
    try:
        yield asked
    finally:
        for name, method in own.items():
            setattr(torch.Tensor, name, method)
