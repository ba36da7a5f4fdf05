"""What a refusal says, and the bounds of numbers."""

import pytest

from quantdl.backtest.plan.refusals import PlanFault, at_least, each_asset, refusal, within


def test_a_refusal_names_every_fault_on_a_line_of_its_own():
    faults = (PlanFault("a.b", "1", "2", "write 2"), PlanFault("c", "'x'", "'y'", "write y"))
    assert refusal(faults) == (
        "The trading plan is refused, 2 faults:\n"
        "  - plan.a.b: got 1, expected 2. Fix: write 2.\n"
        "  - plan.c: got 'x', expected 'y'. Fix: write y."
    )
    assert refusal(faults[:1]).startswith("The trading plan is refused, 1 fault:\n")


@pytest.mark.parametrize(("value", "n_faults"), [(0.0, 1), (1e-9, 0), (1.0, 0), (1.1, 1), (float("nan"), 1)])
def test_bounds_leave_out_the_low_end(value, n_faults):
    assert len(list(within("a", value, 0.0, 1.0, "a share"))) == n_faults


@pytest.mark.parametrize(("value", "n_faults"), [(4, 1), (5, 0)])
def test_a_least_value_is_allowed_itself(value, n_faults):
    assert len(list(at_least("a", value, 5, "bars"))) == n_faults


def test_assets_that_lack_something_and_names_that_are_none_are_told_apart():
    missing, misspelt, unknown = each_asset("a", {"AAPL", "MSF", "ZZZZ"}, ("AAPL", "MSFT"), "a group")
    assert (missing.given, missing.expected) == ("nothing for ['MSFT']", "a group for every asset")
    assert (misspelt.given, misspelt.fix) == ("'MSF'", "did you mean 'MSFT'")
    assert unknown.fix == "remove it; the assets are ['AAPL', 'MSFT']"
    assert list(each_asset("a", {"AAPL"}, ("AAPL",), "a group")) == []
