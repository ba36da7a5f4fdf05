"""One panel in its plain form, and files of vendors that hold the same."""

import numpy as np
import pytest

from quantdl.errors import DataError
from quantdl.market.sources.csv_folder import load_csv_folder
from quantdl.market.sources.file_format import FileFormat

PLAIN = """date,open,high,low,close,volume
2024-01-02,1000,1050.5,950.25,1000,1000000
2024-01-03,1010,1060,990,1020.75,1100000
2024-01-04,1020,1040,1000,1010,900000
"""


@pytest.fixture
def load(tmp_path, declaration):
    """Load the text of a file of the asset ABC, as what is stated of it says."""

    def loaded(text, **stated):
        file = tmp_path / "ABC.csv"
        file.write_text(text, encoding="utf-8")
        return load_csv_folder(file, declaration, file_format=FileFormat(**stated))

    return loaded


@pytest.fixture
def same_as_plain(load):
    """Check that a file gives the plain panel under its layout, and is refused without, with the layout proposed."""

    def check(text, layout, proposed=None):
        plain, read = load(PLAIN), load(text, layout=layout)
        assert read.assets == plain.assets == ("ABC",)
        assert read.card.fingerprint == plain.card.fingerprint
        for field, values in plain.fields.items():
            np.testing.assert_array_equal(read.fields[field], values)
        with pytest.raises(DataError, match=proposed or f"state layout: {layout}, which reads"):
            load(text)

    return check
