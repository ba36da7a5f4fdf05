"""What an item says stands in one line: nested parts in brackets, defaults left out."""

from quantdl.backtest.plan.horizon import EveryBars, Horizon
from quantdl.backtest.plan.invalidation import Combination, DrawdownLimit, StaleDataLimit, StressedMarket
from quantdl.backtest.plan.related_positions import NamedGroups
from quantdl.backtest.plan.told import told


def test_an_item_is_told_with_its_parts_in_brackets() -> None:
    horizon = Horizon(5, "1D", EveryBars("every_bars", 5))
    assert told(horizon) == "bars: 5; timeframe: 1D; rebalance: every bars (bars: 5)"


def test_conditions_are_told_with_those_inside_them_and_without_defaults() -> None:
    whole = Combination("all", "storm", (DrawdownLimit("drawdown", 0.2), StressedMarket("stressed_market")))
    expected = "all (name: storm; of: drawdown (limit: 0.2), stressed market), stale data (bars: 5)"
    assert told((whole, StaleDataLimit("stale_data", 5))) == expected


def test_names_flags_and_what_is_not_filled_in_are_told() -> None:
    assert told(NamedGroups("named", {"tech": ("AAPL", "AMD")})) == "named (members: tech: AAPL, AMD)"
    assert told((True, None, ..., 0.25)) == "yes, none, ..., 0.25"
