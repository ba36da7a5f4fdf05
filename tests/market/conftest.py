"""What the tests of the market room share."""

import os
from datetime import date
from pathlib import Path

import pytest

from quantdl.market.card import Declaration
from quantdl.market.sources import load_sp500

DATABANK = Path(os.environ.get("QUANTDL_DATABANK", Path(__file__).parents[3] / "shared" / "databank"))


@pytest.fixture
def declaration():
    return Declaration(
        source="prices of a test",
        timezone="America/New_York",
        frequency="1D",
        adjustment="split",
        calendar="XNYS",
        as_of=date(2024, 12, 31),
        licence="none",
    )


@pytest.fixture(scope="session")
def sp500():
    return load_sp500()


@pytest.fixture(scope="session")
def databank():
    if not DATABANK.is_dir():
        pytest.skip(f"no market data at {DATABANK}; set QUANTDL_DATABANK to where they are")
    return DATABANK
