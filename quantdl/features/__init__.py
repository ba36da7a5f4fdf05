"""What a model may know at the close of a bar, computed from that bar and earlier ones only.

All columns are free of the scale of returns: volatilities enter as logarithms of ratios, returns as multiples of a
trailing volatility. The volatility itself travels apart, as ``scale``, and a model's law is stated in multiples of it.
So a model sees the same numbers for returns in decimals or in percent, and serves an asset that it was never fitted on.

The quantities behind the columns are functions of their own, in the units that practitioners use: a volatility is per
bar, a drawdown a negative return from the peak, an Amihud ratio one over money.

Every value is a recursion or a sum over the past in a fixed order, so it is the same bit for bit whatever follows it.
"""

import lazy_loader

# The names and where they live are written in __init__.pyi: each loads when it is first used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
