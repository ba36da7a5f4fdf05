"""The list of rules: each kind once, with a policy of its own and fields that a panel can have."""

from collections import Counter
from dataclasses import fields, replace

import numpy as np
import pandas as pd

from quantdl.calendars import trading_calendar
from quantdl.market.actions import CashDividend, CorporateActions, Split
from quantdl.market.inspection.checks import CHECKS, InspectedPanel
from quantdl.market.inspection.policies import Policies
from quantdl.market.reading.header import FIELDS
from quantdl.market.sources.frames import panel_from_frame
from tests.market.inspection.test_scale_breaks import market


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
    inspected = InspectedPanel(small)
    for check in CHECKS:
        cells = inspected.cells(check.rule)
        assert cells.dtype == np.bool_ and cells.shape == small.status.shape, check.kind


def test_what_is_judged_by_later_cells_is_named():
    """A rule without hindsight finds the same cells whatever follows; these do not claim it."""
    assert {*JUDGED_LATER, "stale_year"} <= {check.kind for check in CHECKS if check.hindsight}


def test_a_cut_that_is_judged_by_later_cells_says_what_was_recognised_at_once():
    cutting = {check.kind for check in CHECKS if check.hindsight and check.breaks is not None}
    assert {check.kind for check in CHECKS if check.recognised_breaks is not None} == cutting


JUDGED_LATER = {"spike_and_revert", "suspected_split", "wrong_scale", "stale_run_5"}

# Rules that do not claim hindsight and yet change their mind: what a gap is called depends on whether the asset trades
# again, and what explains a jump, on jumps that follow.
CHANGING = {
    "missing_session",
    "long_gap",
    "never_traded",
    "assumed_delisted",
    "large_return_without_action",
}


def dirty_stock(sessions, generator, seed):
    """Bars of one stock with wrong values, changes of scale, prices that stand still, repeated rows and gaps."""
    frame, prices = market(sessions, seed), ["open", "high", "low", "close"]
    for column in (*prices, "volume"):
        frame.loc[generator.choice(200, 3, replace=False), column] *= generator.choice([0.0, -1.0, 10.0, 0.1, 1.6], 3)
    change, detour, still, gap = generator.integers(20, 130, 4)
    frame.loc[change:, prices] *= generator.choice([0.25, 2.0, 0.8, 0.001])
    frame.loc[detour : detour + 3, prices] *= 10
    frame.loc[still : still + 8, prices] = frame.loc[still, prices].to_numpy(dtype=float)
    frame.loc[still + 10, [*prices, "volume"]] = frame.loc[still + 9, [*prices, "volume"]].to_numpy(dtype=float)
    missing = {*generator.choice(200, 6, replace=False), *range(gap, gap + int(generator.choice([3, 30, 50])))}
    return frame.drop(index=sorted(missing))


def dirty_panel(declaration, seed):
    generator = np.random.default_rng(seed)
    sessions = trading_calendar("XNYS").sessions("2015-01-02", "2015-12-31")[:200]
    stocks = [
        dirty_stock(sessions, generator, 10 * seed + number).assign(symbol=name) for number, name in enumerate("ABC")
    ]
    panel = panel_from_frame(pd.concat(stocks), replace(declaration, adjustment="raw", on_fault="record"))
    days = [panel.sessions[row].date() for row in generator.integers(10, 190, 6)]
    splits = [Split(day, asset, 4.0) for day, asset in zip(days[:3], panel.assets, strict=True)]
    dividends = [CashDividend(day, asset, 60.0) for day, asset in zip(days[3:], panel.assets, strict=True)]
    return replace(panel, actions=CorporateActions(tuple(sorted(splits)), tuple(sorted(dividends))))


def test_a_rule_without_hindsight_finds_the_same_cells_whatever_follows(declaration):
    rules = [check for check in CHECKS if not check.hindsight and check.kind not in CHANGING]
    found = set()
    for seed in range(4):
        panel = dirty_panel(declaration, seed)
        inspected = InspectedPanel(panel)
        whole = {check.kind: inspected.cells(check.rule) for check in rules}
        found |= {kind for kind, cells in whole.items() if cells.any()}
        for row in range(15, len(panel.sessions), 5):
            view = panel.until(panel.sessions[row])
            columns, seen = [panel.assets.index(asset) for asset in view.assets], InspectedPanel(view)
            for check in rules:
                expected = whole[check.kind][: len(view.sessions), columns]
                np.testing.assert_array_equal(
                    seen.cells(check.rule), expected, err_msg=f"{check.kind} at {row}, {seed}"
                )
    assert len(found) >= 18, sorted(found)


def test_a_rule_with_hindsight_is_one(declaration):
    """Some cells are marked later than at their own close, or are so then and no more once later bars are there."""
    changed = set()
    for seed in range(4):
        panel = dirty_panel(declaration, seed)
        for check in (check for check in CHECKS if check.kind in JUDGED_LATER):
            whole = InspectedPanel(panel).cells(check.rule)
            for row in range(15, len(panel.sessions), 5):
                view = panel.until(panel.sessions[row])
                columns = [panel.assets.index(asset) for asset in view.assets]
                if (whole[: row + 1, columns] != InspectedPanel(view).cells(check.rule)).any():
                    changed.add(check.kind)
    assert changed == JUDGED_LATER
