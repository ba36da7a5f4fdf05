"""A past value that changed since the last run is told as a revision, and the value of then is kept."""

from pathlib import Path

import numpy as np
import pytest

from quantdl.calendars import trading_calendar
from quantdl.config import load_config
from quantdl.errors import DataError, QuantdlError
from quantdl.experiment import carry_out, check_data
from quantdl.experiment.preparation import load_data
from quantdl.market.storage.vintages import vintages
from quantdl.runs.kept import VINTAGES

DATA = """data:
  kind: csv_folder
  path: prices
  source: a test
  timezone: America/New_York
  frequency: 1D
  adjustment: split
  calendar: XNYS
  as_of: 2022-12-30
  licence: none
"""


@pytest.fixture
def config(tmp_path, write_small):
    """The small experiment on one CSV file that a test may change."""
    (tmp_path / "prices").mkdir()
    path = write_small(
        tmp_path, {"  kind: sp500\n  start: 2010-01-04\n  assets: [AAPL, JPM, KO, PG, RRC, XOM]\n": "  kind: sp500\n"}
    )
    path.write_text(path.read_text().replace("data:\n  kind: sp500\n", DATA))
    return path


def write(config: Path, closes: list[float]) -> None:
    days = trading_calendar("XNYS").sessions("2016-06-01", "2017-12-29")[: len(closes)].strftime("%Y-%m-%d")
    lines = [f"{day},{close}" for day, close in zip(days, closes, strict=True)]
    (config.parent / "prices" / "KO.csv").write_text("\n".join(["date,close", *lines]) + "\n")


CLOSES = [*np.linspace(40.0, 45.0, 10)]


def test_a_changed_past_value_is_told_with_symbol_session_old_and_new(config):
    write(config, CLOSES)
    assert load_data(load_config(config)).census.counts()["revision"] == 0
    changed = CLOSES.copy()
    changed[3] = 99.0
    write(config, [*changed, 45.5])
    for census in (check_data(load_config(config)), load_data(load_config(config)).census):
        (fault,) = [fault for fault in census.faults if fault.kind == "revision"]
        assert (fault.symbol, str(fault.first), fault.count) == ("KO", "2016-06-06", 1)
        assert "41.666666666666664 before, 99.0 now" in fault.detail


def test_what_the_source_said_before_stays_readable(config):
    write(config, CLOSES)
    load_data(load_config(config))
    write(config, [1.0, *CLOSES[1:]])
    load_data(load_config(config))
    folder = load_config(config).runs_root / VINTAGES
    kept = vintages(next(folder.iterdir()))
    assert [float(vintage.open().closes[0, 0]) for vintage in kept] == [40.0, 1.0]


def test_checking_data_keeps_nothing(config):
    write(config, CLOSES)
    assert check_data(load_config(config)).counts()["revision"] == 0
    assert not load_config(config).runs_root.exists()


def test_a_revision_can_be_refused(config):
    write(config, CLOSES)
    load_data(load_config(config))
    config.write_text(
        config.read_text().replace("  licence: none\n", "  licence: none\n  policies: {revision: refuse}\n")
    )
    load_data(load_config(config))
    write(config, [1.0, *CLOSES[1:]])
    for _ in range(2):  # trying again does not make it pass
        with pytest.raises(DataError, match="revision: KO, 2016-06-01: KO: close on 2016-06-01: 40.0 before, 1.0 now"):
            load_data(load_config(config))


def test_two_files_of_one_publisher_are_no_vintages_of_each_other(config):
    write(config, CLOSES)
    load_data(load_config(config))
    other = config.parent / "others"
    other.mkdir()
    (other / "PG.csv").write_text("date,close\n2016-06-01,80\n2016-06-02,81\n")
    config.write_text(config.read_text().replace("path: prices", "path: others"))
    assert load_data(load_config(config)).census.counts()["revision"] == 0


def test_a_refused_fingerprint_comes_with_what_was_revised(config):
    days = 160
    write(config, [*np.linspace(40.0, 45.0, days)])
    text = config.read_text()
    text = text.replace("test_end: 2016-12-30", "test_end: 2016-11-30").replace("last: 2016-12-30", "last: 2016-11-30")
    text = text.replace("train_end: 2015-12-31", "train_end: 2016-06-15")
    config.write_text(text)
    load_data(load_config(config))
    changed = [*np.linspace(40.0, 45.0, days)]
    changed[3] = 99.0
    write(config, changed)
    with pytest.raises(QuantdlError, match="fingerprint") as refused:
        carry_out(load_config(config))
    assert "KO: close on 2016-06-06" in str(refused.value)
    assert "99.0 now" in str(refused.value)
