"""Data as an experiment takes them: what a test span says of itself is not known when it begins."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from quantdl.config import load_config
from quantdl.experiment.preparation import load_data, model_inputs
from quantdl.features import feature_table
from quantdl.market.sources import load_sp500
from quantdl.market.status import CellStatus
from tests.small_experiment import small_config

ASSETS = ("AAPL", "JPM", "KO")
DATA = """data:
  kind: csv_folder
  path: {folder}
  source: a test
  timezone: America/New_York
  frequency: 1D
  adjustment: total_return
  calendar: XNYS
  as_of: 2016-12-30
  licence: none
  sectors: {{AAPL: a, JPM: b, KO: c}}
"""


@pytest.fixture
def load_stale(tmp_path, write_small):
    """Load three stocks of which one stands still in a year, for a test span of the second half of 2016."""

    def load(year, further=""):
        panel = load_sp500().select(ASSETS).between("2013-01-02", "2016-12-30")
        closes = pd.DataFrame(panel.closes.copy(), panel.sessions, list(ASSETS))
        closes.loc[closes.index.year == year, "KO"] = 40.0
        for asset in ASSETS:
            closes[asset].rename("close").rename_axis("date").to_csv(tmp_path / f"{asset}.csv")
        bundled = "data:\n  kind: sp500\n  start: 2010-01-04\n  assets: [AAPL, JPM, KO, PG, RRC, XOM]\n"
        config = load_config(write_small(tmp_path.parent, {bundled: DATA.format(folder=tmp_path) + further}))
        return load_data(config, keep_ingest=False).panel

    return load


def test_a_stale_year_before_the_test_span_is_masked(load_stale):
    panel = load_stale(2014)
    column = panel.assets.index("KO")
    assert not panel.traded[panel.sessions.year == 2014, column].any()
    assert panel.traded[panel.sessions.year == 2015, column].all()


def test_that_a_year_will_be_stale_is_not_known_in_its_middle(load_stale):
    """The span begins in July: only the first half, stale by then, is known."""
    panel = load_stale(2016)
    column, within = panel.assets.index("KO"), panel.sessions >= "2016-07-01"
    assert panel.traded[within, column].all()
    assert not panel.traded[(panel.sessions.year == 2016) & ~within, column].any()


def test_the_universe_is_judged_on_the_data_as_they_are_used(load_stale):
    """Bars that a policy masked are no history: KO has a year of it when 2015 begins, not two."""
    panel = load_stale(2014, "  eligibility: {minimum_history_bars: 300}\n")
    ko, first = panel.assets.index("KO"), int(panel.sessions.searchsorted(pd.Timestamp("2015-01-02")))
    assert panel.eligible[first].tolist() == [asset != "KO" for asset in panel.assets]
    assert panel.eligible[first:, ko].tolist() == [bar >= 300 - 252 - 1 for bar in range(len(panel.sessions) - first)]


def test_a_single_source_is_put_into_the_currency_of_the_book(tmp_path):
    """At 1.25 dollars to the pound a share of 100 dollars costs 80 pounds."""
    days = pd.bdate_range("2010-01-04", "2016-12-30")
    rates = pd.DataFrame({"date": days, "rate": 1.25})
    rates.to_csv(tmp_path / "rates.csv", index=False)
    block = (
        "  kind: sp500\n  book_currency: GBP\n  exchange_rates:\n"
        "    - {base: GBP, quote: USD, path: rates.csv, column: rate, source: a test, timezone: Europe/London, "
        "as_of: 2017-01-02, licence: none, "
        'release: {period: day, days_after: 0, at: "16:00", timezone: Europe/London}}\n'
        "  start: 2010-01-04\n  end: 2016-12-30\n  assets: [AAPL, JPM, KO, PG, RRC, XOM]\n"
    )
    dollars = load_data(load_config(small_config(tmp_path)), keep_ingest=False)
    pounds = load_data(load_config(small_config(tmp_path, {"  kind: sp500\n": block})), keep_ingest=False)
    used = dollars.panel.sessions <= "2016-12-30"
    np.testing.assert_allclose(pounds.panel.closes, dollars.panel.closes[used] / 1.25, rtol=1e-15)
    assert (dollars.panel.card.currency, pounds.panel.card.currency) == ("USD", "GBP")
    assert dollars.panel.card.fingerprint != pounds.panel.card.fingerprint
    assert [rate.series.name for rate in pounds.exchange_rates] == ["USD per GBP"]


def test_sessions_on_which_nothing_trades_change_no_feature_of_the_others(tmp_path, write_small):
    """Without care the market's return would be followed through them, and a Monday's return would span two."""
    config = load_config(write_small(tmp_path))
    data = load_data(config, keep_ingest=False)
    trades = np.arange(len(data.returns.sessions)) % 6 != 5
    status = np.where(trades[:, None], data.returns.status, CellStatus.MISSING).astype(np.int8)
    fields = {name: np.where(trades[:, None], values, np.nan) for name, values in data.returns.fields.items()}
    silent = replace(data.returns, status=status, fields=fields)
    found = model_inputs(config, replace(data, returns=silent))
    alone = feature_table(data.returns.at(trades), config.features.groups)
    assert "cross_section" in config.features.groups and alone.valid.mean() > 0.9
    for name in ("values", "scale", "valid", "known"):
        assert getattr(found, name).tobytes() == getattr(alone, name).tobytes(), name
    assert (feature_table(silent, config.features.groups).values[trades] != alone.values).any()


@pytest.fixture
def load_raw(tmp_path, write_small):
    """Load shares that cost some 20 dollars and trade 1,000 of them a session, one close of KO times a factor."""

    def load(factor, rule):
        sessions = load_sp500().between("2014-01-02", "2016-12-30").sessions
        for asset in ASSETS:
            closes = np.where(np.arange(len(sessions)) % 2, 20.0, 20.2)  # a price that stands still would be masked
            table = pd.DataFrame({"close": closes, "volume": 1_000.0}, sessions.rename("date"))
            if asset == "KO":
                table.loc["2016-09-01", "close"] *= factor
            table.to_csv(tmp_path / f"{asset}.csv")
        bundled = "data:\n  kind: sp500\n  start: 2010-01-04\n  assets: [AAPL, JPM, KO, PG, RRC, XOM]\n"
        kept = "  policies: {suspected_split: keep, wrong_scale: keep}\n"  # what gets past the policies is looked at
        block = DATA.format(folder=tmp_path).replace("total_return", "raw") + f"{kept}  eligibility: {rule}\n"
        config = load_config(write_small(tmp_path.parent, {bundled: block}))
        return load_data(config, keep_ingest=False)

    return load


def test_a_bad_print_below_the_least_price_takes_no_asset_out_of_the_universe(load_raw):
    panel = load_raw(0.1, "{minimum_price: 5.0}").panel
    assert panel.eligible.all()
    printed = int(panel.sessions.searchsorted(pd.Timestamp("2016-09-01")))
    assert panel.closes[printed, panel.assets.index("KO")] < 2.1  # the print itself is still in the data


def test_a_price_that_is_near_the_one_before_it_is_held_against_the_least_price_at_once(load_raw):
    panel = load_raw(0.24, "{minimum_price: 5.0}").panel  # 4.80: less than five times away
    assert panel.sessions[~panel.eligible[:, panel.assets.index("KO")]].tolist() == [pd.Timestamp("2016-09-01")]


def test_a_bad_print_lets_no_asset_into_a_universe_by_dollar_volume(load_raw):
    """21 sessions of 20,000 dollars; one of 200,000 among them would make their mean 28,571."""
    panel = load_raw(10.0, "{minimum_dollar_volume: 25000.0, window_bars: 21}").panel
    assert not panel.eligible.any()


def test_past_losses_are_read_without_bars_that_were_not_confirmed(load_raw):
    data = load_raw(0.1, "{minimum_price: 5.0}")
    printed, ko = int(data.panel.sessions.searchsorted(pd.Timestamp("2016-09-01"))), data.panel.assets.index("KO")
    closes = data.confirmed_returns.closes
    assert np.isnan(closes[printed, ko]) and np.isfinite(np.delete(closes[:, ko], printed)).all()
    moves = closes / data.confirmed_returns.previous_closes() - 1
    assert np.nanmax(np.abs(moves)) < 0.0101
