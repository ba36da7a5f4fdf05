"""Documentation: who answers for the run, and where its record is kept."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Documentation:
    """Who answers for the run and where its record is kept."""

    author: str
    run_folder: str
