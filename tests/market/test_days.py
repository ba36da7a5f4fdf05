"""Days as people write them, wherever one is asked for."""

from datetime import date
from functools import partial

import numpy as np
import pandas as pd
import pytest

from quantdl.errors import DataError
from quantdl.features import feature_table, fit_scaler
from quantdl.market.actions import CorporateActions
from quantdl.market.corporate.adjustment import adjusted
from quantdl.market.days import session_label
from quantdl.simulation import panel_of_closes
from tests.raw_panels import raw_world

CLOSES = 100.0 + np.random.default_rng(0).normal(size=(40, 1)).cumsum(axis=0)
PANEL = panel_of_closes(CLOSES)


@pytest.mark.parametrize("day", ["2024-12-31", date(2024, 12, 31), pd.Timestamp("2024-12-31"), "31 December 2024"])
def test_a_day_is_the_label_of_a_session(day):
    assert session_label(day) == pd.Timestamp(2024, 12, 31)


@pytest.mark.parametrize(
    "ask",
    [
        session_label,
        CorporateActions().until,
        partial(CorporateActions().ticker_of, "A"),
        partial(CorporateActions().asset_of, "A"),
        partial(adjusted, raw_world(CLOSES), "split", "back"),
        partial(fit_scaler, feature_table(PANEL), PANEL),
    ],
)
@pytest.mark.parametrize("day", ["garbage", "", "NaT", "2024-02-30", object(), PANEL.known_at[30], "2024-02-01 09:30"])
def test_what_is_no_day_is_refused_with_what_was_expected(ask, day):
    with pytest.raises(DataError, match="Expected a session such as|A session is a date without a time"):
        ask(day)
