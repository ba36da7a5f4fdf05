"""Several exchanges in one config: loaded, counted, decided on and reported, or refused with a plain reason."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from quantdl.calendars import trading_calendar
from quantdl.config import load_config
from quantdl.errors import ConfigError, DataError
from quantdl.experiment import check_data, run_experiment
from quantdl.experiment.loading import load_panel
from quantdl.experiment.preparation import load_data
from quantdl.market.exchanges.alignment import align
from quantdl.market.exchanges.currencies import in_currency, load_exchange_rate
from quantdl.market.exchanges.decisions import DecisionTimes
from quantdl.market.inspection.census import take_census
from quantdl.market.sources import load_csv_folder
from quantdl.runs import open_run, verify_run

PROJECT = Path(__file__).parents[2]
CONFIG = PROJECT / "configs" / "two_exchanges.yaml"


@pytest.fixture
def write(tmp_path):
    """Write the example somewhere else, with texts replaced."""

    def write(*changes):
        text = CONFIG.read_text()
        for path in ("base/sp500.yaml", "../data/", "../strategies/"):
            text = text.replace(path, f"{(CONFIG.parent / path).resolve()}{'/' if path.endswith('/') else ''}")
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        (tmp_path / "two_exchanges.yaml").write_text(text)
        return tmp_path / "two_exchanges.yaml"

    return write


def test_the_prices_of_a_config_are_those_that_align_makes(write):
    config = load_config(write())
    panel = load_data(config, keep_ingest=False).panel
    declared = [source.declaration("refuse") for source in config.data.sources]
    folders = [PROJECT / "data" / name for name in ("simulated_prices", "simulated_tokyo")]
    parts = [load_csv_folder(folder, about) for folder, about in zip(folders, declared, strict=True)]
    together = align(parts, DecisionTimes("XNYS", "close"), several_currencies=True).panel
    (file,) = config.data.exchange_rates
    rate = load_exchange_rate(replace(file, path=PROJECT / "data/simulated_rates/jpy_per_usd.csv"))
    expected = in_currency(together, "USD", [rate])
    assert panel.assets == expected.assets == ("007", "ALPHA", "NA", "1301", "2914")
    np.testing.assert_array_equal(panel.closes, expected.closes)
    assert panel.known_at.equals(expected.known_at)
    assert (panel.card.currency, together.card.currency) == ("USD", "JPY and USD")


def test_a_cell_holds_what_the_own_exchange_made_known_since_the_decision_before(write):
    panel = load_panel(load_config(write()), "refuse")  # in yen, as it is quoted
    tokyo = trading_calendar("XTKS")
    quoted = pd.read_csv(PROJECT / "data/simulated_tokyo/1301.csv", index_col="date", dtype={"close": float})["close"]
    closes = dict(zip(panel.sessions, panel.closes[:, panel.assets.index("1301")], strict=True))
    assert closes[pd.Timestamp("2023-05-02")] == quoted["2023-05-02"]
    for holiday in ("2023-05-03", "2023-05-04", "2023-05-05"):
        assert not tokyo.is_session(holiday)
        assert np.isnan(closes[pd.Timestamp(holiday)])
    assert closes[pd.Timestamp("2023-07-05")] == quoted["2023-07-05"]  # New York rested the day before, Tokyo did not


def test_a_run_on_two_exchanges_goes_through_to_its_report(write, tmp_path):
    folder = run_experiment(load_config(write()), tmp_path / "runs" / "aligned")
    run = open_run(folder)
    assert {"report.html", "fills.parquet", "metrics.json", "settlement.json"} <= set(run.files)
    assert verify_run(folder) == ()
    fills = pd.read_parquet(folder / "fills.parquet")
    assert set(fills["asset"]) == {"007", "ALPHA", "NA", "1301", "2914"}
    assert "JPY per USD" in (folder / "series.json").read_text()
    settlement = json.loads((folder / "settlement.json").read_text())
    assert settlement["dates"] == {}
    assert "several exchanges" in settlement["unknown"]
    assert "simulated New York + simulated Tokyo" in (folder / "report.html").read_text()


def test_what_changed_in_one_source_since_the_last_run_is_a_revision(write, tmp_path):
    path = write()
    moved = tmp_path / "tokyo"
    moved.mkdir()
    for file in (PROJECT / "data" / "simulated_tokyo").glob("*.csv"):
        (moved / file.name).write_text(file.read_text())
    path.write_text(path.read_text().replace(str(PROJECT / "data/simulated_tokyo"), str(moved)))
    path.write_text(path.read_text() + f"output: {{root: {tmp_path / 'runs'}}}\n")
    load_data(load_config(path))
    lines = (moved / "1301.csv").read_text().splitlines()
    day, *prices, _, volume = lines[30].split(",")
    lines[30] = ",".join([day, *prices, f"{float(prices[2]) + 0.1:.1f}", volume])  # a close just above the low
    (moved / "1301.csv").write_text("\n".join(lines) + "\n")
    revised = [fault for fault in check_data(load_config(path)).faults if fault.kind == "revision"]
    assert [fault.symbol for fault in revised] == ["1301"]


def test_other_decisions_are_no_revision(write, tmp_path):
    output = f"output: {{root: {tmp_path / 'runs'}}}\n"
    path = write()
    path.write_text(path.read_text() + output)
    load_data(load_config(path))
    path.write_text(path.read_text().replace("decide_at: close", 'decide_at: "00:30"'))  # Tokyo's day is not over
    assert check_data(load_config(path)).counts()["revision"] == 0


def test_a_bar_published_after_the_decision_is_not_in_its_row(write, tmp_path):
    path = write(("calendar: XNYS\n  decide_at", "calendar: XTKS\n  decide_at"))
    moved = tmp_path / "new_york"
    moved.mkdir()
    folder = PROJECT / "data" / "simulated_prices"
    path.write_text(path.read_text().replace(str(folder), str(moved)))
    panels = []
    for factor in (1.0, 2.0):
        for file in folder.glob("*.csv"):
            bars = pd.read_csv(file, index_col="date")
            bars.loc["2023-06-02":, ["open", "high", "low", "close"]] *= factor
            bars.to_csv(moved / file.name)
        panels.append(load_panel(load_config(path), "refuse", keep_ingest=False))
    before, after = panels
    own = pd.read_csv(folder / "ALPHA.csv", index_col="date")["close"]
    seen, column = before.sessions.get_loc("2023-06-02"), before.assets.index("ALPHA")
    assert before.closes[seen, column] == own["2023-06-01"]  # New York of that day closes when Tokyo is asleep
    for name, values in before.fields.items():
        np.testing.assert_array_equal(values[: seen + 1], after.fields[name][: seen + 1])
    assert after.closes[seen + 1, column] == 2 * own["2023-06-02"]


ONE_POLICY = "      policies: {long_gap: keep, stale_year: keep}\n      licence: Apache-2.0\n      sectors: {ALPHA"
TWICE = [
    ("/simulated_tokyo", "/simulated_prices"),
    ("Asia/Tokyo", "America/New_York"),
    ("calendar: XTKS", "calendar: XNYS"),
]
REFUSED = {
    "calendar": ([("calendar: XNYS\n  decide_at", "calendar: NYSX\n  decide_at")], r"data\.calendar: .*NYSX"),
    "time": ([("decide_at: close", "decide_at: noon")], r"data\.decide_at: given 'noon'; expected 'close', 'open' or"),
    "policies of one": (
        [("      licence: Apache-2.0\n      sectors: {ALPHA", ONE_POLICY)],
        r":\d+:\d+: data\.sources\[0\]\.policies: given for one source",
    ),
    "zone": ([("timezone: Asia/Tokyo", "timezone: Tokyo")], r"data\.sources\[1\]\.timezone: given 'Tokyo'"),
    "variable": ([("simulated_tokyo", "${HOME}/x")], r"data\.sources\[1\]\.path: given .*QUANTDL_"),
    "no such file": ([("simulated_tokyo", "simulated_kyoto")], r"data\.sources\[1\]\.path: no such file"),
    "aligned twice": ([("- kind: csv_folder\n      path", "- kind: aligned\n      path")], r"sources\[0\]\.kind"),
    "one asset twice": (
        TWICE,
        r"\.yaml:\d+:3: data\.sources: .*in two panels: '007' \(simulated New York on XNYS; simulated Tokyo on XNYS\)",
    ),
    "hours": (
        [
            (
                "Asia/Tokyo\n      frequency: 1D",
                "Asia/Tokyo\n      frequency: 60min\n      intraday: {labelled: start, anchored: open}",
            )
        ],
        r":\d+:18: data\.sources\[1\]\.frequency: given '60min'; expected '1D': a config aligns daily bars",
    ),
    "unknown asset of a source": (
        [("      source: simulated Tokyo", "      source: simulated Tokyo\n      assets: [NOPE]")],
        r"data\.sources: assets: given \['NOPE'\]; the data holds \['1301', '2914'\]",
    ),
    "no book": (
        [("  book_currency: USD  # yen are converted, each bar at the last rate known with it\n", "")],
        r"\.yaml:\d+:\d+: data\.book_currency: missing; the prices are in JPY and USD\. Fix: name the currency of the",
    ),
    "no rates": (
        [("base: USD\n      quote: JPY", "base: USD\n      quote: CHF")],
        r":13:3: data\.exchange_rates: given CHF per USD; expected rates that lead from JPY to the book's USD",
    ),
    "no currency": (
        [("      currency: JPY\n", "")],
        r"data\.sources\[1\]\.currency: missing; expected the currency of these prices, such as 'USD', or 'GBX'",
    ),
    "no such currency": (
        [("currency: JPY", "currency: yen")],
        r":\d+:17: data\.sources\[1\]\.currency: given 'yen'; expected a code of ISO 4217 .*did you mean 'JPY'",
    ),
    "no such rates": (
        [("jpy_per_usd.csv", "jpy_per_used.csv")],
        r"data\.exchange_rates\[0\]\.path: no such file",
    ),
    "rates that end": (
        [
            (
                "as_of: 2024-01-04\n      licence: Apache-2.0\n      release: {period: day, days_after: 0",
                "as_of: 2024-03-04\n      licence: Apache-2.0\n      release: {period: day, days_after: 40",
            )
        ],
        r"(?s):13:3: data\.exchange_rates: .*no rate of JPY was known at the bar of 2023-01-04, nor at \d+ more",
    ),
    "unknown asset": (
        [("  decide_at: close", "  decide_at: close\n  assets: [NOPE]")],
        r"data\.assets: given \['NOPE'\]",
    ),
}


@pytest.mark.parametrize(("changes", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_aligned_is_refused_at_its_key(write, changes, message):
    with pytest.raises((ConfigError, DataError), match=message):
        load_data(load_config(write(*changes)), keep_ingest=False)


def test_prices_of_another_exchange_cannot_be_traded_at_the_decision(write):
    path = write(("  friction:\n", "  friction:\n    fill_at: decision_close\n"))
    with pytest.raises(DataError, match=r"fill_at: given decision_close\. The last close of another exchange is hours"):
        load_data(load_config(path), keep_ingest=False)


def test_a_source_may_be_taken_in_part(write):
    path = write(("csv_folder\n      path: ", "csv_folder\n      assets: [ALPHA, '1301']\n      path: "))
    with pytest.raises(DataError, match="assets: given"):
        load_data(load_config(path), keep_ingest=False)
    path = write(("      source: simulated Tokyo", "      source: simulated Tokyo\n      assets: ['2914']"))
    assert load_data(load_config(path), keep_ingest=False).panel.assets == ("007", "ALPHA", "NA", "2914")


def test_faults_are_looked_for_in_prices_as_they_were_quoted(write):
    """A close that stands still in yen moves in dollars, and a policy on stale prices would never see it."""
    config = load_config(write())
    quoted, data = take_census(load_panel(config, "refuse")), load_data(config, keep_ingest=False)
    assert (quoted.currency, data.census.currency, data.panel.card.currency) == ("JPY and USD", "JPY and USD", "USD")
    assert data.census.summary == quoted.summary
    assert data.census.summary.unchanged_share > take_census(data.panel).summary.unchanged_share
    assert check_data(config).currency == "JPY and USD"


def test_no_decision_is_made_on_a_session_struck_from_the_deciding_calendar(write):
    new_york = pd.Timestamp("2023-06-14")
    plain = load_data(load_config(write()), keep_ingest=False).panel
    path = write(
        ("decide_at: close", "decide_at: close\n  calendar_corrections: [{strike: 2023-06-14, source: a notice}]"),
    )
    corrected = load_data(load_config(path), keep_ingest=False).panel
    assert new_york in plain.sessions
    assert new_york not in corrected.sessions
    assert not corrected.card.declaration.trading_calendar().is_session(new_york)
    assert len(corrected.sessions) == len(plain.sessions) - 1
    assert any("2023-06-14: no session (a notice)" in note for note in corrected.card.declaration.notes)
