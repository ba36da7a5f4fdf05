"""The settings of sources: what they select, what they tell a loader, and what means nothing."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from quantdl.errors import DataSettingsError
from quantdl.market.card import Declaration, IntradayBars
from quantdl.market.exchanges.rates import ExchangeRateFile
from quantdl.market.inspection.policies import Policies
from quantdl.market.series.declaration import ReleaseRule
from quantdl.market.sources.settings import AlignedPrices, LeanPrices, ParquetPrices, Sp500Prices, StoredPrices
from quantdl.market.sources.sp500 import load_sp500
from quantdl.market.universe.rule import UniverseRule

PARQUET = ParquetPrices(
    kind="parquet",
    path=Path("a.parquet"),
    source="a test",
    timezone="America/New_York",
    frequency="1D",
    adjustment="raw",
    calendar="XNYS",
    as_of=date(2024, 1, 2),
    licence="none",
    currency="USD",
    sectors={"A": "Energy"},
    notes=("A note.",),
)


def test_a_source_declares_its_facts_and_nothing_else():
    told = PARQUET.declaration("record")
    assert told == Declaration(
        source="a test",
        timezone="America/New_York",
        frequency="1D",
        adjustment="raw",
        calendar="XNYS",
        as_of=date(2024, 1, 2),
        licence="none",
        currency="USD",
        sectors={"A": "Energy"},
        notes=("A note.",),
        on_fault="record",
    )
    assert type(told) is Declaration


def test_the_files_of_a_source_are_the_paths_that_are_given():
    assert PARQUET.files() == {"path": Path("a.parquet")}
    assert replace(PARQUET, actions=Path("b.csv")).files() == {"path": Path("a.parquet"), "actions": Path("b.csv")}
    facts = {name: value for name, value in vars(PARQUET).items() if name not in ("kind", "symbol")}
    lean = LeanPrices(kind="lean", factor_files=Path("f"), map_files=Path("m"), **facts)
    assert lean.files() == {"path": Path("a.parquet"), "factor_files": Path("f"), "map_files": Path("m")}
    assert Sp500Prices(kind="sp500").files() == {}


def test_a_policy_for_impossible_rows_loads_them_unless_the_source_says_otherwise():
    chosen = replace(PARQUET, policies=Policies(zero_close="drop_asset"))
    assert [PARQUET.at_loading(), chosen.at_loading()] == ["refuse", "record"]
    assert replace(chosen, on_fault="refuse").at_loading() == "refuse"
    assert replace(PARQUET, on_fault="record").at_loading() == "record"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"assets": ()}, "assets"),
        ({"assets": ("A", "")}, "assets"),
        ({"assets": ("A", "B", "A")}, "assets"),
        ({"start": date(2020, 1, 2), "end": date(2020, 1, 2)}, "end"),
        ({"licence": " "}, "licence"),
        ({"frequency": "1min"}, "intraday"),
    ],
)
def test_what_means_nothing_is_named_by_its_field(change, field):
    with pytest.raises(DataSettingsError) as refused:
        replace(PARQUET, **change)
    assert [name for name, _ in refused.value.faults] == [field]


YEN, PENCE = replace(PARQUET, currency="JPY"), replace(PARQUET, currency="GBX")
FRANCS = ExchangeRateFile(
    base="USD",
    quote="CHF",
    path=Path("francs.csv"),
    column="rate",
    source="a test",
    timezone="UTC",
    as_of=date(2024, 1, 2),
    licence="none",
    release=ReleaseRule("day", 1, "12:00", "UTC"),
)
RATES = replace(FRANCS, quote="JPY", name="", unit="")
HOURLY = replace(PARQUET, frequency="60min", intraday=IntradayBars("start", "open"))


def aligned(**change):
    return AlignedPrices(**{"kind": "aligned", "calendar": "XNYS", "sources": (PARQUET,), **change})


def test_one_word_on_impossible_rows_holds_for_all_sources():
    assert [aligned().at_loading(), aligned(on_fault="record").at_loading()] == ["refuse", "record"]
    chosen = Policies(zero_close="drop_asset")
    assert aligned(policies=chosen).at_loading() == "record"
    assert aligned(policies=chosen, on_fault="refuse").at_loading() == "refuse"


@pytest.mark.parametrize("at", ["close", "open", "15:15"])
def test_decisions_are_made_at_an_end_of_the_session_or_a_time(at):
    assert aligned(decide_at=at).decide_at == at


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"calendar": "NYSX"}, "calendar"),
        ({"decide_at": "15:15+01:00"}, "decide_at"),
        ({"decide_at": "25:00"}, "decide_at"),
        ({"sources": ()}, "sources"),
        ({"sources": (PARQUET, replace(PARQUET, policies=Policies(stale_year="keep")))}, "sources.1.policies"),
        ({"sources": (replace(PARQUET, eligibility=UniverseRule()),)}, "sources.0.eligibility"),
        ({"sources": (PARQUET, replace(PARQUET, on_fault="record"))}, "sources.1.on_fault"),
        ({"sources": (PARQUET, replace(PARQUET, adjustment="split"))}, "sources.1.adjustment"),
        ({"sources": (PARQUET, HOURLY)}, "sources.1.frequency"),
        ({"sources": (replace(PARQUET, book_currency="USD"),)}, "sources.0.book_currency"),
        ({"sources": (PARQUET, replace(PARQUET, currency=None))}, "sources.1.currency"),
        ({"sources": (PARQUET, YEN)}, "book_currency"),
        ({"sources": (PARQUET, YEN), "book_currency": "USD"}, "exchange_rates"),
        ({"sources": (PARQUET, YEN), "book_currency": "USD", "exchange_rates": (FRANCS,)}, "exchange_rates"),
        ({"sources": (PARQUET, PENCE)}, "book_currency"),
    ],
)
def test_what_cannot_be_aligned_is_named_by_its_field(change, field):
    with pytest.raises(DataSettingsError) as refused:
        aligned(**change)
    assert [name for name, _ in refused.value.faults] == [field]


def test_prices_of_two_currencies_need_a_book_in_one_and_rates_that_lead_to_it():
    with pytest.raises(DataSettingsError, match="missing; the prices are in JPY and USD. Fix: name the currency of"):
        aligned(sources=(PARQUET, YEN))
    with pytest.raises(DataSettingsError, match="given none; expected rates that lead from JPY to the book's USD"):
        aligned(sources=(PARQUET, YEN), book_currency="USD")
    both = aligned(sources=(PARQUET, YEN), book_currency="USD", exchange_rates=(RATES,))
    assert both.quoted_in() == {"sources.0.currency": "USD", "sources.1.currency": "JPY"}
    assert aligned(sources=(PENCE,), book_currency="GBP").exchange_rates == ()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"currency": "usd"}, "currency"),
        ({"currency": "GBX", "book_currency": "GBX"}, "book_currency"),
        ({"currency": None, "book_currency": "USD"}, "currency"),
        ({"currency": "JPY", "book_currency": "USD"}, "exchange_rates"),
        ({"exchange_rates": (RATES,)}, "book_currency"),
        ({"book_currency": "USD", "exchange_rates": (RATES, replace(RATES, base="JPY", quote="USD", name="", unit=""))},
         "exchange_rates.1"),
    ],
)  # fmt: skip
def test_what_one_source_says_of_money_is_named_by_its_field(change, field):
    with pytest.raises(DataSettingsError) as refused:
        replace(PARQUET, **change)
    assert [name for name, _ in refused.value.faults] == [field]


def test_the_bundled_prices_are_in_dollars():
    assert Sp500Prices(kind="sp500", book_currency="USD").quoted_in() == {"kind": "USD"}
    with pytest.raises(DataSettingsError, match="expected rates that lead from USD to the book's EUR"):
        Sp500Prices(kind="sp500", book_currency="EUR")
    assert Sp500Prices(kind="sp500", book_currency="JPY", exchange_rates=(RATES,)).book_currency == "JPY"


def test_how_many_assets_there_are_at_most_is_known_of_the_bundled_set_and_of_a_selection():
    assert Sp500Prices(kind="sp500").n_assets() == len(load_sp500().assets) == 20
    assert Sp500Prices(kind="sp500", assets=("AAPL", "KO")).n_assets() == 2
    assert StoredPrices(kind="stored", path=Path("prices")).n_assets() is None
    assert StoredPrices(kind="stored", path=Path("prices"), assets=("A", "B", "C")).n_assets() == 3
