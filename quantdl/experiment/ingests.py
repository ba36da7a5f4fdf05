"""What the same files said before: every ingest of a run is kept beside the runs, and compared with the one before."""

import hashlib
from pathlib import Path

from quantdl.config import ExperimentConfig
from quantdl.market.panel import Panel
from quantdl.market.sources.settings import Sp500Prices
from quantdl.market.storage.revisions import with_revisions
from quantdl.market.storage.vintages import known_revisions, record_ingest

VINTAGES = "vintages"
"""Name of the folder of ingests, beside the run folders."""


def with_recorded_ingest(panel: Panel, config: ExperimentConfig) -> Panel:
    """Keep the panel as a vintage if it differs from the last one, and return it with what was revised since.

    The bundled data are a vintage of their own already: that of the installed package.

    Raises:
        IntegrityError: If the last vintage is not what was written.
        RunError: If the disk refuses.
    """
    folder = _folder(config)
    return panel if folder is None else with_revisions(panel, record_ingest(panel, folder))


def with_known_revisions(panel: Panel, config: ExperimentConfig) -> Panel:
    """Return the panel with what the run that comes next would find revised, keeping nothing.

    Raises:
        IntegrityError: If the last vintage is not what was written.
    """
    folder = _folder(config)
    return panel if folder is None else with_revisions(panel, known_revisions(panel, folder))


def _folder(config: ExperimentConfig) -> Path | None:
    """One folder for each file or folder that is read: two files of one publisher are not vintages of each other."""
    data = config.data
    if isinstance(data, Sp500Prices):
        return None
    path = config.locate_data(data.path, "data", "path").resolve()
    return config.runs_root / VINTAGES / f"{path.stem}-{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
