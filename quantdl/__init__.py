"""From market prices to a predictive distribution, from the distribution to risk, positions and a report.

What a notebook needs stands here by name, and each name loads when it is first used, so ``import quantdl as qd`` costs
neither torch nor pandas; so do the sub-packages:

    >>> import quantdl as qd
    >>> qd.errors.QuantdlError.exit_code
    6

The names and where they live are written in ``__init__.pyi``. What stands where, and what may import what, is written
in ARCHITECTURE.md.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
