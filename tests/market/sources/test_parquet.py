from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from quantdl.errors import DataError
from quantdl.market.sources.csv_folder import load_csv_folder
from quantdl.market.sources.parquet import load_parquet

TRICKY = ["NA", "ON", "007", "1E5", "NAN", "TRUE", "NULL", "nan", "None", "-", "BRK.B", "MAR 1", "é"]
DAYS = pd.DatetimeIndex(["2024-01-02", "2024-01-03", "2024-01-04"])


def long_form(names, closes):
    return pd.concat([pd.DataFrame({"ticker": name, "date": DAYS, "close": closes}) for name in names])


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(st.sampled_from(TRICKY), min_size=1, max_size=4, unique=True),
    closes=st.lists(st.floats(1e-6, 1e9), min_size=3, max_size=3),
    wide=st.booleans(),
)
def test_symbols_and_prices_come_back_as_they_were(tmp_path_factory, declaration, names, closes, wide):
    file = tmp_path_factory.mktemp("prices") / "prices.parquet"
    frame = pd.DataFrame(dict.fromkeys(names, closes), index=DAYS) if wide else long_form(names, closes)
    frame.to_parquet(file)
    panel = load_parquet(file, declaration)
    assert panel.assets == tuple(sorted(names))
    assert panel.closes[:, 0].tolist() == closes


def test_one_content_has_one_fingerprint_in_every_form(tmp_path, declaration):
    closes = pd.DataFrame({"B": [1.1, np.nan, 3.3], "A": [0.1, 0.2, 0.3]}, index=DAYS)
    closes.to_parquet(tmp_path / "wide.parquet")
    stacked = closes.rename_axis(index="date", columns="symbol").stack().rename("close").reset_index()
    stacked.to_parquet(tmp_path / "long.parquet")
    (tmp_path / "csv").mkdir()
    for name in closes:
        closes[name].rename("close").to_csv(tmp_path / "csv" / f"{name}.csv")
    prints = {
        load_parquet(tmp_path / "wide.parquet", declaration).card.fingerprint,
        load_parquet(tmp_path / "long.parquet", declaration).card.fingerprint,
        load_csv_folder(tmp_path / "csv", declaration).card.fingerprint,
    }
    assert len(prints) == 1


@pytest.mark.parametrize(
    "days",
    [
        DAYS,
        DAYS.tz_localize("America/New_York") + pd.Timedelta(hours=16),
        DAYS.date,
        DAYS.strftime("%Y-%m-%d"),
        DAYS.as_unit("ns"),
    ],
)
@pytest.mark.parametrize("number", [float, str, Decimal, int])
def test_dates_and_numbers_may_be_stored_in_any_type(tmp_path, declaration, days, number):
    frame = pd.DataFrame({"symbol": ["A"] * 3, "date": days, "close": [number(1), number(2), number(3)]})
    frame["symbol"] = frame["symbol"].astype("category")
    frame.to_parquet(tmp_path / "prices.parquet")
    panel = load_parquet(tmp_path / "prices.parquet", declaration)
    assert panel.sessions.equals(DAYS.as_unit(panel.sessions.unit))
    assert panel.closes[:, 0].tolist() == [1, 2, 3]


def test_null_and_nan_are_empty_cells(tmp_path, declaration):
    pd.DataFrame({"A": [1, None, 3], "B": [np.nan, 5.0, 6.0]}, index=DAYS).to_parquet(tmp_path / "prices.parquet")
    panel = load_parquet(tmp_path / "prices.parquet", declaration)
    np.testing.assert_array_equal(panel.closes, [[1, np.nan], [np.nan, 5], [3, 6]])


def test_faults_name_file_row_column_and_symbol(tmp_path, declaration):
    frame = long_form(["NA", "007"], [1.0, 0.0, np.inf])
    frame.to_parquet(tmp_path / "prices.parquet")
    with pytest.raises(DataError) as caught:
        load_parquet(tmp_path / "prices.parquet", declaration)
    message = str(caught.value)
    assert message.startswith("4 faults in 1 file")
    assert f"{tmp_path / 'prices.parquet'}: row 1: column 'close' of NA on 2024-01-03: got 0.0" in message
    assert "row 5: column 'close' of 007 on 2024-01-04: got inf" in message


