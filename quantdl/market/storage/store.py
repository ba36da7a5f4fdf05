"""Panels on the disk, mapped into memory when they are opened: no larger in memory than what is looked at.

`save_panel` writes one, `PanelWriter` writes one that never was in memory as a whole, `open_panel` maps it. The layout
stands in `quantdl.market.storage.stored_panel`. A stored panel is written whole or not at all, and never changed
afterwards.
"""

from pathlib import Path

from quantdl.errors import DataError, IntegrityError
from quantdl.market.arrays import row_blocks
from quantdl.market.panel import Panel
from quantdl.market.storage.panel_writer import PanelOutline, PanelWriter
from quantdl.market.storage.sealed_json import RESTORE
from quantdl.market.storage.stored_panel import map_panel, read_description

__all__ = ["PanelOutline", "PanelWriter", "open_panel", "save_panel"]


def save_panel(panel: Panel, folder: Path | str) -> Path:
    """Write a panel to a folder of its own, bit for bit, and return the folder.

    Args:
        panel: The panel.
        folder: Must not exist; nothing is overwritten.

    Raises:
        DataError: If something stands at ``folder``.
        RunError: If the disk refuses. Nothing is left half-written.
    """
    with PanelWriter(folder, PanelOutline.of(panel)) as writer:
        for rows in row_blocks(panel.status):
            fields = {name: values[rows] for name, values in panel.fields.items()}
            members = None if panel.members is None else panel.members[rows]
            writer.write_sessions(rows.start, fields, panel.status[rows], members)
    return Path(folder)


def open_panel(folder: Path | str, verify: bool = True) -> Panel:
    """Map a stored panel for reading: equal, bit for bit, to the one that was written.

    Arrays are `numpy.memmap` objects in mode ``"r"``, in row-major order, so every sum over them has the same bits as
    over arrays in memory. They hold no memory of their own: what is looked at comes from the file and may go again.

    Args:
        folder: Where `save_panel` or `PanelWriter` put it.
        verify: Whether to compare every byte with the checksum that was written, at some four gigabytes a second once
            the file is in the system's cache. Without it, sizes, the description, shapes and the rules of `Panel` are
            checked, but not whether a price is the one that was written.

    As with every mapping, a disk that fails while a panel is read, or a file that is cut off under it, ends the
    process. Nothing in quantdl changes a stored file.

    Raises:
        DataError: If no panel is stored there, or a newer quantdl wrote it.
        IntegrityError: If it is not what was written; the file is named.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from quantdl.market.sources import load_sp500
        >>> panel = load_sp500()
        >>> with TemporaryDirectory() as parent:
        ...     reopened = open_panel(save_panel(panel, f"{parent}/sp500"))
        >>> bool((reopened.status == panel.status).all()), type(reopened.closes).__name__
        (True, 'memmap')
    """
    stored = read_description(Path(folder))
    try:
        return map_panel(Path(folder), stored, verify)
    except DataError as error:
        raise IntegrityError(f"{folder}: {error} {RESTORE}") from error
