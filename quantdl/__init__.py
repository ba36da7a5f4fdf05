"""From market prices to a predictive distribution, from the distribution to risk, positions and a report.

Sub-packages load when they are first used, so `import quantdl` costs neither torch nor pandas:

    >>> import quantdl
    >>> quantdl.errors.QuantdlError.exit_code
    6

What stands where, and what may import what, is written in ARCHITECTURE.md.
"""

import importlib
import pkgutil
from types import ModuleType

__version__ = "0.1.0"


def __getattr__(name: str) -> ModuleType:
    if name.startswith("_") or name not in __dir__():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    return sorted({*globals(), *(module.name for module in pkgutil.iter_modules(__path__))})
