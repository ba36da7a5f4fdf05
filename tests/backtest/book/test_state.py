"""The arrays of the compiled engine: what the terms say, and logs that grow without losing anything."""

import numpy as np
import pytest

from quantdl.backtest import prepare
from quantdl.backtest.book import kernel, state
from quantdl.backtest.plan.friction import StatedVolume
from quantdl.backtest.plan.invalidation import DrawdownLimit, VolatilityLimit
from tests.backtest.worlds import plan_for, random_walk, span, world

PANEL = world(random_walk(40, 3))


def job(**items):
    return prepare(PANEL, plan_for(PANEL, **items), *span(PANEL))


def test_rules_of_the_plan_come_first_and_those_of_the_engine_after_them():
    terms = job(invalidation=(DrawdownLimit("drawdown", 0.3), VolatilityLimit("volatility", 0.5, 10))).terms
    book = state.rule_book(terms)
    assert book.names[:2] == ("rebalance", "leave")
    assert book.names[book.codes.rule_stop_loss] == "plan:stop_loss"
    assert book.names[book.codes.rule_first_condition :] == ("plan:drawdown", "plan:volatility")
    assert list(book.codes.purposes[:2]) == [kernel.REBALANCE, kernel.EXIT]
    assert book.numbers(["leave", "plan:margin"]).tolist() == [1, book.codes.rule_margin]


def test_what_never_changes_takes_one_row():
    waived = job()
    found = state.market(waived.tape, waived.terms)
    shapes = {name: value.shape for name, value in found._asdict().items() if value.ndim == 2}
    assert shapes["marks"] == (40, 3)
    for name in ("delisted", "eligible", "dollar_volume", "volatility", "half_spreads", "groups"):
        assert shapes[name] == (1, 3), name
    volume = StatedVolume("stated", dict.fromkeys(PANEL.assets, 1e6), "a guess of ours for a test", 0.1, 0.5)
    stated = job(friction={"liquidity": volume}, fast_exit={"max_sessions": 2})
    found = state.market(stated.tape, stated.terms)
    assert found.dollar_volume.tolist() == [[1e6] * 3] and found.volatility.shape == (40, 3)


def test_a_packed_run_holds_numbers_and_addresses():
    made = job()
    parts = (
        state.market(made.tape, made.terms),
        state.rules(made.tape, made.terms),
        state.watches(made.terms),
        state.rule_book(made.terms).codes,
        state.empty_state(made.tape, made.terms, 0, 40, 1e6, 64),
    )
    (record,) = kernel.pack(*parts)
    assert record["marks"] == parts[0].marks.ctypes.data and record["marks_step"] == 3 and record["marks_rows"] == 40
    assert record["dollar_volume_step"] == 0
    assert record["stop_loss"] == 0.5 and record["horizon"] == 5
    assert parts[4].money[kernel.CASH] == 1e6


@pytest.mark.parametrize("used", [10, 60])
def test_logs_grow_and_keep_what_they_hold(used):
    made = job()
    before = state.empty_state(made.tape, made.terms, 0, 40, 1e6, 64)
    before.counts[kernel.FILLS] = used
    before.fill_figures[:used] = np.arange(used)[:, None]
    after = state.with_room(before, 8 * 3 + 16)
    np.testing.assert_array_equal(after.fill_figures[:used], before.fill_figures[:used])
    assert (after is before) == (used + 8 * 3 + 16 <= 64)
    assert len(after.fill_cells) >= used + 8 * 3 + 16
