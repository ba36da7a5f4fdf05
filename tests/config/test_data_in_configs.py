"""The data block: a value that means nothing is refused at load, at the line of its key."""

import pytest

from quantdl.config import load_config
from quantdl.errors import ConfigError

PRICES = """kind: csv_folder
  path: .
  source: a test
  timezone: America/New_York
  frequency: 1D
  adjustment: raw
  calendar: XNYS
  as_of: 2024-01-02
  licence: none"""


@pytest.mark.parametrize(
    ("further", "message"),
    [
        ("silence: {delisted_after_sessions: -1}", r":\d+:\d+: data\.silence\.delisted_after_sessions: given -1"),
        (
            "eligibility: {minimum_history_bars: 0}",
            r"data\.eligibility\.minimum_history_bars: given 0; expected 1 or more",
        ),
        (
            "eligibility: {minimum_price: -5.0}",
            r"data\.eligibility\.minimum_price: given -5\.0; expected a number above",
        ),
        ("eligibility: {window_bars: 5}", r"data\.eligibility\.minimum_dollar_volume: missing; .*given together"),
        ("eligibility: {membership: '${HOME}/a.csv'}", r"data\.eligibility\.membership: given .*only names that begin"),
        ("actions: ${HOME}/a.csv", r"data\.actions: given .*only names that begin"),
        ("assets: []", r"data\.assets: given an empty list"),
        ("universe: some", r"data\.universe: given 'some'; expected one of survivors, point_in_time, unknown"),
        ("intraday: {labelled: start, anchored: open}", r"data\.intraday: given for bars of 1D"),
        (
            "calendar_corrections: [{strike: 2024-05-30}]",
            r":\d+:\d+: data\.calendar_corrections\[0\]\.source: missing",
        ),
        (
            "calendar_corrections: [{add: 2024-06-01, opens: '09:30', source: a notice}]",
            r":\d+:\d+: data\.calendar_corrections\[0\]\.closes: not given; expected the local time",
        ),
        (
            "calendar_corrections: [{strike: 2024-05-30, opens: '09:30', source: a notice}]",
            r"data\.calendar_corrections\[0\]\.opens: given '09:30' for a day that is struck",
        ),
        (
            "calendar_corrections: [{strike: 2024-05-30, add: 2024-06-01, source: a notice}]",
            r"data\.calendar_corrections\[0\]\.strike: given strike and add",
        ),
        ("layout: stoq", r":\d+:\d+: data\.layout: given 'stoq'; .*did you mean 'stooq'"),
        ("decimal: ';'", r"data\.decimal: given ';'; expected one of '?\.'?, '?,'?"),
        ("thousands: '.'", r"data\.thousands: given '\.'; expected another mark"),
        ("date_format: '%d.%m'", r"data\.date_format: given '%d\.%m'; expected directives of strptime"),
        (
            "columns: {closing: Price}",
            r"data\.columns: given 'closing'; expected what a column holds.*did you mean 'close'",
        ),
        ("skip_rows: -1", r"data\.skip_rows: given -1; expected the number of lines above the header"),
    ],
)
def test_prices_that_mean_nothing_are_refused_at_their_key(write_config, further, message):
    with pytest.raises(ConfigError, match=message):
        load_config(write_config(("kind: sp500", f"{PRICES}\n  {further}")))


def test_every_fault_of_a_block_is_told_at_once(write_config):
    wrong = PRICES.replace("America/New_York", "New York").replace("1D", "1d").replace("licence: none", "licence: ''")
    wrong = wrong.replace("calendar: XNYS", "calendar: XNYZ")
    with pytest.raises(ConfigError) as refused:
        load_config(write_config(("kind: sp500", wrong)))
    for key in (
        "data.timezone: given 'New York'",
        "data.frequency: given '1d'",
        "data.licence: given ''",
        "data.calendar: Unknown",
    ):
        assert key in str(refused.value)


def test_corrections_of_the_calendar_are_read_and_make_another_trial(write_config):
    lines = (
        "calendar_corrections:\n"
        "    - {strike: 2024-05-30, source: a notice}\n"
        "    - {add: 2024-06-01, opens: '09:30', closes: '12:30', source: a notice}\n"
        "    - {change: 2024-06-04, opens: '11:00', closes: '16:00', source: a notice}"
    )
    plain = load_config(write_config(("kind: sp500", PRICES)))
    corrected = load_config(write_config(("kind: sp500", f"{PRICES}\n  {lines}")))
    items = corrected.data.declaration("refuse").calendar_corrections
    assert [(item.action, str(item.day)) for item in items] == [
        ("strike", "2024-05-30"),
        ("add", "2024-06-01"),
        ("change", "2024-06-04"),
    ]
    assert corrected.identity() != plain.identity()


def test_a_file_of_groups_is_found_beside_the_config(write_config, valid_text):
    path = write_config(
        text=valid_text + "groups: {path: lists/groups.csv, symbol: ticker, levels: [sector, industry]}\n"
    )
    config = load_config(path)
    assert config.groups is not None and config.groups.levels == ("sector", "industry")
    assert config.locate_data(config.groups.path, "groups", "path") == path.parent / "lists" / "groups.csv"


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("{path: groups.csv, levels: []}", r"groups\.levels: given an empty list"),
        (
            "{path: '${HOME}/groups.csv', levels: [sector]}",
            r"groups\.path: given .*only names that begin with QUANTDL_",
        ),
    ],
)
def test_a_file_of_groups_that_means_nothing_is_refused_at_its_key(write_config, valid_text, written, message):
    with pytest.raises(ConfigError, match=message):
        load_config(write_config(text=f"{valid_text}groups: {written}\n"))
