"""What a run leaves behind: folders written whole or not at all, a ledger of trials, and what trying often costs.

Neither torch nor pandas is imported here, so listing runs is instant.
"""

from quantdl.runs.ledger import Entry, Ledger, LedgerContents, PeriodSharpe, Trial, idea_hash, trial_hash
from quantdl.runs.store import (
    FileRecord,
    RunEntry,
    RunFolder,
    RunWriter,
    delete_run,
    find_run,
    list_runs,
    new_run_id,
    open_run,
    remove_abandoned,
    run_path,
)
from quantdl.runs.verification import verify_ledger, verify_run

__all__ = [
    "Entry",
    "FileRecord",
    "Ledger",
    "LedgerContents",
    "PeriodSharpe",
    "RunEntry",
    "RunFolder",
    "RunWriter",
    "Trial",
    "delete_run",
    "find_run",
    "idea_hash",
    "list_runs",
    "new_run_id",
    "open_run",
    "remove_abandoned",
    "run_path",
    "trial_hash",
    "verify_ledger",
    "verify_run",
]
