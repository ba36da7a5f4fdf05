"""From market prices to a predictive distribution, from the distribution to risk, positions and a report.

What a notebook needs stands here by name, and each name loads when it is first used, so ``import quantdl as qd`` costs
neither torch nor pandas; so do the sub-packages:

    >>> import quantdl as qd
    >>> qd.errors.QuantdlError.exit_code
    6

The names and where they live are written in ``__init__.pyi``. What stands where, and what may import what, is written
in ARCHITECTURE.md.
"""

import importlib
from types import ModuleType
from typing import Any

import lazy_loader

__version__ = "0.1.0"


class CalledPackage(ModuleType):
    """A package that is called as the function of its name: ``qd.backtest(...)``.

    Its name belongs to both, and which of them an attribute of ``quantdl`` is must not depend on what was imported
    before.
    """

    def __call__(self, *given: Any, **named: Any) -> Any:  # noqa: ANN401 - what the function takes and gives
        """Call the function of `quantdl.interface` that is called as the package."""
        name = self.__name__.split(".")[1]
        home = importlib.import_module(f"{__name__}.interface.{'risk' if name == 'risk' else 'backtesting'}")
        return getattr(home, name)(*given, **named)


__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
