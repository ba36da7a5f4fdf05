"""What a plan asks of the engine, figure by figure."""

from datetime import date

import numpy as np
import pytest

from quantdl.backtest.book.tape import read_tape
from quantdl.backtest.plan.borrowing import Borrow
from quantdl.backtest.plan.friction import MeasuredVolume, StatedVolume
from quantdl.backtest.plan.horizon import EveryBars, PeriodEnd
from quantdl.backtest.plan.invalidation import CalibrationLimit, DrawdownLimit, StaleDataLimit, VolatilityLimit
from quantdl.backtest.plan.related_positions import CorrelationGroups, NamedGroups
from quantdl.backtest.plan.spreads import StatedSpreads
from quantdl.backtest.plan.terms import plan_terms
from tests.backtest.worlds import plan_for, random_walk, world


def terms_of(panel=None, first=0, **items):
    panel = world(random_walk(60, 4)) if panel is None else panel
    return plan_terms(plan_for(panel, **items), panel, read_tape(panel), first, len(panel.sessions))


def test_each_condition_fires_where_the_plan_says():
    """More than three stale bars are four; an e-process fires at one over the probability of a false halt."""
    plan = (
        DrawdownLimit("drawdown", 0.3),
        VolatilityLimit("volatility", 0.5, 20),
        StaleDataLimit("stale_data", 3),
        CalibrationLimit("calibration", 0.99, 0.05),
    )
    drawdown, volatility, stale, calibration = terms_of(invalidation=plan).conditions
    assert (drawdown.kind, drawdown.limit) == ("drawdown", 0.3)
    assert (volatility.kind, volatility.limit, volatility.window_bars) == ("volatility", 0.5, 20)
    assert (stale.kind, stale.limit) == ("stale_data", 4)
    assert (calibration.kind, calibration.limit, calibration.level) == ("calibration", 20.0, 0.99)


def test_a_waiver_lets_everything_fill_without_impact():
    terms = terms_of()  # the plan of these tests waives liquidity
    assert terms.costs.liquidity_is_waived and terms.costs.impact_coefficient == 0
    assert np.isinf(terms.dollar_volume).all()
    assert (terms.costs.commission_bps, terms.costs.half_spread_bps) == (5.0, 5.0)


def test_terms_of_trading_that_are_absent_change_nothing():
    terms = terms_of()
    assert (terms.half_spreads, terms.lot_shares, terms.settlement_sessions) == (None, 0, 0)
    assert np.isinf(terms.borrowable).all()
    assert (terms.costs.commission_per_share, terms.costs.commission_minimum) == (0.0, 0.0)


def test_fees_lots_settlement_and_borrowing_reach_the_engine():
    panel = world(random_walk(60, 2))
    spreads = StatedSpreads("stated", {"A00": 2.0, "A01": 6.0})
    friction = {
        "half_spread_bps": spreads,
        "commission_per_share": 0.005,
        "commission_minimum": 1.0,
        "settlement_sessions": 2,
        "borrow": Borrow(0.05, 0.25, {"A00": 7.0, "A01": 9.0}),
    }
    terms = terms_of(panel, friction=friction, sizing={"long_only": False, "max_net": 0.4, "lot_shares": 100})
    assert (terms.half_spreads.tolist(), terms.borrowable.tolist()) == ([[2e-4, 6e-4]], [7.0, 9.0])
    assert (terms.lot_shares, terms.settlement_sessions) == (100, 2)
    assert (terms.costs.commission_per_share, terms.costs.commission_minimum) == (0.005, 1.0)
    assert terms.costs.half_spread_bps == pytest.approx(4.0)  # the mean, for figures of the whole book
    assert terms.cost_fraction(30) == pytest.approx(9e-4)
    assert terms_of().cost_fraction(30) == pytest.approx(1e-3)


