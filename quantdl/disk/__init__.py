"""Writing that survives killed processes, full disks and other processes at the same time.

Folders are published whole by one rename; files are replaced in one step, or appended to under a lock. What must not be
lost is on the disk before the call returns.
"""

from quantdl.disk.files import (
    Appending,
    appending,
    disk_error,
    disk_errors,
    locked,
    make_folder,
    read_under_lock,
    replace_file,
    replacing,
    size_of,
    write_file,
)
from quantdl.disk.folders import (
    AlreadyStoredError,
    PartialFolder,
    is_used,
    partial_folders,
    publishing,
    remove_abandoned,
    remove_at_once,
    shared,
)

__all__ = [
    "AlreadyStoredError",
    "Appending",
    "PartialFolder",
    "appending",
    "disk_error",
    "disk_errors",
    "is_used",
    "locked",
    "make_folder",
    "partial_folders",
    "publishing",
    "read_under_lock",
    "remove_abandoned",
    "remove_at_once",
    "replace_file",
    "replacing",
    "shared",
    "size_of",
    "write_file",
]
