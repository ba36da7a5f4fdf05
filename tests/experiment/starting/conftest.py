"""Small markets that a project may begin on."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from quantdl.calendars import trading_calendar
from quantdl.experiment.starting.market_facts import MarketFacts, facts_of_files


@pytest.fixture(scope="session")
def made_facts(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., MarketFacts]:
    """Facts of so many assets over 500 sessions of New York that rise by a cent a day."""

    def make(count: int, columns: tuple[str, ...] = (), **cells: float) -> MarketFacts:
        folder: Path = tmp_path_factory.mktemp("market") / "prices"
        folder.mkdir()
        days = trading_calendar("XNYS").sessions("2020-01-02", "2022-12-30")[:500]
        for number in range(count):
            table = pd.DataFrame({"close": [10.0 + 0.01 * t for t in range(500)]}, index=pd.Index(days, name="date"))
            for column in columns:
                table[column] = 1e6
            for name, value in cells.items():
                table.loc[days[3], name] = value
            table.to_csv(folder / f"S{number}.csv")
        return facts_of_files(folder, "XNYS")

    return make
