"""Leftovers of killed writers go, those of living ones stay."""

import fcntl
import os

from quantdl.disk import remove_unclaimed


def test_a_folder_goes_only_when_nobody_holds_it(tmp_path):
    dead, living, gone = (tmp_path / name for name in ("dead", "living", "gone"))
    for folder in (dead, living):
        folder.mkdir()
        (folder / "piece").write_text("half")
    descriptor = os.open(living, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    assert remove_unclaimed([dead, gone, living]) == (dead,)
    assert not dead.exists() and (living / "piece").exists()
    os.close(descriptor)
    assert remove_unclaimed([living]) == (living,)
