"""A book of laws."""

import pytest

from quantdl.interface.laws import Laws
from quantdl.interface.prices import Prices
from quantdl.models.settings import TransformerSettings
from quantdl.sequences import ReturnWindow


@pytest.fixture(scope="module")
def laws(small_outcome):
    """The laws of the last three sessions of the small experiment."""
    fitted, last = small_outcome.fitted, len(small_outcome.data.learnt.sessions)
    book = fitted.forecast(range(last - 3, last))
    panel = Prices.of(small_outcome.data.panel)
    return Laws(panel, small_outcome.data, fitted, book, TransformerSettings(5), seed=7)


def test_laws_name_their_sessions_assets_and_windows(laws, small_outcome):
    assert laws.assets == small_outcome.data.learnt.assets
    assert list(laws.sessions) == list(small_outcome.data.learnt.sessions[-3:])
    assert (laws.next_session, laws.position) == (ReturnWindow(0, 1), ReturnWindow(1, 5))
