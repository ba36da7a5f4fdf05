"""The dialect of a plain file changes no cell."""

import pandas as pd

from quantdl.market.reading.dialect import PLAIN
from quantdl.market.reading.plain_cells import plain_rows
from quantdl.market.reading.row_faults import Place


def test_the_plain_dialect_leaves_cells_as_they_stand():
    frame = pd.DataFrame({"date": ["2024-01-02", "soon"], "close": ["1,5", "$2"]}, dtype="str")
    found = plain_rows(frame, PLAIN, Place("a.csv"), None)
    pd.testing.assert_frame_equal(found.frame, frame)
    assert not found.row_faults and not found.unread
