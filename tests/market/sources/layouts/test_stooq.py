"""Files of Stooq."""

from dataclasses import replace

from quantdl.market.card import IntradayBars
from quantdl.market.sources.csv_folder import load_csv_folder
from quantdl.market.sources.file_format import FileFormat

FILE = """<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>
ABC,D,20240102,000000,1000,1050.5,950.25,1000,1000000,0
ABC,D,20240103,000000,1010,1060,990,1020.75,1100000,0
ABC,D,20240104,000000,1020,1040,1000,1010,900000,0
"""


def test_its_files_are_read_as_the_plain_form_and_refused_without_the_layout(same_as_plain):
    same_as_plain(FILE, "stooq")


def test_the_ticker_is_read_as_it_stands(load):
    assert load(FILE.replace("ABC,", "NA.US,"), layout="stooq").assets == ("NA.US",)


def test_bars_within_sessions_join_date_and_time(load, declaration, tmp_path):
    hours = replace(declaration, frequency="60min", intraday=IntradayBars("start", "open", "America/New_York"))
    text = FILE.split("\n")[0] + "\nABC.US,60,20240102,093000,1,2,1,2,5,0\nABC.US,60,20240102,103000,2,3,2,3,5,0\n"
    file = tmp_path / "x.csv"
    file.write_text(text)
    panel = load_csv_folder(file, hours, file_format=FileFormat(layout="stooq_intraday"))
    assert panel.closes[:2, 0].tolist() == [2.0, 3.0]
    assert panel.known_at[:2].strftime("%H:%M").tolist() == ["15:30", "16:30"]
