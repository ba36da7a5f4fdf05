"""The risk of a book as of a close: of what was known then, to the last bit, and by the law of each window."""

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from quantdl.config import load_risk_config
from quantdl.errors import ConfigError, DataError
from quantdl.experiment.book_risk import book_risk, default_config
from quantdl.records import from_plain, to_plain
from quantdl.results.book_risk import BookRiskRecord
from quantdl.risk.book.positions import Position, Positions, read_positions
from tests.small_experiment import DECLARED, ROOT, six_stocks, write_prices

LAST = date(2016, 6, 30)
BOOK = Positions(
    (
        Position("AAPL", value=60.0, group="Technology"),
        Position("JPM", value=30.0, group="Banks"),
        Position("XOM", value=-20.0, group="Energy"),
    ),
    cash=50.0,
    source="a book",
)
QUIET = "stress: null\n"
MODEL = "kind: ewma_t\n  horizon: 10\n  refit: once"


def config_on(folder: Path, prices: dict[str, pd.Series], model: str = MODEL, more: str = QUIET) -> Path:
    """Write a small config for the risk of a book on prices of one's own."""
    write_prices(folder / "prices", prices)
    block = "".join(f"  {name}: {value}\n" for name, value in DECLARED.items())
    text = (
        f"name: small\nseed: 3\ndata:\n  kind: csv_folder\n  path: prices\n{block}  as_of: 2017-03-01\n"
        f"  licence: for this test\nmodel:\n  {model}\ndraws: 5000\nvalidation_sessions: 100\n{more}"
    )
    path = folder / "risk.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("book_risk")


@pytest.fixture(scope="module")
def found(folder) -> BookRiskRecord:
    return book_risk(BOOK, LAST, config_on(folder, six_stocks(), more=""), trade={"KO": 10.0})


def test_prices_after_the_close_change_nothing_to_the_last_bit(found, tmp_path):
    """Every close after the session is noise in one of the two worlds; so is the fingerprint of all of the data."""
    noisy = config_on(tmp_path, six_stocks(noise_after="2016-06-30"), more="")
    other = book_risk(BOOK, LAST, noisy, trade={"KO": 10.0})
    assert to_plain(other) == to_plain(found)


def test_prices_before_the_close_do_change_it(found, tmp_path):
    other = book_risk(BOOK, LAST, config_on(tmp_path, six_stocks(noise_after="2016-06-20")))
    assert other.figures.levels != found.figures.levels
    assert other.basis.fingerprint != found.basis.fingerprint


def test_the_model_is_fitted_through_the_close_and_forecasts_from_there(found):
    assert found.basis.session == found.basis.fitted_through == LAST
    assert found.basis.next_session == date(2016, 7, 1)


def test_ten_bars_have_a_law_of_their_own_about_the_root_of_ten_times_as_wide(found):
    one, ten = (next(own for own in found.figures.levels if own.bars == bars and own.level == 0.99) for bars in (1, 10))
    ratio = ten.value_at_risk / one.value_at_risk
    assert 2.0 < ratio < 4.5
    assert ratio != pytest.approx(10**0.5, rel=1e-3)
    assert any("own law of that window" in note for note in found.notes)


def test_equity_exposure_and_positions_are_those_of_the_book(found):
    assert found.equity == pytest.approx(120.0)
    assert (found.gross, found.net) == pytest.approx((110 / 120, 70 / 120))
    assert [one.asset for one in found.held] == ["AAPL", "JPM", "XOM"]
    nearest = [one for one in found.figures.positions if (one.bars, one.level) == (1, 0.99)]
    assert {one.asset for one in nearest} == {"AAPL", "JPM", "XOM"}
    level = next(one for one in found.figures.levels if (one.bars, one.level) == (1, 0.99))
    assert sum(one.expected_shortfall for one in nearest) == pytest.approx(level.expected_shortfall)


def test_the_hedge_lowers_the_shortfall_and_the_trade_is_compared(found):
    assert found.hedge is not None and found.hedge.expected_shortfall.difference < 0
    assert found.trade.bought == (("KO", 10.0),)
    assert [one.level for one in found.trade.effects] == [0.975, 0.99]
    before = found.trade.effects[1].expected_shortfall.before
    assert before == pytest.approx(found.figures.levels[1].expected_shortfall)


def test_the_record_is_the_same_after_writing_and_reading(found):
    assert from_plain(BookRiskRecord, to_plain(found)) == found


def test_an_asset_too_young_for_the_law_has_its_own_past_and_the_report_says_so(tmp_path):
    prices = six_stocks()
    prices["NEW"] = prices["KO"].loc["2016-06-27":].rename("close")
    book = Positions((*BOOK.positions, Position("NEW", value=10.0)), 40.0)
    found = book_risk(book, LAST, config_on(tmp_path, prices))
    assert "NEW, which the law leaves out" in found.notes[0]
    assert "got 3 past returns over 1 bars of NEW" in found.figures.levels[0].reason
    assert all(one.reason for one in found.figures.levels)
    assert found.hedge is None and found.figures.positions == ()


