"""Which sessions are played one by one, and what happens on them."""

from datetime import date

import numpy as np

from quantdl.backtest.book.state import market, rules
from quantdl.backtest.sensitivity.schedule import Span, steps_of
from tests.backtest.sensitivity.books import job_of
from tests.backtest.worlds import random_walk, world
from tests.raw_panels import raw_world

CLOSES = random_walk(40, 3)


def steps(panel, rows, holds=(), **items):
    job = job_of(panel, **items)
    given = np.isin(rows, holds)
    span = Span(market(job.tape, job.terms), rules(job.tape, job.terms), 0, len(panel.sessions), np.array(rows), given)
    return {step.row: step for step in steps_of(span)}


def test_between_a_fill_and_the_next_decision_nothing_is_played():
    found = steps(world(CLOSES), [5, 20, 30], holds=[30])
    assert list(found) == [0, 5, 6, 20, 21]  # nothing at the hold
    assert [(found[row].decision, found[row].fills) for row in (5, 6, 20, 21)] == [
        (0, False),
        (None, True),
        (1, False),
        (None, True),
    ]
    assert (found[6].until, found[21].until) == (20, 40)


def test_at_the_deciding_close_a_decision_and_its_fills_are_one_session():
    found = steps(world(CLOSES), [5, 20], friction={"fill_at": "decision_close"})
    assert list(found) == [0, 5, 20]
    assert all(found[row].fills and found[row].decision is not None for row in (5, 20))


def test_an_order_waits_until_its_asset_trades():
    closes = CLOSES.copy()
    closes[6:9, 1] = np.nan
    found = steps(world(closes), [5])
    assert list(found) == [0, 5, 6, 9]
    np.testing.assert_array_equal(found[6].fillable, [True, False, True])
    assert found[9].fillable is None


def test_a_book_without_a_decision_is_closed_after_its_horizon():
    found = steps(world(CLOSES), [5, 10], holds=[10], horizon={"bars": 7})
    assert [row for row, step in found.items() if step.closes] == [17, 18]  # seven bars after the hold; then it fills
    assert found[18].fills


def test_corporate_actions_stand_on_their_sessions():
    closes = CLOSES.copy()
    closes[35:, 2] = np.nan
    panel = raw_world(
        closes,
        splits={(7, 1): 3.0},
        dividends={(7, 1): 0.5, (12, 0): 1.0},
        pay_after={(12, 0): 4},
        ended={"A02": date(2018, 2, 5)},
    )
    found = steps(panel, [2])
    np.testing.assert_array_equal(found[7].ratios, [1.0, 3.0, 1.0])
    assert found[7].dividends[7].tolist() == [0.0, 0.5, 0.0]  # no pay date: paid at once
    assert found[12].dividends[16].tolist() == [1.0, 0.0, 0.0]
    assert 16 in found  # the day on which it is paid
    (dies,) = (row for row, step in found.items() if step.gone is not None)
    assert found[dies].gone.tolist() == [False, False, True]
    assert panel.sessions[dies].date() > date(2018, 2, 5)
