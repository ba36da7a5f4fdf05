from dataclasses import FrozenInstanceError, replace

import numpy as np
import pandas as pd
import pytest

from quantdl.errors import DataError
from quantdl.market.card import content_fingerprint

SESSIONS = pd.DatetimeIndex(["2024-01-02", "2024-01-03"])


def fingerprint(closes, assets=("A", "B"), sessions=SESSIONS, status=None):
    closes = np.asarray(closes, dtype=float)
    status = np.where(np.isnan(closes), 2, 1) if status is None else status
    return content_fingerprint(sessions, assets, {"close": closes}, np.asarray(status))


def test_the_fingerprint_does_not_depend_on_the_order_of_assets():
    assert fingerprint([[1, 2], [3, 4]]) == fingerprint([[2, 1], [4, 3]], assets=("B", "A"))


def test_the_fingerprint_does_not_depend_on_the_unit_of_time_or_the_kind_of_nan():
    other = np.array([[1, -np.nan], [3, 4]])
    assert fingerprint([[1, np.nan], [3, 4]], sessions=SESSIONS.as_unit("ns")) == fingerprint(
        other, sessions=SESSIONS.as_unit("s")
    )


@pytest.mark.parametrize(
    "changed",
    [
        lambda: fingerprint([[1, 2], [3, np.nextafter(4, 5)]]),
        lambda: fingerprint([[1, 2], [3, np.nan]]),
        lambda: fingerprint([[1, 2], [3, 4]], assets=("A", "C")),
        lambda: fingerprint([[1, 2], [3, 4]], sessions=SESSIONS + pd.Timedelta(days=1)),
        lambda: fingerprint([[1, 2], [3, 4]], status=[[1, 1], [1, 3]]),
    ],
)
def test_any_change_of_content_changes_the_fingerprint(changed):
    assert changed() != fingerprint([[1, 2], [3, 4]])


def test_a_declaration_names_all_its_faults_at_once(declaration):
    with pytest.raises(DataError) as caught:
        replace(declaration, adjustment="dividends", frequency="60min", timezone="Wall Street", universe="all")
    for words in ("adjustment must be 'raw' or 'split'", "frequency", "'America/New_York'", "universe", "'dividends'"):
        assert words in str(caught.value)


def test_a_declaration_cannot_be_changed(declaration):
    with pytest.raises(FrozenInstanceError):
        declaration.adjustment = "raw"