@pytest.mark.parametrize("kept", [0, 3, 100, 0.5, 0.99])
def test_a_truncated_file_is_named_with_its_size(tmp_path, declaration, kept):
    file = tmp_path / "prices.parquet"
    long_form(["A"], [1.0, 2.0, 3.0]).to_parquet(file)
    content = file.read_bytes()
    size = kept if isinstance(kept, int) else int(kept * len(content))
    file.write_bytes(content[:size])
    with pytest.raises(DataError, match=rf"prices\.parquet: not a whole Parquet file \({size:,} bytes\).*Fix: write"):
        load_parquet(file, declaration)


def test_damage_inside_a_file_is_no_traceback(tmp_path, declaration):
    file = tmp_path / "prices.parquet"
    long_form(["A"], [1.0, 2.0, 3.0]).to_parquet(file)
    content = bytearray(file.read_bytes())
    content[8:40] = b"\xff" * 32
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"prices\.parquet"):
        load_parquet(file, declaration)


def test_a_missing_file_is_named(tmp_path, declaration):
    for path in (tmp_path / "none.parquet", tmp_path):
        with pytest.raises(DataError, match="no such file. Expected a Parquet file. Fix: check the path"):
            load_parquet(path, declaration)


def test_tickers_stored_as_numbers_are_refused(tmp_path, declaration):
    pd.DataFrame({"ticker": [7], "date": [date(2024, 1, 2)], "close": [1.0]}).to_parquet(tmp_path / "prices.parquet")
    with pytest.raises(
        DataError, match="column 'ticker'.*expected a symbol as text, not int64. Fix: store the column as s"
    ):
        load_parquet(tmp_path / "prices.parquet", declaration)


def test_a_file_without_dates_is_refused(tmp_path, declaration):
    pd.DataFrame({"A": [1.0], "B": [1.0]}).to_parquet(tmp_path / "prices.parquet")
    with pytest.raises(DataError, match=r"expected a symbol column \(long form\) or one date column \(wide form\)"):
        load_parquet(tmp_path / "prices.parquet", declaration)


def test_a_column_twice_is_refused_by_its_name(tmp_path, declaration):
    days = pa.array(["2024-01-02", "2024-01-03"])
    table = pa.Table.from_arrays([days, pa.array([1.0, 2.0]), pa.array([3.0, 4.0])], names=["date", "A", "A"])
    pyarrow.parquet.write_table(table, tmp_path / "prices.parquet")
    with pytest.raises(DataError, match=r"prices\.parquet: got the columns \['A'\] twice; expected each once\. Fix: "):
        load_parquet(tmp_path / "prices.parquet", declaration)


def test_bytes_that_are_no_text_are_refused_with_row_and_symbol(tmp_path, declaration):
    columns = {"date": ["2024-01-02", "2024-01-03"], "symbol": ["A", "A"], "close": [b"1.5", b"\xff\xfe"]}
    pyarrow.parquet.write_table(pa.table(columns), tmp_path / "prices.parquet")
    with pytest.raises(DataError, match=r"row 1: column 'close' of A on 2024-01-03: got b'\\xff\\xfe'; expected"):
        load_parquet(tmp_path / "prices.parquet", declaration)


def test_a_wide_column_without_a_name_is_no_asset_and_is_said(tmp_path, declaration):
    table = pa.table({"date": ["2024-01-02", "2024-01-03"], "A": [1.0, 2.0], "": [3.0, 4.0], "  ": [5.0, 6.0]})
    pyarrow.parquet.write_table(table, tmp_path / "prices.parquet")
    panel = load_parquet(tmp_path / "prices.parquet", declaration)
    assert panel.assets == ("A",)
    assert "Columns that were not read: '' (column 3), '  ' (column 4)." in panel.card.declaration.notes
