"""From forecasts or past returns to weights, and books cut to their caps and to what they may lose by a forecast.

Weights are fractions of equity, float64; what is left to one is cash. An asset that cannot be held gets weight zero.
"""

import lazy_loader

# The names and where they live are written in __init__.pyi: each loads when it is first used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
