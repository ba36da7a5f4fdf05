"""Columns of files as series, and every way in which they can be wrong."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from quantdl.errors import DataError
from quantdl.market.series.declaration import ReleaseRule, SeriesDeclaration
from quantdl.market.series.files import load_series_csv, load_series_parquet, series_from_frame

CLOSE = ReleaseRule("day", 0, "16:15", "America/New_York", "XNYS")


@pytest.fixture
def volatility():
    return declared()


def declared(release=CLOSE, timezone="America/New_York", as_of=date(2024, 12, 31), name="vix"):
    return SeriesDeclaration(
        name=name,
        source="a test",
        timezone=timezone,
        unit="percent a year",
        as_of=as_of,
        licence="none",
        release=release,
        notes=("A note.",),
    )


@pytest.fixture
def write(tmp_path):
    def written(text, name="vix.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return written


GOOD = "DATE,OPEN,CLOSE\n2024-01-02,13.0,13.2\n2024-01-03,13.5,14.04\n2024-01-04,,\n2024-01-05,14.1,13.35\n"


def test_a_column_is_read_with_its_card(write, volatility):
    series = load_series_csv(write(GOOD), "close", volatility)
    assert series.values.tolist() == [13.2, 14.04, 13.35]  # the empty cell is no value
    assert series.observed_on.strftime("%m-%d").tolist() == ["01-02", "01-03", "01-05"]
    assert series.known_at[0] == pd.Timestamp("2024-01-02 21:15", tz="UTC")
    assert (series.card.declaration.source, series.card.declaration.unit, series.card.declaration.notes) == (
        "a test",
        "percent a year",
        ("A note.",),
    )
    assert series.card.fingerprint.startswith("sha256:")


def test_csv_parquet_and_frame_give_one_series(write, tmp_path, volatility):
    first = load_series_csv(write(GOOD), "CLOSE", volatility)
    frame = pd.read_csv(write(GOOD))
    frame.to_parquet(tmp_path / "vix.parquet")
    for other in (
        load_series_parquet(tmp_path / "vix.parquet", "close", volatility),
        series_from_frame(frame, "close", volatility),
    ):
        assert other.card.fingerprint == first.card.fingerprint
        assert other.known_at.equals(first.known_at)


def test_a_byte_order_mark_and_other_line_ends_change_nothing(write, volatility):
    first = load_series_csv(write(GOOD), "close", volatility)
    for text in ("\ufeff" + GOOD, GOOD.replace("\n", "\r\n")):
        assert load_series_csv(write(text), "close", volatility).card.fingerprint == first.card.fingerprint


def test_midnight_utc_is_a_date_only_where_the_zone_is_declared_so(write):
    path = write("Time Period,10year\n2017-03-28 00:00:00+00:00,0.0242\n2017-03-29 00:00:00+00:00,0.0239\n")
    rule = ReleaseRule("day", 1, "09:00", "America/New_York", "XNYS")
    series = load_series_csv(path, "10year", declared(rule, "UTC"), date_column="time period")
    assert series.observed_on[0] == pd.Timestamp("2017-03-28")
    with pytest.raises(DataError, match="midnight UTC is the evening before"):
        load_series_csv(path, "10year", declared(rule), date_column="time period")


def test_a_month_that_is_not_over_is_refused(write):
    path = write("Date,Rate\n2024-10-01,4.1\n2024-11-01,4.4\n2024-12-01,4.4\n")
    monthly = ReleaseRule("month", 1, "09:00", "America/New_York", None)
    with pytest.raises(DataError, match=r"line 4: column 'Date' of vix on 2024-12-01.*released by the declared as_of"):
        load_series_csv(path, "rate", declared(monthly))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no header line"),
        ("DATE,CLOSE\n", "no values"),
        ("DATE,CLOSE\n2024-01-02,\n", "no values"),
        ("DATE,OPEN\n2024-01-02,1\n", "columns .*'OPEN'.*expected one column 'close'"),
        ("DATE,CLOSING\n2024-01-02,1\n", "did you mean 'closing'"),
        ("DAY,CLOSE\n2024-01-02,1\n", "expected one column 'date'"),
        ("DATE,CLOSE,close\n2024-01-02,1,2\n", "twice"),
        (
            "DATE,CLOSE\n2024-01-02,.\n",
            "line 2: column 'CLOSE' of vix on 2024-01-02: got '.'; expected a finite number",
        ),
        ("DATE,CLOSE\n2024-01-02,nan\n", "got 'nan'"),
        ("DATE,CLOSE\n2024-01-02,1e308\n", "got '1e308'"),
        ('DATE,CLOSE\n2024-01-02,"13,2"\n', "got '13,2'"),
        ("DATE,CLOSE\n02/01/2024,13\n", "line 2: column 'DATE'.*got '02/01/2024'; expected a date"),
        ("DATE,CLOSE\n2024-01-02 16:00,13\n", "expected an instant with its offset"),
        ("DATE,CLOSE\n2024-01-03,13\n2024-01-02,13\n", "line 3.*expected a later date"),
        ("DATE,CLOSE\n2024-01-02,13\n2024-01-02,14\n", "line 3.*expected one value a date"),
        ("DATE,CLOSE\n2025-01-02,13\n", "no date after the declared as_of 2024-12-31"),
        ("DATE,CLOSE\n9999-12-31,13\n", "no date after the declared as_of"),
        ("DATE,CLOSE\n0001-01-01,13\n", "dates without a release.*choose a calendar"),
        ("DATE,CLOSE\n2024-01-02\n", "1 cell"),
        ('DATE,CLOSE\n2024-01-02,13,"\n', "quotation mark without its partner"),
    ],
)
def test_a_damaged_file_is_named_with_line_and_column(write, volatility, text, words):
    path = write(text)
    with pytest.raises(DataError, match=words) as refusal:
        load_series_csv(path, "close", volatility)
    assert str(path) in str(refusal.value)


def test_every_fault_is_named_at_once(write, volatility):
    with pytest.raises(DataError) as refusal:
        load_series_csv(write("DATE,CLOSE\nsoon,1\n2024-01-03,x\n2024-01-02,1\n2024-01-02,1\n"), "close", volatility)
    assert all(words in str(refusal.value) for words in ("soon", "'x'", "one value a date", "3 faults"))


def test_text_that_is_no_utf8_is_refused(write, volatility):
    with pytest.raises(DataError, match="UTF-8"):
        load_series_csv(write(GOOD, encoding="utf-16"), "close", volatility)


def test_a_missing_or_damaged_file_is_refused(tmp_path, volatility):
    with pytest.raises(DataError, match="no such file"):
        load_series_csv(tmp_path / "none.csv", "close", volatility)
    with pytest.raises(DataError, match="no such file"):
        load_series_parquet(tmp_path / "none.parquet", "close", volatility)
    pd.DataFrame({"date": ["2024-01-02"], "close": [1.0]}).to_parquet(tmp_path / "good.parquet")
    whole = (tmp_path / "good.parquet").read_bytes()
    for size in (0, 3, len(whole) // 2, len(whole) - 5):
        (tmp_path / "cut.parquet").write_bytes(whole[:size])
        with pytest.raises(DataError, match="cut.parquet: not a whole Parquet file"):
            load_series_parquet(tmp_path / "cut.parquet", "close", volatility)


def test_a_declaration_that_means_nothing_is_refused():
    with pytest.raises(
        DataError, match="name: given ' '; expected text.*timezone: given 'New York'; expected an IANA name"
    ):
        declared(name=" ", timezone="New York")


def test_the_volatility_index_of_a_day_is_unknown_at_the_close_of_stocks(databank):
    series = load_series_csv(databank / "extra" / "vix_daily.csv", "CLOSE", declared(as_of=date(2026, 12, 31)))
    assert len(series.values) > 9000
    at_close, after = series.as_of(pd.DatetimeIndex(["2024-01-05 21:00", "2024-01-05 21:15"], tz="UTC"))[0]
    assert (at_close, after) == (14.13, 13.35)  # the closes of January 4 and 5


def test_a_monthly_rate_is_known_once_its_month_is_over(databank):
    monthly = ReleaseRule("month", 1, "09:00", "America/New_York", None)
    path = databank / "extra" / "us10y_monthly.csv"
    series = load_series_csv(path, "rate", declared(monthly, as_of=date(2026, 12, 31)))
    values, ages = series.as_of(pd.DatetimeIndex(["1953-05-01 12:59", "1953-05-01 13:00"], tz="UTC"))
    np.testing.assert_array_equal(values, [np.nan, 2.83])  # April 1953
    assert ages[1] == 0.0


def test_a_curve_is_read_tenor_by_tenor(databank):
    path = databank / "extra" / "pypi_zipline_treasury_curves.csv"
    rule = ReleaseRule("day", 1, "09:00", "America/New_York", "SIFMAUS")
    lengths = {
        tenor: len(load_series_csv(path, tenor, declared(rule, "UTC"), date_column="time period").values)
        for tenor in ("1month", "10year")
    }
    assert 0 < lengths["1month"] < lengths["10year"]  # bills of one month began in 2001
