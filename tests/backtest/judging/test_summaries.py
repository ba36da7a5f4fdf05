"""Counts and sums over the tables of a run, each worked out by hand on three sessions and four trades."""

import re
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from quantdl.backtest.judging.summaries import (
    CostShare,
    HoldingTimes,
    Interventions,
    LargestExposure,
    RuleTrades,
    cost_shares,
    cumulative_costs,
    holding_times,
    interventions,
    largest_exposures,
    remedy,
    trades_by_rule,
)
from quantdl.backtest.running import tables
from tests.backtest.judging.tables_by_hand import SESSIONS, by_hand


def without_borrowing():
    """Only the fills cost anything: 4.5 at the first session, 2.5 at the last."""
    equity = by_hand().equity.assign(costs=[4.5, 0.0, 2.5])
    return by_hand(equity=equity)


# ---- costs


def test_every_event_that_the_engine_can_write_says_what_would_change_it():
    """The codes are read off the tables of the engine: none is without a remedy of its own."""
    written = Path(tables.__file__).read_text()
    codes = set(re.findall(r'return "\w+", "(\w+)", f', written)) | {"dividend", "stress_begins", "stress_ends"}
    codes |= {"unconfirmed_price"}
    assert {"stop_loss", "cut", "reduced", "not_borrowed", "delisting", "expired"} <= codes
    for code in codes:
        assert remedy("sizing", code) != "See the item of the plan.", code
    assert "before anything is traded again" in remedy("invalidation", "a fall in turmoil")
    assert remedy("invalidation", "margin").startswith("Lower the gross weight")


def test_costs_add_up_session_by_session_as_fractions_of_the_initial_money():
    found = cumulative_costs(by_hand())
    expected = {
        "commission": [0.0015, 0.0015, 0.0035],
        "spread": [0.003, 0.003, 0.0035],
        "other": [0.0, 0.00025, 0.0005],
    }
    pd.testing.assert_frame_equal(found, pd.DataFrame(expected, SESSIONS), check_freq=False)


def test_cumulative_costs_end_at_the_total_of_the_fills():
    result = without_borrowing()
    last = cumulative_costs(result).iloc[-1]
    assert last.sum() * 1000 == pytest.approx(3.0 + 1.5 + 2.5)
    assert list(last.index) == ["commission", "spread"]  # impact was never paid, and nothing was borrowed


def test_the_money_beyond_the_fills_is_a_kind_of_its_own():
    assert cost_shares(by_hand()) == (
        CostShare("commission", 3.5, pytest.approx(3.5 / 7.5), 0.0035),
        CostShare("spread", 3.5, pytest.approx(3.5 / 7.5), 0.0035),
        CostShare("other", pytest.approx(0.5), pytest.approx(0.5 / 7.5), pytest.approx(0.0005)),
    )


def test_shares_of_the_costs_add_up_to_one():
    assert sum(share.share_of_costs for share in cost_shares(without_borrowing())) == pytest.approx(1.0)


def test_a_difference_of_rounding_is_no_cost():
    equity = by_hand().equity.assign(costs=[4.5 + 1e-9, 0.0, 2.5])
    assert [share.kind for share in cost_shares(by_hand(equity=equity))] == ["commission", "spread"]


def test_a_session_whose_costs_are_not_known_counts_as_free():
    equity = by_hand().equity.assign(costs=[4.5, float("nan"), 2.5])
    assert [share.paid for share in cost_shares(by_hand(equity=equity))] == [3.5, 3.5]


def test_a_run_that_paid_nothing_has_no_kinds():
    free = by_hand(fills=by_hand().fills.iloc[:0], equity=by_hand().equity.assign(costs=0.0))
    assert cost_shares(free) == ()
    assert cumulative_costs(free).shape == (3, 0)


# ---- trades


def test_trades_are_summed_up_by_the_rule_that_opened_them():
    assert trades_by_rule(by_hand().trades, "rule_in") == (
        RuleTrades("entry", trades=1, with_a_profit=0, pnl=-6.0, worst=-0.006),
        RuleTrades("renewal", trades=3, with_a_profit=2, pnl=9.0, worst=-0.004),
    )


@pytest.mark.parametrize("open_as", ["", None])
def test_trades_that_are_still_open_were_closed_by_no_rule(open_as):
    trades = by_hand().trades.assign(rule_out=["renewal", "stop", open_as, open_as])
    assert trades_by_rule(trades, "rule_out") == (
        RuleTrades("", trades=2, with_a_profit=1, pnl=-3.0, worst=-0.006),
        RuleTrades("renewal", trades=1, with_a_profit=1, pnl=10.0, worst=0.01),
        RuleTrades("stop", trades=1, with_a_profit=0, pnl=-4.0, worst=-0.004),
    )


def test_a_trade_that_breaks_even_made_no_profit():
    (found,) = trades_by_rule(by_hand().trades.iloc[:1].assign(pnl=0.0), "rule_in")
    assert found.with_a_profit == 0


def held(*bars):
    return holding_times(pd.DataFrame({"bars": list(bars)}))


def test_short_holding_times_have_a_column_for_each_bar():
    assert held(2, 0, 2, 1) == HoldingTimes(1, (0, 1, 2), (1, 1, 2))
    assert held(59, 0) == HoldingTimes(1, (0, 59), (1, 1))


def test_long_holding_times_share_sixty_columns():
    assert held(0, 1, 2, 60) == HoldingTimes(2, (0, 2, 60), (2, 1, 1))  # 61 different times in columns of two bars
    assert held(119) == HoldingTimes(2, (118,), (1,))
    assert held(120) == HoldingTimes(3, (120,), (1,))


def test_without_a_trade_there_is_no_column():
    assert held() == HoldingTimes(1, (), ())


# ---- exposures and interventions


def test_the_largest_exposure_is_that_of_its_earliest_session_whatever_its_sign():
    assert largest_exposures(by_hand().weights_after_fill) == (
        LargestExposure("CVX", 0.6, date(2020, 1, 2), 0.6),
        LargestExposure("XOM", 0.5, date(2020, 1, 3), 0.1),
    )


def test_what_was_never_held_has_no_day():
    assert largest_exposures(by_hand().exposures)[-1] == LargestExposure("Staples", 0.0, None, 0.0)


def test_equal_exposures_stay_in_the_order_of_the_columns_and_a_short_keeps_its_sign():
    weights = pd.DataFrame({"b": [0.3, -0.1, -0.3], "a": [0.1, 0.3, 0.2]}, SESSIONS)
    found = largest_exposures(weights)
    assert [(row.name, row.on, row.last) for row in found] == [
        ("b", date(2020, 1, 2), -0.3),
        ("a", date(2020, 1, 3), 0.2),
    ]


def test_events_are_counted_by_item_and_condition_in_alphabetical_order():
    assert interventions(by_hand().events) == (
        Interventions("fast_exit", "participation", 1),
        Interventions("related_positions", "group cap", 1),
        Interventions("sizing", "stop loss", 2),
    )
