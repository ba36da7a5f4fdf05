"""Backtests that refuse to run without a trading plan, obey it, and say afterwards whether it was kept."""

import sys

import lazy_loader

import quantdl

# The names and where they live are written in __init__.pyi: each loads when it is first used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

sys.modules[__name__].__class__ = quantdl.CalledPackage  # `quantdl.backtest(...)` is a function as well
