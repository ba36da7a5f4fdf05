"""The NASDAQ file of the data folder: 1,026 stocks, 2,504 sessions, with all of its faults."""

import os
from datetime import date
from pathlib import Path

from quantdl.market.card import Declaration
from quantdl.market.panel import Panel
from quantdl.market.sources.parquet import load_parquet

DATA_FOLDER = Path(os.environ.get("QUANTDL_DATABANK", Path(__file__).parents[3] / "shared" / "databank"))
PATH = DATA_FOLDER / "nasdaq_ohlcv.parquet"
DECLARATION = Declaration(
    source="NASDAQ prices, 2007-2017",
    timezone="America/New_York",
    frequency="1D",
    adjustment="split",
    calendar="NASDAQ",
    as_of=date(2017, 12, 11),
    licence="not for redistribution",
    on_fault="record",
)
ABSENT = f"skipped: no {PATH.name} in {DATA_FOLDER}; set QUANTDL_DATABANK to the folder that holds it"


def nasdaq_panel() -> Panel | None:
    """The panel with its faults recorded; None where the file is absent."""
    return load_parquet(PATH, DECLARATION) if PATH.is_file() else None
