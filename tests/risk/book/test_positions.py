"""What a book is worth at a close: nothing is valued by guesses, and what stands in the way is named at once."""

import numpy as np
import pandas as pd
import pytest

from quantdl.errors import DataError
from quantdl.market.status import CellStatus
from quantdl.risk.book.positions import Position, Positions, read_positions, valued
from quantdl.simulation.panels import panel_of_cells, panel_of_closes


def quoted(closes: np.ndarray) -> object:
    """Prices as they were quoted, by which a quantity has a value."""
    status = np.where(np.isfinite(closes), CellStatus.TRADED, CellStatus.MISSING).astype(np.int8)
    return panel_of_cells(closes, status, adjustment="raw")


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
