"""Fills and orders by their positions in the run."""

from dataclasses import replace

import numpy as np
import pandas as pd

from quantdl.backtest.plan.placed import placed_fills, placed_orders, rows_of
from tests.backtest.judged import good_run


def test_positions_lead_back_to_the_labels():
    fills, table = placed_fills(good_run()), good_run().fills
    sessions, assets = good_run().equity.index, np.array(good_run().assets)
    assert len(fills) == len(table)
    assert (sessions[fills.row] == table["session"]).all() and (sessions[fills.decided] == table["decided"]).all()
    assert (assets[fills.column] == table["asset"]).all()
    np.testing.assert_allclose(fills.notional, table["notional"])
    np.testing.assert_allclose(fills.parts, table["cost"])
    orders = placed_orders(good_run())
    assert (sessions[orders.decided] == good_run().orders["decided"]).all()
    assert (orders.dollars >= 0).all()


def test_fills_of_other_days_and_assets_are_left_out():
    strange = good_run().fills.copy()
    strange.loc[0, "session"], strange.loc[1, "asset"] = pd.Timestamp("2030-01-01"), "ZZ"
    fills = placed_fills(replace(good_run(), fills=strange))
    assert len(fills) == len(strange) - 2
    assert fills.quantity[0] == strange["quantity"][2]


def test_a_day_that_is_no_session_has_no_position():
    days = [good_run().equity.index[3], pd.Timestamp("2030-01-01")]
    assert rows_of(good_run(), days).tolist() == [3, -1]
    assert rows_of(good_run(), []).tolist() == []


def test_chosen_fills_keep_their_order():
    fills = placed_fills(good_run())
    sold = fills.where(fills.quantity < 0)
    assert 0 < len(sold) < len(fills)
    assert (sold.quantity < 0).all() and (np.diff(sold.row) >= 0).all()
