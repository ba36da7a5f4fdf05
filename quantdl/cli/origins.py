"""Where the figures of a command come from, said on standard error with ``-v``: files read, data, what was fitted."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from quantdl.cli.saying import say

if TYPE_CHECKING:
    from quantdl.config import ForecastConfig


def say_what_is_read(config: "ForecastConfig") -> None:
    """Say on standard error which files a config is made of, and which it reads."""
    for path in config.source.texts:
        say(f"read: config {path}", err=True)
    for path in getattr(config, "strategy_files", {}).values():
        say(f"read: strategy {path}", err=True)
    for source in getattr(config.data, "sources", (config.data,)):
        files = source.files().values()
        say(f"read: prices {', '.join(map(str, files)) or f'{source.kind}, bundled'}", err=True)


def say_what_was_used(card: Mapping[str, Any], fitted_through: Sequence[object]) -> None:
    """Say on standard error which prices a command worked on, and through which sessions its model was fitted.

    Args:
        card: The data card, as JSON holds it.
        fitted_through: Last session of each fit; empty without a model.
    """
    declared = card.get("declaration")
    source = declared.get("source") if isinstance(declared, dict) else None
    say(f"data: {source}, fingerprint {card.get('fingerprint')}", err=True)
    through = ", ".join(map(str, fitted_through))
    say(f"fitted through: {through}" if through else "fitted: nothing, there is no model", err=True)
