"""Where the profit came from."""

import numpy as np
import pandas as pd
import pytest

from quantdl.backtest import (
    pnl_by_context,
    results_by_regime,
)
from quantdl.backtest.book.tape import read_tape
from tests.backtest.judging.books import stressed_run
from tests.backtest.judging.tables_by_hand import by_hand
from tests.backtest.worlds import world


def test_regimes_and_contexts_add_up_to_the_whole_profit():
    panel, result = stressed_run()
    whole = result.equity["equity"].iloc[-1] - 1e6
    by_regime, by_context = (
        results_by_regime(result),
        pnl_by_context(result, read_tape(panel), 20, volume_is_measured=True),
    )
    assert set(by_regime.index) == {"calm", "normal", "stressed", "undefined"}
    assert by_regime["pnl"].sum() == pytest.approx(whole)
    assert by_regime["sessions"].sum() == 200
    assert np.prod(1 + by_regime["return"]) == pytest.approx(result.equity["equity"].iloc[-1] / 1e6)
    for context in ("trend", "volatility", "liquidity"):
        rows = by_context[by_context["context"] == context]
        assert rows["pnl"].sum() == pytest.approx(whole)
        assert rows["sessions"].sum() == 200
    assert set(by_context[by_context["context"] == "trend"]["state"]) == {"rising", "falling", "undefined"}
    assert set(by_context[by_context["context"] == "liquidity"]["state"]) == {"ample", "thin", "undefined"}


def six_sessions():
    """Sessions three to eight of a market of one share, which earn 1, 2, 4, 8, 16 and 32."""
    closes = np.array([100, 97, 101, 99, 98, 100, 97.5, 120])[:, None]
    dollars = np.array([5.0, 4.0, 9.0, 6.0, 7.0, 3.0, 8.0, 1.0])[:, None]
    panel = world(closes, fields={"dollar_volume": dollars})
    sessions = panel.sessions[2:]
    equity = pd.DataFrame({"equity": 1000.0 + np.array([1, 3, 7, 15, 31, 63])}, sessions)
    regimes = pd.DataFrame({"regime": ["undefined", "calm", "calm", "normal", "calm", "stressed"]}, sessions)
    result = by_hand(equity=equity, regimes=regimes, traded=pd.Series(True, sessions))
    return pnl_by_context(result, read_tape(panel), 2, volume_is_measured=True)


def test_profit_is_split_by_what_was_known_before_each_session():
    """The two returns up to the close before, and its dollars beside the median of the two."""
    found = [tuple(row) for row in six_sessions().itertuples(index=False)]
    assert found == [
        ("trend", "falling", 2, 8 + 32),  # 101 to 98, and 98 to 97.5
        ("trend", "rising", 3, 2 + 4 + 16),  # 100 to 101, 97 to 99, and 99 to 100
        ("trend", "undefined", 1, 1),
        ("volatility", "calm", 3, 2 + 4 + 16),
        ("volatility", "normal", 1, 8),
        ("volatility", "stressed", 1, 32),
        ("volatility", "undefined", 1, 1),
        ("liquidity", "ample", 3, 2 + 8 + 32),  # 9 after 4, 7 after 6, 8 after 3
        ("liquidity", "thin", 2, 4 + 16),  # 6 after 9, 3 after 7
        ("liquidity", "undefined", 1, 1),
    ]


def test_sessions_without_a_trade_are_in_no_window_and_are_not_counted():
    """The market of `six_sessions` with a dead session after each but the last: the same states and counts."""
    closes, dollars = np.full((15, 1), np.nan), np.full((15, 1), np.nan)
    closes[::2, 0] = [100, 97, 101, 99, 98, 100, 97.5, 120]
    dollars[::2, 0] = [5.0, 4.0, 9.0, 6.0, 7.0, 3.0, 8.0, 1.0]
    panel = world(closes, fields={"dollar_volume": dollars})
    sessions = panel.sessions[4:]
    equity = pd.DataFrame({"equity": np.repeat(1000.0 + np.array([1, 3, 7, 15, 31, 63]), 2)[:-1]}, sessions)
    live = np.arange(11) % 2 == 0
    names = np.repeat(["undefined", "calm", "calm", "normal", "calm", "stressed"], 2)[:-1]
    result = by_hand(equity=equity, regimes=pd.DataFrame({"regime": names}, sessions), traded=pd.Series(live, sessions))
    found = pnl_by_context(result, read_tape(panel), 2, volume_is_measured=True)
    pd.testing.assert_frame_equal(found, six_sessions())
