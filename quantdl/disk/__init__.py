"""Writing that survives killed processes, full disks and other processes at the same time.

Folders are published whole by one rename; files are replaced in one step, or appended to under a lock. What must not be
lost is on the disk before the call returns.
"""

from quantdl.disk.files import appending, disk_error, disk_errors, locked, read_under_lock, replace_file, size_of
from quantdl.disk.folders import (
    AlreadyStoredError,
    PartialFolder,
    partial_folders,
    publishing,
    remove_abandoned,
    remove_at_once,
)

__all__ = [
    "AlreadyStoredError",
    "PartialFolder",
    "appending",
    "disk_error",
    "disk_errors",
    "locked",
    "partial_folders",
    "publishing",
    "read_under_lock",
    "remove_abandoned",
    "remove_at_once",
    "replace_file",
    "size_of",
]
