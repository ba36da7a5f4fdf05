from typing import get_args, get_type_hints

import pytest

from quantdl.errors import DataError
from quantdl.market.inspection.checks import CHECKS
from quantdl.market.inspection.policies import AT_LOADING, Policies


def test_what_cannot_be_cut_may_not_be_split_at_a_gap():
    with pytest.raises(DataError, match=r"stale_year='split_at_gap' \(one of refuse, mask, drop_asset, keep\)"):
        Policies(stale_year="split_at_gap")


def test_masking_one_bar_does_not_mend_a_break_and_may_not_be_chosen():
    with pytest.raises(DataError, match=r"suspected_split='mask' \(one of refuse, split_at_gap, drop_asset, keep\)"):
        Policies(suspected_split="mask")


def test_exactly_the_kinds_that_know_where_to_cut_may_be_cut():
    hints = get_type_hints(Policies)
    cut = {kind for kind, hint in hints.items() if "split_at_gap" in get_args(hint)}
    assert cut == {check.kind for check in CHECKS if check.breaks is not None}


def test_a_distribution_is_reported_and_never_repaired():
    hint = get_type_hints(Policies)["suspected_distribution"]
    assert Policies().suspected_distribution == "keep"
    assert not {"mask", "split_at_gap"} & set(get_args(hint))


def test_a_loader_stops_at_impossible_rows_unless_a_policy_was_chosen_for_them():
    assert Policies().on_fault() == "refuse"
    assert Policies(stale_year="keep", suspected_split="refuse").on_fault() == "refuse"
    for kind in AT_LOADING:
        assert Policies(**{kind: "drop_asset"}).on_fault() == "record"
