"""What prices tell: spans by counting sessions, fields, and cells that cannot be right."""

import os
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest

from quantdl.calendars import trading_calendar
from quantdl.errors import ConfigError, DataError
from quantdl.experiment.starting.market_facts import bundled_facts, facts_of_files, read_on


def test_spans_are_counted_from_the_end(made_facts) -> None:
    """Of 500 sessions the last 125 are the test and the 62 before them validation."""
    facts = made_facts(1)
    days = [day.date() for day in trading_calendar("XNYS").sessions("2020-01-02", "2022-12-30")[:500]]
    spans = facts.spans
    assert (spans.test_end, spans.test_start, spans.test_sessions) == (days[499], days[375], 125)
    assert (spans.validation_end, spans.train_end) == (days[374], days[312])
    assert facts.stress_windows == []  # the crash of 2020 lies before the test


def test_the_bundled_prices_are_tested_over_four_years_with_their_stress() -> None:
    facts = bundled_facts()
    assert facts.spans.test_sessions == 4 * 252
    assert [window["name"] for window in facts.stress_windows] == ["crash of 2020", "rate shock of 2022"]
    assert facts.settings["adjustment"] == "total_return" and not facts.has_volume


def test_cells_that_cannot_be_right_are_counted(made_facts) -> None:
    assert made_facts(2).broken_cells == {}
    assert made_facts(2, close=-1.0).broken_cells == {"negative_close": 2}


def test_volume_is_seen(made_facts) -> None:
    assert made_facts(1, ("volume",)).has_volume


def test_a_calendar_is_not_guessed_and_a_short_history_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--calendar is needed"):
        facts_of_files(tmp_path, None)
    days = trading_calendar("XNYS").sessions("2020-01-02", "2022-12-30")[:499]
    pd.DataFrame({"date": days, "close": 1.0}).to_csv(tmp_path / "A.csv", index=False)
    with pytest.raises(DataError, match="499 sessions; .* at least 500"):
        facts_of_files(tmp_path, "XNYS")


def test_files_were_read_when_the_newest_was_written(tmp_path: Path) -> None:
    for name, day in (("a", date(2020, 5, 1)), ("b", date(2021, 7, 9))):
        (tmp_path / name).write_text("")
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp()
        os.utime(tmp_path / name, (noon, noon))
    assert read_on(tmp_path) == date(2021, 7, 9)
    assert read_on(tmp_path / "a") == date(2020, 5, 1)
