"""A file of positions: symbols stay text, every fault is named at once, and nothing is valued by guesses."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from quantdl.errors import DataError
from quantdl.market.status import CellStatus
from quantdl.risk.book.positions import Position, Positions, read_positions, valued
from quantdl.simulation.panels import panel_of_cells, panel_of_closes


def written(folder: Path, text: str) -> Path:
    path = folder / "book.csv"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(folder: Path, text: str) -> list[str]:
    path = written(folder, text)
    with pytest.raises(DataError) as refused:
        read_positions(path)
    return str(refused.value).replace(str(path), "book.csv").splitlines()


def quoted(closes: np.ndarray) -> object:
    """Prices as they were quoted, by which a quantity has a value."""
    status = np.where(np.isfinite(closes), CellStatus.TRADED, CellStatus.MISSING).astype(np.int8)
    return panel_of_cells(closes, status, adjustment="raw")


def test_symbols_that_look_like_numbers_or_flags_or_nothing_stay_text(tmp_path):
    book = read_positions(written(tmp_path, "asset,value\nNA,1\nON,2\n007,3\n1E5,4\ntrue,5\n"))
    assert [held.asset for held in book.positions] == ["NA", "ON", "007", "1E5", "true"]


def test_quantities_values_groups_volumes_and_cash_are_read(tmp_path):
    text = "asset,quantity,value,group,dollar_volume\nA,10,,Tech,1e6\nB,,-250.5,,\n\nCASH,,99,,\n"
    book = read_positions(written(tmp_path, text))
    assert book.positions == (Position("A", 10.0, None, "Tech", 1e6), Position("B", None, -250.5))
    assert book.cash == 99.0


def test_all_faults_of_all_rows_are_told_with_their_lines(tmp_path):
    text = "asset,quantity,value\nA,1,2\nB,,\nC,x,\nA,1,\nD,nan,\nE,1\nF,1_000,\nCASH,5,6\n"
    faults = refusal(tmp_path, text)
    expected = {
        2: "quantity and value given; expected one of the two",
        3: "neither quantity nor value given",
        4: "quantity given 'x'; expected a finite number",
        5: "asset 'A' stands in line 2 already",
        6: "quantity given 'nan'; expected a finite number",
        7: "2 cells; expected 3",
        8: "quantity given '1_000'",
        9: "CASH: quantity and value given; expected one of the two",
    }
    for line, part in expected.items():
        assert any(fault.startswith(f"book.csv:{line}:") and part in fault for fault in faults), (line, faults)


def test_a_quantity_of_cash_is_its_value(tmp_path):
    (tmp_path / "book.csv").write_text("asset,quantity\nA,10\nCASH,99.5\n")
    assert read_positions(tmp_path / "book.csv").cash == 99.5


def test_a_column_that_is_not_known_is_named_with_what_was_meant(tmp_path):
    faults = refusal(tmp_path, "asset,qantity,vlaue\nA,1,2\n")
    assert "no column 'quantity' or 'value'" in faults[0]
    assert "did you mean 'quantity'?" in faults[1] and "did you mean 'value'?" in faults[2]
    assert "no column 'asset'" in refusal(tmp_path, "symbol,value\nA,1\n")[0]
    assert "no header, the file is empty" in refusal(tmp_path, "")[0]
    assert "separated by ';'; expected commas" in refusal(tmp_path, "asset;value\nA;1,5\n")[0]


def test_a_book_without_a_position_is_refused(tmp_path):
    assert refusal(tmp_path, "asset,value\nCASH,100\n") == [
        "book.csv: no position; expected at least one row with an asset other than CASH."
    ]


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "book.csv"
    path.write_bytes(b"\xff\xfe\x00asset")
    with pytest.raises(DataError, match="cannot be read as CSV in UTF-8"):
        read_positions(path)


def test_a_file_that_may_not_be_read_is_said_in_a_sentence(tmp_path, monkeypatch):
    def refuses(path, encoding):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_text", refuses)
    with pytest.raises(DataError, match="cannot be read: Permission denied. Fix: check the path and its permissions"):
        read_positions(tmp_path / "book.csv")


def test_a_book_is_worth_its_shares_at_the_close_its_stated_values_and_its_cash():
    panel = quoted(np.array([[10.0, 20.0, 5.0], [11.0, 21.0, 6.0]]))
    first, second, _ = panel.assets
    book = Positions((Position(first, quantity=-2.0), Position(second, value=100.0, group="G")), cash=50.0)
    found = valued(book, panel, panel.sessions[-1])
    assert found.values.tolist() == [-22.0, 100.0, 0.0]
    assert found.equity == 128.0
    assert found.weights.tolist() == pytest.approx([-22 / 128, 100 / 128, 0.0])
    assert found.groups[1] == "G"


def test_what_no_file_may_state_no_position_in_python_may_either():
    panel = panel_of_closes(np.full((3, 2), 10.0))
    positions = (
        Position("A"),
        Position("B", value="x"),
        Position("C", quantity=1.0, value=2.0),
        Position("D", value=float("nan")),
        Position("E", value=True),
        Position("F", value=1.0, dollar_volume=0.0),
        Position("G", value=1.0, dollar_volume=-5.0),
        Position("H", value=1.0, dollar_volume="many"),
        Position("I", value=1.0, group=7),
        Position("A", value=1.0),
        Position(5, value=1.0),
        Position("CASH", value=1.0),
    )
    with pytest.raises(DataError) as refused:
        valued(Positions(positions, cash="much", source="book"), panel, panel.sessions[-1])
    assert str(refused.value).splitlines() == [
        "book: A: neither quantity nor value given; expected one of the two.",
        "book: B: value given 'x'; expected a finite number such as -1200.5.",
        "book: C: quantity and value given; expected one of the two.",
        "book: D: value given nan; expected a finite number such as -1200.5.",
        "book: E: value given True; expected a finite number such as -1200.5.",
        "book: F: dollar_volume given 0.0; expected money above 0.",
        "book: G: dollar_volume given -5.0; expected money above 0.",
        "book: H: dollar_volume given 'many'; expected money above 0.",
        "book: I: group given 7; expected the name of one, as text.",
        "book: asset given 5; expected a symbol.",
        "book: CASH stands among the positions; expected it as the cash of the book, Positions(..., cash=...).",
        "book: cash given 'much'; expected a finite number such as -1200.5.",
        "book: asset 'A' stands 2 times; expected it once.",
    ]


def test_numbers_of_numpy_are_money_too():
    panel = panel_of_closes(np.full((3, 2), 10.0))
    held = Position(panel.assets[0], value=np.float32(60.0), dollar_volume=np.int64(5))
    assert valued(Positions((held,), np.float64(40.0)), panel, panel.sessions[-1]).equity == 100.0


def test_quantities_are_not_valued_at_adjusted_prices():
    panel = panel_of_closes(np.full((3, 2), 10.0))
    with pytest.raises(DataError, match=r"quantities given, and the prices are adjusted \(total_return\)"):
        valued(Positions((Position(panel.assets[0], quantity=1.0),)), panel, panel.sessions[-1])


def test_an_asset_that_is_not_there_is_named_with_what_was_meant():
    panel = panel_of_closes(np.full((3, 2), 10.0))
    with pytest.raises(DataError, match="SIM0001: no such asset .* did you mean 'SIM001'"):
        valued(Positions((Position("SIM0001", value=1.0),)), panel, panel.sessions[-1])


def test_assets_without_a_price_at_the_close_are_named_with_the_day_of_their_last_one():
    closes = np.full((60, 3), 10.0)
    closes[40:, 1] = np.nan  # of the second the last 20 bars, of the third all but the first
    closes[1:, 2] = np.nan
    panel = quoted(closes)
    held = tuple(Position(asset, quantity=1.0) for asset in panel.assets)
    with pytest.raises(DataError) as refused:
        valued(Positions(held, source="book.csv"), panel, panel.sessions[-1])
    lines = str(refused.value).splitlines()
    assert len(lines) == 2
    for line, asset, last in zip(lines, panel.assets[1:], (39, 0), strict=True):
        assert line.startswith(f"book.csv: {asset}: no price at the close of {panel.sessions[-1]:%Y-%m-%d}")
        assert f"the last one is of {panel.sessions[last]:%Y-%m-%d}, {59 - last} bars before" in line
    stated = valued(Positions((Position(panel.assets[1], value=5.0),), 1.0), panel, panel.sessions[-1])
    assert stated.silent_since == {panel.assets[1]: pd.Timestamp(panel.sessions[39])}
    with pytest.raises(DataError, match="59 bars before"):  # a value of what last traded long ago is not believed
        valued(Positions((Position(panel.assets[2], value=5.0),)), panel, panel.sessions[-1])


@pytest.mark.parametrize(("value", "cash", "part"), [(100.0, -100.0, "worth 0.00"), (-50.0, 10.0, "worth -40.00")])
def test_a_book_that_is_worth_nothing_or_less_has_no_risk_in_percent(value, cash, part):
    panel = panel_of_closes(np.full((3, 2), 10.0))
    with pytest.raises(DataError, match=f"the book is {part}"):
        valued(Positions((Position(panel.assets[0], value=value),), cash), panel, panel.sessions[-1])


def test_positions_of_zero_alone_are_no_book():
    panel = panel_of_closes(np.full((3, 2), 10.0))
    with pytest.raises(DataError, match="every position is 0"):
        valued(Positions((Position(panel.assets[0], value=0.0),), 10.0), panel, panel.sessions[-1])


def test_an_asset_that_is_not_among_the_prices_is_named_with_its_line(tmp_path):
    (tmp_path / "book.csv").write_text("asset,value\nA,10\n\nAPPL,5\n")
    book, prices = read_positions(tmp_path / "book.csv"), quoted(np.full((3, 2), 10.0))
    with pytest.raises(DataError, match=r"book\.csv:4: APPL: no such asset"):
        valued(book, prices, prices.sessions[-1])
