"""Prices as settings describe them: each source through its loader, selected, and several side by side."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from quantdl.errors import DataError, DataSettingsError
from quantdl.market.actions import CashDividend
from quantdl.market.exchanges.alignment import align
from quantdl.market.exchanges.decisions import DecisionTimes
from quantdl.market.sources import load_csv_folder, load_prices, load_sp500
from quantdl.market.sources.loading import selected
from quantdl.market.sources.settings import AlignedPrices, CsvFolderPrices, Sp500Prices

ROWS = {"A": [("2024-01-02", 10.0), ("2024-01-03", 11.0), ("2024-01-04", 12.0)], "B": [("2024-01-03", 20.0)]}


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.setenv("QUANTDL_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "prices"
    folder.mkdir()
    for symbol, rows in ROWS.items():
        lines = [f"{day},{close}" for day, close in rows]
        (folder / f"{symbol}.csv").write_text("\n".join(["date,close", *lines]) + "\n")
    return CsvFolderPrices(
        kind="csv_folder",
        path=folder,
        source="a test",
        timezone="America/New_York",
        frequency="1D",
        adjustment="raw",
        calendar="XNYS",
        as_of=date(2024, 1, 5),
        licence="none",
        currency="USD",
    )


def test_a_source_is_what_its_loader_gives(source):
    panel = load_prices(source, "refuse")
    plain = load_csv_folder(source.path, source.declaration("refuse"))
    assert panel.card == plain.card
    np.testing.assert_array_equal(panel.closes, plain.closes)
    assert load_prices(Sp500Prices(kind="sp500"), "refuse").card == load_sp500().card


def test_corporate_actions_are_put_on_the_prices(source, tmp_path):
    (tmp_path / "actions.csv").write_text("symbol,date,kind,value\nA,2024-01-03,dividend,0.5\n")
    panel = load_prices(replace(source, actions=tmp_path / "actions.csv"), "refuse")
    assert panel.actions.dividends == (CashDividend(date(2024, 1, 3), "A", 0.5),)


def test_impossible_rows_are_refused_or_recorded(source):
    (source.path / "C.csv").write_text("date,close\n2024-01-02,0.0\n")
    with pytest.raises(DataError, match="C.csv: line 2"):
        load_prices(source, "refuse")
    assert load_prices(source, "record").assets == ("A", "B", "C")


def test_assets_and_sessions_are_selected(source):
    panel = load_prices(source, "refuse")
    kept = selected(panel, replace(source, assets=("A",), start=date(2024, 1, 3)))
    assert (kept.assets, kept.closes[:, 0].tolist()) == (("A",), [11.0, 12.0])
    assert selected(panel, source) is panel


@pytest.mark.parametrize(
    ("change", "field"),
    [({"assets": ("Z",)}, "assets"), ({"start": date(2025, 1, 2)}, "start"), ({"end": date(2023, 1, 3)}, "end")],
)
def test_a_selection_of_nothing_is_refused_by_its_field(source, change, field):
    with pytest.raises(DataSettingsError) as refused:
        selected(load_prices(source, "refuse"), replace(source, **change))
    assert [name for name, _ in refused.value.faults] == [field]


def test_sources_stand_side_by_side(source, tmp_path):
    tokyo = tmp_path / "tokyo"
    tokyo.mkdir()
    (tokyo / "T.csv").write_text("date,close\n2024-01-04,100\n2024-01-05,101\n")
    other = replace(source, path=tokyo, source="b", timezone="Asia/Tokyo", calendar="XTKS")
    both = AlignedPrices(kind="aligned", calendar="XNYS", sources=(replace(source, assets=("A",)), other))
    panel = load_prices(both, "refuse")
    parts = [load_prices(source, "refuse").select(["A"]), load_prices(other, "refuse")]
    expected = align(parts, DecisionTimes("XNYS", "close")).panel
    assert panel.assets == ("A", "T")
    np.testing.assert_array_equal(panel.closes, expected.closes)
    assert panel.card == expected.card


def test_a_fault_in_one_of_several_sources_is_refused_unless_a_census_asks(source):
    both = AlignedPrices(kind="aligned", calendar="XNYS", sources=(source,))
    (source.path / "C.csv").write_text("date,close\n2024-01-03,0.0\n")
    with pytest.raises(DataError, match="C.csv: line 2"):
        load_prices(both, "refuse")
    assert load_prices(both, "record").assets == ("A", "B", "C")
