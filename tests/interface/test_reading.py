"""Prices in: files, folders and frames, and every refusal at once."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

import quantdl as qd
from quantdl.errors import ConfigError, DataError
from quantdl.market.card import Declaration
from quantdl.market.sources import load_csv_folder

SESSIONS = pd.to_datetime(["2024-01-02", "2024-01-03", "2024-01-04"])
CLOSES = pd.DataFrame({"AAPL": [185.6, 184.3, 181.9], "ON": [80.1, 79.0, 78.2]}, SESSIONS)
SAID = {"calendar": "XNYS", "adjustment": "split"}


def test_the_bundled_prices_are_treated_as_in_a_config_that_says_nothing():
    panel = qd.load_sp500()
    assert isinstance(panel, qd.Prices)
    assert panel.policies == qd.Policies()


def long_form(closes):
    return closes.rename_axis("date").reset_index().melt("date", var_name="symbol", value_name="close")


def as_yfinance_gives_it(closes):
    return pd.concat({"Close": closes}, axis=1).rename_axis(columns=["Price", "Ticker"])


@pytest.mark.parametrize("form", [lambda closes: closes, long_form, as_yfinance_gives_it])
def test_a_frame_is_read_in_every_form(form):
    panel = qd.read_prices(form(CLOSES), **SAID)
    np.testing.assert_array_equal(panel.frame()[["AAPL", "ON"]].to_numpy(), CLOSES.to_numpy())


def test_what_is_not_said_claims_nothing():
    said = qd.read_prices(CLOSES, **SAID).card.declaration
    assert (said.source, said.licence, said.universe) == ("a DataFrame in memory", "not stated", "unknown")
    assert (said.timezone, said.currency, said.as_of) == ("America/New_York", None, date.today())


def test_a_folder_of_files_is_read_as_the_loader_reads_it(tmp_path):
    for asset in CLOSES:
        CLOSES[asset].rename("close").rename_axis("date").to_csv(tmp_path / f"{asset}.csv")
    day = {"as_of": date(2024, 1, 5), "source": "a test", "licence": "none"}
    expected = load_csv_folder(tmp_path, Declaration(**SAID, **day, timezone="America/New_York", frequency="1D"))
    panel = qd.read_prices(tmp_path, **SAID, **day)
    assert panel.card == expected.card


def test_a_parquet_file_is_read(tmp_path):
    long_form(CLOSES).to_parquet(tmp_path / "prices.parquet")
    panel = qd.read_prices(tmp_path / "prices.parquet", **SAID, assets=["ON"], start="2024-01-03")
    assert panel.assets == ("ON",)
    assert list(panel.sessions) == list(SESSIONS[1:])


def test_the_files_of_a_vendor_are_read_by_their_layout(tmp_path):
    file = tmp_path / "abc.csv"
    file.write_text(
        "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n"
        "ABC.US,D,20240102,000000,10,11,9,10.5,1000,0\nABC.US,D,20240103,000000,10,11,9,10.25,1000,0\n"
    )
    panel = qd.read_prices(file, **SAID, layout="stooq")
    assert panel.assets == ("ABC.US",)
    assert panel.closes[:, 0].tolist() == [10.5, 10.25]
    with pytest.raises(DataError, match="layout: stooq, which reads daily files of Stooq"):
        qd.read_prices(file, **SAID)


def test_files_that_no_layout_knows_are_described(tmp_path):
    file = tmp_path / "SAP.csv"
    file.write_text("Datum;Schluss\n02.01.2024;1.139,58\n03.01.2024;1.140,02\n")
    written = qd.FileFormat(
        separator=";", decimal=",", thousands=".", date_format="%d.%m.%Y", columns={"date": "Datum", "close": "Schluss"}
    )
    panel = qd.read_prices(file, calendar="XETR", adjustment="raw", file_format=written)
    assert panel.closes[:, 0].tolist() == [1139.58, 1140.02]


def test_everything_that_is_missing_or_wrong_is_named_at_once():
    with pytest.raises(ConfigError) as raised:
        qd.read_prices(CLOSES, as_of="yesterday", universe="all", layout="stooq")
    assert sorted(str(raised.value).splitlines()) == [
        "  adjustment: missing; expected one of raw, split, total_return; fix: give adjustment=...",
        "  as_of: given 'yesterday'; expected a date such as 2016-12-30",
        "  calendar: missing; expected text; fix: give calendar=...",
        "  layout: given for a frame; expected only for CSV files. Fix: leave it out",
        "  universe: given 'all'; expected one of survivors, point_in_time, unknown",
        "read_prices: 5 errors",
    ]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"calendar": "NYSEX"}, "read_prices: calendar: Unknown calendar 'NYSEX'"),
        ({"timezone": "Mars/Base"}, "read_prices: timezone: given 'Mars/Base'; expected an IANA name"),
        ({"assets": "AAPL"}, "read_prices: assets: given 'AAPL'; expected a list"),
        ({"assets": ["APL"]}, r"assets: given \['APL'\]; the data holds \['AAPL', 'ON'\]"),
        ({"start": "2025-01-02"}, "start: 2025-01-02.* lies outside the data, which runs 2024-01-02..2024-01-04"),
        ({"start": "2024-01-04", "end": "2024-01-02"}, "read_prices: end: given 2024-01-02; expected a date after"),
        ({"symbol": " "}, "read_prices: symbol: given an empty symbol"),
    ],
)
def test_what_cannot_be_is_refused_with_the_argument(given, expected):
    with pytest.raises(ConfigError, match=expected):
        qd.read_prices(CLOSES, **{**SAID, **given})


def test_a_path_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"prices: .*nowhere\.csv: no such file or folder"):
        qd.read_prices(tmp_path / "nowhere.csv", **SAID)


def test_prices_that_cannot_be_are_refused_or_recorded():
    wrong = CLOSES.assign(ON=[80.1, -1.0, 78.2])
    with pytest.raises(DataError, match=r"row 1: column 'close' of ON on 2024-01-03: got -1\.0; expected a price"):
        qd.read_prices(wrong, **SAID)
    panel = qd.read_prices(wrong, **SAID, on_fault="record")
    assert panel.census().counts()["negative_close"] == 1


def test_one_of_two_symbols_is_not_guessed(tmp_path):
    (tmp_path / "x.csv").write_text("date,close\n2024-01-02,1\n")
    with pytest.raises(ConfigError, match="symbol: given 'A', and 'B' in file_format; expected one of both"):
        qd.read_prices(tmp_path / "x.csv", **SAID, symbol="A", file_format=qd.FileFormat(symbol="B"))


def test_what_is_to_be_done_about_faults_goes_with_the_prices():
    policies = qd.Policies(stale_year="drop_asset")
    assert qd.read_prices(CLOSES, **SAID, policies=policies).policies == policies


@pytest.mark.parametrize("given", [None, 3, [CLOSES]])
def test_what_is_no_frame_and_no_path_is_refused(given):
    with pytest.raises(ConfigError, match=r"^prices: given \w+; expected a DataFrame, or the path of a file"):
        qd.read_prices(given, **SAID)


def test_policies_may_be_written_as_in_a_config_and_are_checked_so():
    assert qd.read_prices(CLOSES, policies={"long_gap": "drop_asset"}, **SAID).policies.long_gap == "drop_asset"
    with pytest.raises(ConfigError, match="policies"):
        qd.read_prices(CLOSES, policies={"long_gap": "drop"}, **SAID)


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("assets", "given '5'; expected a list, each text"),
        ("notes", "given '5'; expected a list, each text"),
        ("calendar_corrections", "given '5'; expected a list, each a mapping with the keys"),
        ("actions", "given int; expected the path of a CSV file"),
    ],
)
def test_a_list_or_a_path_that_is_none_is_refused(argument, expected):
    with pytest.raises(ConfigError, match=f"^read_prices: {argument}: {expected}"):
        qd.read_prices(CLOSES, **SAID, **{argument: 5})


def test_lists_and_paths_that_are_none_are_refused_together_with_what_is_missing():
    with pytest.raises(ConfigError) as raised:
        qd.read_prices(CLOSES, adjustment="split", assets=5, actions=5)
    named = [line.split(":")[0].strip() for line in str(raised.value).splitlines()]
    assert sorted(named) == ["actions", "assets", "calendar", "read_prices"]


def test_a_form_of_files_that_is_none_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"^read_prices: file_format: given int; expected qd\.FileFormat"):
        qd.read_prices(tmp_path, **SAID, file_format=5)


def test_a_path_that_no_disk_can_hold_is_refused():
    with pytest.raises(ConfigError, match="^prices: given 'a.x00.csv'; expected a path"):
        qd.read_prices("a\0.csv", **SAID)
