"""What is written down while a run is played."""

from dataclasses import fields

import numpy as np

from quantdl.backtest.running.tables import Close
from tests.backtest.oracle.journal import Journal
from tests.backtest.worlds import FLAT, run, world


def test_an_event_keeps_its_session_and_the_item_that_asked_for_it():
    journal = Journal()
    journal.note(3, "sizing", "stop_loss", "A00: sold")
    (event,) = journal.events
    assert (event.session, event.item, event.condition, event.detail) == (3, "sizing", "stop_loss", "A00: sold")


def test_two_journals_share_nothing():
    first, second = Journal(), Journal()
    first.weights.append(np.zeros(1))
    assert second.weights == []


def test_a_close_has_a_field_for_every_column_of_the_equity_table():
    result = run(world(FLAT), {0: [0.5, 0.0]})
    assert list(result.equity.columns) == [item.name for item in fields(Close)]
