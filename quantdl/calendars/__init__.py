"""Trading calendars: which days an exchange trades, from when to when, and how far apart two sessions are in bars."""

import lazy_loader

# The names and where they live are written in __init__.pyi: each loads when it is first used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
