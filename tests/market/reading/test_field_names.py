import pytest

from quantdl.market.reading.field_names import field_pairs, field_word, may_be_ticker, names_of_fields, unpaired

PAIRS = [("close", "MSFT"), ("volume", "MSFT"), ("close", "LOW")]


@pytest.mark.parametrize(
    "names",
    [
        ["Close_MSFT", "Volume_MSFT", "Close_LOW"],
        ["MSFT_Close", "MSFT_Volume", "LOW_Close"],
        ["MSFT.Close", "MSFT.Volume", "LOW.Close"],
        ["Close MSFT", "Volume MSFT", "Close LOW"],
        ["close-MSFT", "volume-MSFT", "close-LOW"],
        ["MSFT|CLOSE", "MSFT|VOLUME", "LOW|CLOSE"],
        ["CloseMSFT", "VolumeMSFT", "CloseLOW"],
        ["MSFTClose", "MSFTVolume", "LOWClose"],
        ["('Close', 'MSFT')", "('Volume', 'MSFT')", "('Close', 'LOW')"],
        ["('MSFT', 'Close')", "('MSFT', 'Volume')", "('LOW', 'Close')"],
        ['("Close", "MSFT")', '("Volume", "MSFT")', '("Close", "LOW")'],
    ],
)
def test_names_that_all_join_a_field_and_a_symbol_in_one_way_are_split(names):
    assert field_pairs(names) == PAIRS


def test_a_field_of_two_words_is_not_cut_and_a_symbol_may_hold_the_separator():
    assert field_pairs(["Adj Close MSFT", "Close MSFT"]) == [("adj close", "MSFT"), ("close", "MSFT")]
    assert field_pairs(["Adj_Close_BRK_B", "Open_Interest_BRK_B"]) == [
        ("adj close", "BRK_B"),
        ("open interest", "BRK_B"),
    ]
    assert field_pairs(["AdjClose_A"]) == [("adj close", "A")]


def test_a_symbol_that_is_a_word_of_a_field_is_told_by_the_order_of_the_others():
    names = ["Open_LOW", "High_LOW", "Low_LOW", "Close_LOW", "Close_OPEN"]
    assert field_pairs(names) == [(name.split("_")[0].lower(), name.split("_")[1]) for name in names]


UNCERTAIN = {
    "another separator": ["Close_MSFT", "MSFT.Volume"],
    "another order": ["Close_MSFT", "MSFT_Volume"],
    "a plain symbol": ["Close_MSFT", "AAPL"],
    "an unknown field": ["Close_MSFT", "Foo_MSFT"],
    "no close": ["Open_MSFT", "High_MSFT"],
    "no close of one symbol": ["Close_MSFT", "Open_AAPL"],
    "a settlement price": ["Settle_ES", "Volume_ES"],
    "one name twice": ["Close_MSFT", "close_MSFT"],
    "two orders": ["Close_Close", "Low_Close", "Close_Low"],
}


@pytest.mark.parametrize("why", UNCERTAIN)
def test_names_that_could_be_read_in_another_way_are_not_split_and_are_no_symbols(why):
    assert field_pairs(UNCERTAIN[why]) is None
    assert names_of_fields(UNCERTAIN[why])


@pytest.mark.parametrize(
    "word",
    ["Volume", "Vol.", "Settle", "Settlement Price", "Last", "Price", "PX_LAST", "Open Interest", "VWAP", "Bid", "Ask",
     "Change %", "Chg%", "Turnover", "Adj Close", "AdjClose", "<CLOSE>", "Close/Last", "Dividends", "low", "CLOSE",
     "Close (USD)", "Close*", "Volume (K)", "Adj. Close**", "Price [EUR]", "Closing", "Amount", "Returns", "Year",
     "Unnamed: 0"],
)  # fmt: skip
def test_a_word_of_a_field_is_no_symbol_beside_symbols_nor_alone(word):
    assert field_word(word) is not None
    assert names_of_fields(["MSFT", word]) == [word]
    assert names_of_fields([word]) == [word]


@pytest.mark.parametrize("ticker", ["LOW", "OPEN", "LAST", "BID", "MID"])
def test_a_ticker_that_is_a_word_stays_one_in_capitals_beside_others(ticker):
    assert may_be_ticker(ticker)
    assert not names_of_fields(["MSFT", ticker])
    assert names_of_fields(["MSFT", ticker.lower()]) == [ticker.lower()]
    assert names_of_fields([ticker]) == [ticker]


def test_the_bars_of_one_asset_are_no_tickers_in_capitals_either():
    assert names_of_fields(["MSFT", "OPEN", "HIGH", "LOW"]) == ["OPEN", "HIGH", "LOW"]
    assert names_of_fields(["OPEN", "LAST"]) == ["OPEN", "LAST"]
    assert not names_of_fields(["MSFT", "OPEN", "LOW"])


def test_a_mark_or_a_bracket_behind_a_symbol_makes_it_no_word():
    assert not names_of_fields(["MSFT (US)", "Open Text (CA)", "VOD*", "(A)"])


def test_the_letters_of_bars_are_fields_and_in_capitals_tickers_beside_others():
    assert names_of_fields(["o", "h", "l", "c", "v"]) == ["o", "h", "l", "c", "v"]
    assert names_of_fields(["O", "H", "L", "C"]) == ["O", "H", "L", "C"]
    assert not names_of_fields(["O", "H", "L", "C", "V", "MSFT"])  # Realty Income, Hyatt, Loews, Citigroup, Visa
    assert not names_of_fields(["C", "V", "O"])


@pytest.mark.parametrize(
    "names",
    [
        ["BID.L", "VOD.L"],
        ["BRK.B", "BF.B", "ES=F", "^GSPC", "007", "600000.SS"],
        ["T. Rowe Price", "Open Text", "Microsoft"],
        ["AAPL US Equity", "MSFT US Equity"],
        ["NA", "TRUE", "Close Brothers"],
        ["MSFT", "MSFT_2"],
    ],
)
def test_names_of_companies_and_of_listings_are_symbols(names):
    assert not names_of_fields(names)
    assert field_pairs(names) is None


def test_a_column_is_a_field_where_its_symbol_is_another_column():
    assert names_of_fields(["MSFT", "MSFT_Open"]) == ["MSFT_Open"]


def test_a_name_whose_second_part_is_empty_is_the_first():
    assert unpaired("('Date', '')") == "Date"
    assert unpaired("('Close', 'MSFT')") == "('Close', 'MSFT')"
    assert unpaired("Date") == "Date"
