"""What the command line refuses before torch and pandas are loaded, in the words of whoever would refuse it later."""

import re
from pathlib import Path

from quantdl.config.schema import ExperimentConfig
from quantdl.errors import ConfigError
from quantdl.models.settings import NetworkSettings
from quantdl.training.settings import SearchSettings

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def check_project_name(name: str) -> None:
    """Refuse the name of a new project that no file can have.

    Raises:
        ConfigError: Saying what a name is.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"NAME: given {name!r}; expected letters, digits, '_', '-' and '.', at most 64, beginning with a "
            "letter or digit, such as my_strategy."
        )


def stated_calendar(path: Path, calendar: str | None) -> str:
    """Return the calendar of prices that no config describes; it is not guessed.

    Args:
        path: Of the prices, for messages.
        calendar: Its name, if it was stated.

    Raises:
        ConfigError: If it was not.
    """
    if calendar is None:
        raise ConfigError(f"{path}: --calendar is needed for a bare path, for instance --calendar XNYS.")
    return calendar


def stated_search(config: ExperimentConfig) -> SearchSettings:
    """Return what a config asks to search.

    Raises:
        ConfigError: If there is nothing, with what to write.
    """
    if config.search is None or not isinstance(config.model, NetworkSettings):
        raise ConfigError(
            f"{config.where('search')}: nothing to search. Name a network under model, and under search.settings what "
            "to try, for instance training.learning_rate: {low: 5e-4, high: 8e-3, log: true}."
        )
    return config.search