def test_an_asset_that_is_suspended_at_the_close_is_counted_by_its_own_past(tmp_path):
    """Its value is stated; 500 past returns reach 99 % over one bar, and fifty spans of ten bars only 97.5 %."""
    prices = six_stocks()
    prices["RRC"] = prices["RRC"].drop(prices["RRC"].loc["2016-06-28":"2016-06-30"].index)
    book = Positions((*BOOK.positions, Position("RRC", value=10.0)), 40.0)
    found = book_risk(book, LAST, config_on(tmp_path, prices))
    told = {(one.bars, one.level): not one.reason for one in found.figures.levels}
    assert told == {(1, 0.975): True, (1, 0.99): True, (10, 0.975): True, (10, 0.99): False}
    assert "RRC, which the law leaves out" in found.notes[0]
    assert any("RRC has no price at the close; its last one is of 2016-06-27" in note for note in found.notes)
    own = next(one for one in found.figures.positions if (one.asset, one.bars, one.level) == ("RRC", 1, 0.99))
    closes = six_stocks()["RRC"].loc[:"2016-06-27"].iloc[-501:]
    worst = (-closes.pct_change().dropna()).sort_values(ascending=False).iloc[:5].mean() * 10.0 / found.equity
    assert own.expected_shortfall == pytest.approx(worst, rel=0.1)  # its own shortfall: worst where the book is worst


def test_the_members_of_an_ensemble_say_how_much_is_not_known(tmp_path):
    model = "kind: ensemble\n  horizon: 10\n  members:\n    - {kind: ewma_t}\n    - {kind: historical, window: 250}"
    found = book_risk(BOOK, LAST, config_on(tmp_path, six_stocks(), model))
    for one in found.figures.levels:
        members = one.value_at_risk_members
        assert members.low <= one.value_at_risk <= members.high or members.spread > 0
        assert members.share == pytest.approx(members.spread / one.value_at_risk)
    assert not any("no members" in note for note in found.notes)


def test_stress_is_under_the_laws_of_all_windows_and_loses_what_it_says(found, folder):
    """A stated way to lose 20 % loses 20 %; a shock of every price by -10 % costs a tenth of what is held net."""
    rows = {row.name: row for row in found.stress.rows}
    assert rows["Likeliest way to lose 20 %"].loss == pytest.approx(0.20, abs=0.002)
    assert len(found.stress.laws) == 2 and found.stress.on == LAST
    shock = "stress: {shocks: [{name: tenth, assets: {AAPL: -0.1, JPM: -0.1, XOM: -0.1}}]}\n"
    stated = book_risk(BOOK, LAST, config_on(folder, six_stocks(), more=shock))
    assert [row.loss for row in stated.stress.rows if row.name == "tenth"] == [pytest.approx(0.1 * 70 / 120)]


def test_scenarios_of_assets_that_are_not_there_are_refused_at_their_line(folder):
    more = "stress: {shocks: [{name: tenth, assets: {APPL: -0.1}}]}\n"
    with pytest.raises(ConfigError, match=r"risk\.yaml:\d+:\d+: stress\.shocks\[0\]\.assets.*APPL"):
        book_risk(BOOK, LAST, config_on(folder, six_stocks(), more=more))


def test_no_stress_is_made_where_the_config_asks_for_none(folder):
    assert book_risk(BOOK, LAST, config_on(folder, six_stocks(), more=QUIET)).stress is None


def test_stated_volumes_give_days_to_liquidate(folder):
    more = QUIET + "liquidity: {participation: 0.1, dollar_volume: {AAPL: 100.0, JPM: 50.0}}\n"
    config = load_risk_config(config_on(folder, six_stocks(), more=more))
    volume = {"XOM": 40.0}
    held = [Position(one.asset, value=one.value, dollar_volume=volume.get(one.asset)) for one in BOOK.positions]
    found = book_risk(Positions(tuple(held), 50.0), LAST, config).liquidation
    assert found.days == pytest.approx(6.0)  # 60 of AAPL at 10 a session, 30 of JPM at 5, 20 of XOM at 4
    assert found.days_half_volume == pytest.approx(12.0)


def test_assets_that_are_not_there_are_refused_with_what_was_meant(folder):
    config = config_on(folder, six_stocks())
    with pytest.raises(DataError, match="APPL: no such asset .* did you mean 'AAPL'"):
        book_risk(Positions((Position("APPL", value=1.0),), 1.0), LAST, config)
    with pytest.raises(ConfigError, match="trade: 'KOO' is none of the prices; did you mean 'KO'"):
        book_risk(BOOK, LAST, config, trade={"KOO": 1.0})


def test_too_short_a_history_is_refused_with_what_to_do(folder):
    with pytest.raises(DataError, match="validation_sessions alone are 100"):
        book_risk(BOOK, date(2010, 3, 1), config_on(folder, six_stocks()))


def test_the_law_without_a_config_is_that_of_the_shipped_config():
    shipped, own = load_risk_config(ROOT / "configs/risk/sp500.yaml"), default_config()
    assert shipped.identity() == own.identity()
    assert (shipped.seed, shipped.levels, shipped.draws) == (own.seed, own.levels, own.draws)


@pytest.mark.slow
def test_the_shipped_book_has_a_risk_of_the_size_that_its_past_shows():
    """Three years of the book's returns up to the close: the figures stand between half and twice their quantiles."""
    from quantdl.market.sources import load_sp500

    book, day = read_positions(ROOT / "data/books/example.csv"), date(2018, 12, 31)
    found = book_risk(book, day)
    panel = load_sp500().until(day)
    returns = pd.DataFrame(panel.closes, panel.sessions, list(panel.assets)).pct_change().iloc[-756:]
    weights = {one.asset: one.weight for one in found.held}
    losses = -(returns[list(weights)] * pd.Series(weights)).sum(axis=1)
    assert 0.5 < found.figures.levels[1].value_at_risk / losses.quantile(0.99) < 2.0


def test_a_trade_in_what_the_law_leaves_out_is_refused_by_name(tmp_path):
    prices = six_stocks()
    prices["NEW"] = prices["KO"].loc["2016-06-27":].rename("close")
    with pytest.raises(ConfigError, match="the law leaves out NEW at this close"):
        book_risk(BOOK, LAST, config_on(tmp_path, prices), trade={"NEW": 10.0})