def test_a_cost_of_zero_is_stamped_with_who_signed_for_it():
    stamps = terms_of(friction={"commission_bps": 0.0}).stamps
    assert "Commission waived (signed: A. Risk): this test is about something else." in stamps
    assert not any("waived (signed" in stamp and "Liquidity" not in stamp for stamp in terms_of().stamps)


def test_volume_is_stated_by_asset_or_measured():
    stated = StatedVolume("stated", {"A00": 1.0, "A01": 2.0}, "a guess made for this test", 0.1, 0.5)
    terms = terms_of(world(random_walk(60, 2)), friction={"liquidity": stated})
    assert (terms.dollar_volume == [1.0, 2.0]).all()
    assert (terms.costs.participation, terms.costs.impact_coefficient) == (0.1, 0.5)
    panel = world(np.full((6, 1), 10.0), fields={"volume": np.arange(6.0)[:, None]})
    measured = terms_of(panel, friction={"liquidity": MeasuredVolume("measured", 2, 0.1, 0.5)})
    np.testing.assert_allclose(measured.dollar_volume[:, 0], [0.0, 5.0, 15.0, 25.0, 35.0, 45.0])


def test_the_net_caps_of_a_long_only_plan_are_its_gross_caps():
    limits = terms_of(sizing={"max_gross": 0.8}, related_positions={"max_group_gross": 0.5}).limits
    assert (limits.max_net, limits.max_group_net) == (0.8, 0.5)
    short = {"long_only": False, "max_gross": 1.5, "max_net": 0.4}
    both = terms_of(sizing=short, related_positions={"max_group_net": 0.3}, friction={"borrow": Borrow(0.05, 0.25)})
    assert (both.limits.max_net, both.limits.max_group_net) == (0.4, 0.3)
    assert (both.borrow_rate, both.maintenance_margin) == (0.05, 0.25)


def test_groups_are_numbered_as_the_plan_lists_them():
    groups = NamedGroups("named", {"banks": ("A03", "A01"), "rest": ("A00", "A02")})
    terms = terms_of(related_positions={"groups": groups})
    assert (terms.limits.group_of.tolist(), terms.limits.group_names) == ([1, 0, 1, 0], ("banks", "rest"))
    assert terms.groups is None


def test_clusters_are_known_at_each_close_of_the_run():
    """Two assets with the same returns: one cluster from the close with twenty returns on."""
    panel = world(np.repeat(random_walk(60, 1), 2, axis=1))
    terms = terms_of(panel, 5, related_positions={"groups": CorrelationGroups("correlation", 20, 0.5)})
    assert terms.limits.group_of.tolist() == [0, 1]  # nothing is known before the first session
    assert terms.groups.tolist() == [[-1, -1]] * 5 + [[0, 1]] * 15 + [[0, 0]] * 40


def test_a_rebalance_is_due_by_the_plan_s_cadence():
    panel = world(random_walk(130, 2), calendar="XNYS")
    month = terms_of(panel, 3, horizon={"rebalance": PeriodEnd("period_end", "month")}).due
    assert [f"{day:%m-%d}" for day in panel.sessions[month][:3]] == ["01-05", "01-31", "02-28"]
    bars = terms_of(panel, 3, horizon={"rebalance": EveryBars("every_bars", 50)}).due
    assert np.flatnonzero(bars).tolist() == [3, 53, 103]


def test_a_year_of_new_york_has_some_252_bars():
    panel = world(random_walk(300, 2), calendar="XNYS", first="2019-01-02")
    sample = {"first": date(2019, 1, 2), "last": date(2019, 12, 31)}
    assert terms_of(panel, sample=sample).bars_per_year == pytest.approx(252, abs=1)


@pytest.mark.parametrize(("fill_at", "words"), [("next_close", "next traded close"), ("next_open", "traded open")])
def test_the_first_stamp_says_where_orders_fill(fill_at, words):
    terms = terms_of(friction={"fill_at": fill_at})
    assert terms.fill_at == fill_at and words in terms.stamps[0]
    assert any(stamp.startswith("Liquidity is waived (signed: A. Risk)") for stamp in terms.stamps)
