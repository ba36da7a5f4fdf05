"""The tables of a run of three sessions, written by hand, for tests of what is counted over them."""

from dataclasses import replace

import pandas as pd

from quantdl.backtest import BacktestResult

SESSIONS = pd.DatetimeIndex(["2020-01-02", "2020-01-03", "2020-01-06"], name="session")
EVENTS = [
    (SESSIONS[2], "sizing", "stop loss", "XOM"),
    (SESSIONS[0], "related_positions", "group cap", "Energy"),
    (SESSIONS[1], "sizing", "stop loss", "CVX"),
    (SESSIONS[1], "fast_exit", "participation", "CVX"),
]


def by_hand(**changes: object) -> BacktestResult:
    """Return a run of 1,000: fills cost 7 of which 3.5 are commission and 3.5 spread; borrowing costs 0.5 beside."""
    fills = pd.DataFrame(
        {
            "session": SESSIONS[[0, 0, 2]],
            "asset": ["XOM", "CVX", "XOM"],
            "commission": [1.0, 0.5, 2.0],
            "spread": [2.0, 1.0, 0.5],
            "impact": [0.0, 0.0, 0.0],
            "cost": [3.0, 1.5, 2.5],
        }
    )
    trades = pd.DataFrame(
        {
            "asset": ["XOM", "CVX", "KO", "PG"],
            "bars": [2, 0, 2, 1],
            "pnl": [10.0, -4.0, -6.0, 3.0],
            "return_on_equity": [0.01, -0.004, -0.006, 0.003],
            "rule_in": ["renewal", "renewal", "entry", "renewal"],
            "rule_out": ["renewal", "stop", "", ""],
        }
    )
    made = BacktestResult(
        assets=("XOM", "CVX"),
        initial_equity=1000.0,
        final_equity=1000.0,
        equity=pd.DataFrame({"costs": [4.5, 0.25, 2.75], "interest": 0.0, "halted": [False, True, True]}, SESSIONS),
        weights_after_fill=pd.DataFrame({"XOM": [0.2, -0.5, 0.1], "CVX": [0.6, float("nan"), 0.6]}, SESSIONS),
        quantities=pd.DataFrame({"XOM": [2.0, -5.0, 1.0], "CVX": [6.0, 0.0, 6.0]}, SESSIONS),
        orders=fills[["session", "asset"]],
        fills=fills,
        trades=trades,
        exposures=pd.DataFrame({"Energy": [0.8, 0.5, 0.7], "Staples": [0.0, 0.0, 0.0]}, SESSIONS),
        events=pd.DataFrame(EVENTS, columns=["session", "item", "condition", "detail"]),
        conditions=pd.DataFrame({"drawdown": [0.0, 0.1, 0.2]}, SESSIONS),
        regimes=pd.DataFrame({"regime": ["calm", "calm", "normal"]}, SESSIONS),
        traded=pd.Series(True, SESSIONS),
        decisions=(),
        stamps=(),
        halted_on=SESSIONS[1],
        halt_reason="a test",
    )
    return replace(made, **changes)
