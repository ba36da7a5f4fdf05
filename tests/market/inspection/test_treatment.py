import sys
from collections import Counter
from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest

from quantdl.calendars import trading_calendar
from quantdl.errors import DataError
from quantdl.market.data_fault import DataFault
from quantdl.market.inspection.bar_checks import mixed_adjustment
from quantdl.market.inspection.census import take_census
from quantdl.market.inspection.checks import CHECKS, ScaleRule
from quantdl.market.inspection.moves import return_above_50pct
from quantdl.market.inspection.policies import Policies
from quantdl.market.inspection.scale_breaks import scan_scales
from quantdl.market.inspection.treatment import apply_policies
from quantdl.market.sources.frames import panel_from_frame
from quantdl.market.status import CellStatus
from quantdl.simulation import panel_of_closes


@pytest.fixture
def dirty(declaration):
    days = trading_calendar("XNYS").sessions("2024-01-02", "2024-01-08")
    bars = pd.concat(
        [
            pd.DataFrame({"symbol": "A", "date": days, "open": [1.0, 0, 3, 4, 5], "close": [1.0, 2, 0, 4, 5]}),
            pd.DataFrame({"symbol": "B", "date": days, "open": 2.0, "close": 2.0}),
        ]
    )
    return panel_from_frame(bars.reset_index(drop=True), replace(declaration, on_fault="record"))


def treated(panel, **policies):
    return apply_policies(panel, take_census(panel), Policies(**policies))


def rule_of(check):
    return check.rule.cells if isinstance(check.rule, ScaleRule) else check.rule


def calls_in(action):
    """How often each Python function, by its code, is entered while an action runs."""
    entered = Counter()

    def count(frame, event, _):
        if event == "call":
            entered[frame.f_code] += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        action()
    finally:
        sys.setprofile(before)
    return entered


def test_census_and_policies_scan_once_and_run_each_rule_once():
    closes = 50.0 * np.exp(np.cumsum(0.01 * np.random.default_rng(0).standard_normal((300, 2)), axis=0))
    closes[200:, 0] /= 50.0  # a split
    closes[100:110, 1] *= 1000.0  # and a run at a wrong scale
    panel = panel_of_closes(closes)
    assert {"suspected_split", "wrong_scale"} <= {fault.kind for fault in take_census(panel).faults}
    expected = Counter(rule_of(check).__code__ for check in CHECKS)
    expected[scan_scales.__code__] = 1
    expected[return_above_50pct.__code__] += 1  # spike_and_revert is defined by it,
    expected[mixed_adjustment.__code__] += 1  # and close_off_scale by this one
    entered = calls_in(lambda: treated(panel))
    assert {code: entered[code] for code in expected} == expected
    known = panel.sessions[150]  # what was known then is looked for in a panel that ends there
    entered = calls_in(lambda: apply_policies(panel, take_census(panel), Policies(), judged_through=known))
    assert entered[scan_scales.__code__] == 2


def test_a_masked_cell_is_missing_and_empty_in_every_field(dirty):
    panel = treated(dirty)
    assert panel.status[:, 0].tolist() == [1, 1, CellStatus.MISSING, 1, 1]
    assert np.isnan(panel.fields["open"][2, 0])
    np.testing.assert_array_equal(panel.closes[:, 0], [1, 2, np.nan, 4, 5])


def test_a_masked_field_leaves_the_close_alone(dirty):
    panel = treated(dirty, zero_close="keep")
    np.testing.assert_array_equal(panel.fields["open"][:, 0], [1, np.nan, 3, 4, 5])
    np.testing.assert_array_equal(panel.closes, dirty.closes)


def test_keeping_everything_changes_nothing_but_the_notes(dirty):
    panel = treated(dirty, **{item.name: "keep" for item in fields(Policies)})
    np.testing.assert_array_equal(panel.closes, dirty.closes)
    np.testing.assert_array_equal(panel.status, dirty.status)
    assert len(panel.card.declaration.notes) > len(dirty.card.declaration.notes)


