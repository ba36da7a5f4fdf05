"""Documentation: who answers for the run, and where its record is kept."""

from dataclasses import dataclass

from quantdl.backtest.plan.texts import Folder, PersonName


@dataclass(frozen=True)
class Documentation:
    """Who answers for the run and where its record is kept."""

    author: PersonName
    run_folder: Folder
