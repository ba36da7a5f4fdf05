"""The breakdowns of a run: every table counted once, and the parts add up to the whole."""

from dataclasses import replace

import pandas as pd
import pytest

from quantdl.backtest.judging.by_strategy import SharedAccount, StrategyFigures
from quantdl.records import from_plain, to_plain
from quantdl.results.breakdowns import Breakdowns, break_down
from tests.backtest.judging.tables_by_hand import SESSIONS, by_hand


def test_the_parts_add_up_to_the_whole():
    result = by_hand()
    found = break_down(result, None)
    for rules in (found.opened_by, found.closed_by):
        assert sum(rule.trades for rule in rules) == 4
        assert sum(rule.pnl for rule in rules) == 10.0 - 4.0 - 6.0 + 3.0
    assert sum(found.holding_times.trades) == 4
    assert sum(kind.paid for kind in found.costs) == pytest.approx(4.5 + 0.25 + 2.75)
    assert sum(kind.share_of_costs for kind in found.costs) == pytest.approx(1.0)
    assert sum(kind.times for kind in found.interventions) == 4


def test_trades_are_counted_by_the_rule_that_opened_and_by_the_one_that_closed_them():
    found = break_down(by_hand(), None)
    assert [(rule.rule, rule.trades) for rule in found.opened_by] == [("entry", 1), ("renewal", 3)]
    assert [(rule.rule, rule.trades) for rule in found.closed_by] == [("", 2), ("renewal", 1), ("stop", 1)]


def test_groups_come_from_the_exposures_and_assets_from_the_weights():
    found = break_down(by_hand(), None)
    assert [(row.name, row.largest) for row in found.groups] == [("Energy", 0.8), ("Staples", 0.0)]
    assert [(row.name, row.largest) for row in found.assets] == [("CVX", 0.6), ("XOM", 0.5)]


def test_sessions_are_counted_and_those_that_were_halted_too():
    found = break_down(by_hand(), None)
    assert (found.n_sessions, found.n_halted) == (3, 2)


def test_the_histogram_counts_outcomes_of_the_next_session_that_were_observed():
    table = pd.DataFrame(
        {
            "session": SESSIONS[[0, 0, 1, 1]],
            "window": ["next_session", "next_session", "next_session", "position"],
            "observed": [True, True, False, True],
            "pit": [0.02, 0.98, 0.5, 0.5],
        }
    )
    found = break_down(by_hand(), table).pit
    assert found.n == 2  # neither the outcome that never came nor that of the whole position
    assert (found.shares[0], found.shares[-1], sum(found.shares)) == (0.5, 0.5, 1.0)


def test_without_a_model_there_is_no_histogram():
    assert break_down(by_hand(), None).pit is None
    assert break_down(by_hand(), None).reliability == ()


def test_the_record_is_read_back_as_it_was_written():
    found = break_down(by_hand(), None)
    assert from_plain(Breakdowns, to_plain(found)) == found
    assert "account" not in to_plain(found)
    figures = StrategyFigures("calm", 0.5, 12.5, 1.0, 900.0, 100.0, 3, 2, 0.4)
    shared = replace(found, account=SharedAccount((figures,), interest=0.5, total=13.0))
    assert from_plain(Breakdowns, to_plain(shared)) == shared
