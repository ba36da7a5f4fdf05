"""Risk as a function of losses: measures of a law, metrics of an equity curve, tests of the forecasts, and stress."""

import sys

import lazy_loader

import quantdl

# The names and where they live are written in __init__.pyi: each loads when it is first used. A config reads the
# settings of this package, and must not load torch for them.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

sys.modules[__name__].__class__ = quantdl.CalledPackage  # `quantdl.risk(...)` is a function as well
