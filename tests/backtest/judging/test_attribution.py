"""Where the profit came from."""

import numpy as np
import pytest

from quantdl.backtest import (
    pnl_by_context,
    results_by_regime,
)
from quantdl.backtest.book.tape import read_tape
from tests.backtest.judging.books import stressed_run


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
