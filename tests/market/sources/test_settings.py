"""The settings of sources: what they select, what they tell a loader, and what means nothing."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from quantdl.errors import DataSettingsError
from quantdl.market.card import Declaration, IntradayBars
from quantdl.market.inspection.policies import Policies
from quantdl.market.sources.settings import AlignedPrices, LeanPrices, ParquetPrices, Sp500Prices
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
    facts = {name: value for name, value in vars(PARQUET).items() if name != "kind"}
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
    ],
)
def test_what_cannot_be_aligned_is_named_by_its_field(change, field):
    with pytest.raises(DataSettingsError) as refused:
        aligned(**change)
    assert [name for name, _ in refused.value.faults] == [field]
