"""The list of rules: each kind once, with a policy of its own and fields that a panel can have."""

from collections import Counter
from dataclasses import fields

import numpy as np

from quantdl.market.inspection.checks import CHECKS
from quantdl.market.inspection.policies import Policies
from quantdl.market.reading.header import FIELDS


def test_every_kind_stands_once_and_has_a_policy():
    kinds = Counter(check.kind for check in CHECKS)
    assert set(kinds.values()) == {1}
    assert set(kinds) <= {item.name for item in fields(Policies)}


def test_a_mask_empties_only_fields_that_bars_have():
    assert {name for check in CHECKS for name in check.fields} <= set(FIELDS)


def test_a_rule_that_cuts_histories_says_where_they_begin():
    cutting = {check.kind for check in CHECKS if check.breaks is not None}
    assert cutting == {"long_gap", "suspected_split", "wrong_scale", "reused_history"}


def test_rules_answer_with_one_truth_value_a_cell(sp500):
    small = sp500.select(sp500.assets[:3]).until(sp500.sessions[300])
    for check in CHECKS:
        cells = check.cells(small)
        assert cells.dtype == np.bool_ and cells.shape == small.status.shape, check.kind


def test_what_is_judged_by_later_cells_is_named():
    """A rule without hindsight finds the same cells whatever follows; these two do not claim it."""
    assert {"spike_and_revert", "wrong_scale"} <= {check.kind for check in CHECKS if check.hindsight}