def test_an_asset_may_be_dropped(dirty):
    panel = treated(dirty, zero_close="drop_asset")
    assert panel.assets == ("B",)


def test_dropping_everything_is_refused(dirty):
    with pytest.raises(DataError, match="the policies drop every asset"):
        apply_policies(dirty.select(["A"]), take_census(dirty.select(["A"])), Policies(zero_open="drop_asset"))


def test_refusal_names_every_fault_and_the_fix(dirty):
    with pytest.raises(DataError) as caught:
        treated(dirty, zero_open="refuse", zero_close="refuse")
    message = str(caught.value)
    assert "2 faults meet the policy 'refuse'" in message
    assert "zero_open: A, 2024-01-03: First value 0." in message
    assert "zero_close: A, 2024-01-04" in message
    assert "Fix: " in message


def test_every_treatment_stands_in_the_card(dirty):
    notes = treated(dirty).card.declaration.notes
    assert "Policy mask for zero_open (1): A 2024-01-03." in notes
    assert "Policy mask for zero_close (1): A 2024-01-04." in notes


def test_the_fingerprint_stays_that_of_the_data_as_loaded(dirty):
    assert treated(dirty).card.fingerprint == dirty.card.fingerprint


def test_a_universe_of_survivors_that_was_not_declared_is_written_into_the_card(declaration):
    days = trading_calendar("XNYS").sessions("1995-01-03", "2019-12-31")
    closes = 50 * np.exp(0.01 * np.cumsum(np.random.default_rng(0).standard_normal((len(days), 40)), axis=0))
    panel = panel_from_frame(pd.DataFrame(closes, index=days, columns=[f"A{i}" for i in range(40)]), declaration)
    assert panel.card.declaration.universe == "unknown"
    card = treated(panel).card
    assert card.declaration.universe == "survivors"
    assert "chosen knowing its survivors" in card.declaration.notes[-1]


def test_an_unknown_action_is_refused_with_the_choices():
    expected = r"zero_open='hide' \(one of refuse, mask, drop_asset, keep\); zero_low='repair' \(one of"
    with pytest.raises(DataError, match=expected):
        Policies(zero_open="hide", zero_low="repair")


def test_a_fault_of_an_unknown_kind_is_refused_by_name(dirty):
    strange = replace(
        dirty, faults=(DataFault("gremlins", "A", dirty.sessions[0].date(), dirty.sessions[0].date(), 1, ""),)
    )
    with pytest.raises(DataError, match="faults of a kind without a policy: gremlins"):
        treated(strange)


def test_a_treated_panel_is_its_own_last_view(dirty):
    panel = treated(dirty)
    np.testing.assert_array_equal(panel.until(panel.sessions[-1]).status, panel.status)


def test_a_price_that_goes_stale_later_masks_nothing_that_was_known_before():
    generator = np.random.default_rng(0)
    closes = 50.0 * np.exp(np.cumsum(0.01 * generator.standard_normal((760, 3)), axis=0))
    frozen = closes.copy()
    frozen[620:, 0] = frozen[620, 0]  # from mid-2002 on it does not move
    known = panel_of_closes(frozen).sessions[600]
    panel = panel_of_closes(frozen)
    assert take_census(panel).counts()["stale_year"] > 0
    hindsight = apply_policies(panel, take_census(panel), Policies())
    assert not hindsight.until(known).traded[-1, 0]  # what a run must not do
    judged = apply_policies(panel, take_census(panel), Policies(), judged_through=known)
    assert judged.traded.all()
    assert any("hindsight" in note for note in judged.card.declaration.notes)


def test_a_stale_year_before_the_judgement_is_masked_all_the_same():
    generator = np.random.default_rng(0)
    closes = 50.0 * np.exp(np.cumsum(0.01 * generator.standard_normal((760, 3)), axis=0))
    closes[:240, 0] = closes[0, 0]  # all of 2000
    panel = panel_of_closes(closes)
    judged = apply_policies(panel, take_census(panel), Policies(), judged_through=panel.sessions[600])
    assert not judged.traded[:250, 0].any()
    assert judged.traded[260:, 0].all()
