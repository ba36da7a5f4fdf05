"""Paths of groups from declared sectors and from a mapping."""

from dataclasses import replace

import numpy as np
import pytest

from quantdl.errors import DataError
from quantdl.relations.groups import group_paths, load_groups
from quantdl.simulation import panel_of_closes


@pytest.fixture
def panel():
    """Three assets, two of them in sectors."""
    return replace(panel_of_closes(np.full((3, 3), 10.0)), sectors={"SIM000": "Energy", "SIM002": "Banks"})


def test_declared_sectors_are_one_level_and_an_asset_without_one_hangs_from_the_market(panel):
    assert group_paths(panel, {}).tolist() == [[1], [-1], [0]]


def test_a_mapping_takes_the_place_of_the_declared_sector_and_may_be_deeper(panel):
    found = group_paths(panel, {"SIM000": ("Banks", "Retail"), "SIM001": ("Energy", "Retail")})
    assert found[:, 0].tolist() == [0, 1, 0]
    assert found[0, 1] != found[1, 1] and found[2, 1] == -1  # two groups of one name below different sectors


def test_a_symbol_that_the_prices_do_not_hold_is_named_with_the_nearest_one(panel):
    with pytest.raises(DataError, match="groups are given for SIM01, .*did you mean 'SIM001'"):
        group_paths(panel, {"SIM01": ("Energy",)})


def test_prices_without_any_sector_are_refused_with_the_fix(panel):
    with pytest.raises(DataError, match="prices declare none. Declare"):
        group_paths(replace(panel, sectors={}), {})


def test_groups_of_a_file_end_before_the_first_unknown_one(tmp_path):
    path = tmp_path / "groups.csv"
    path.write_text(
        "name,ticker,sector,industry\nOne,A,Energy,Pipelines\nTwo,B,Energy,n/a\nThree,C,n/a,Banks\nFour,D,,\n"
    )
    assert load_groups(path, "ticker", ["sector", "industry"], {"n/a"}) == {
        "A": ("Energy", "Pipelines"),
        "B": ("Energy",),
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "ticker,sectors\nA,Energy\n",
            r"groups.csv: no column 'sector'; given ticker, sectors.*did you mean 'sectors'",
        ),
        ("ticker,sector\nA,Energy\nA,Banks\n", "groups.csv: ticker 'A' stands in two rows; expected one row an asset"),
        ("", "groups.csv: no column 'ticker'; given nothing"),
        (None, "groups.csv: the file of groups cannot be read"),
    ],
)
def test_a_file_that_tells_no_groups_is_refused_with_what_it_holds(tmp_path, text, message):
    path = tmp_path / "groups.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(DataError, match=message):
        load_groups(path, "ticker", ["sector"])
