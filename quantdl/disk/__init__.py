"""What is written whole or not at all, and stays: folders published by one rename, files replaced or appended to.

Everything in quantdl that must survive a killed process, a full disk or another process at the same time is written
through this room. Nothing is acknowledged before it is on the disk.
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
