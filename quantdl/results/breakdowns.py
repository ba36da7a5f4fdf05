"""What the tables of a run add up to: counts and sums that a reader of the report would else work out."""

from dataclasses import dataclass, field

import pandas as pd

from quantdl.backtest.judging.by_strategy import SharedAccount, StrategyBooks
from quantdl.backtest.judging.summaries import (
    CostShare,
    HoldingTimes,
    Interventions,
    LargestExposure,
    RuleTrades,
    cost_shares,
    holding_times,
    interventions,
    largest_exposures,
    trades_by_rule,
)
from quantdl.backtest.running.result import BacktestResult
from quantdl.records import OMIT_DEFAULT
from quantdl.risk.scores.forecast_scores import next_session
from quantdl.risk.scores.pit_histogram import PitHistogram, ReliabilityPoint, pit_histogram, reliability


@dataclass(frozen=True)
class Breakdowns:
    """What ``breakdowns.json`` holds.

    Attributes:
        costs: What was paid, by kind.
        opened_by: The trades, by the rule that opened them.
        closed_by: The trades, by the rule that closed them.
        holding_times: How long trades were held.
        groups: Largest exposure of each group, largest first.
        assets: Largest weight of each asset, largest first.
        interventions: What the engine did without a decision of the strategy.
        n_sessions: Sessions of the run.
        n_halted: Sessions at which it was halted.
        pit: Where outcomes fell in their predicted laws; None without forecasts that met an outcome.
        account: What each of several strategies of the account did; None for a single one.
        reliability: How often outcomes fell below their predicted quantiles; empty without forecasts that met one.
    """

    costs: tuple[CostShare, ...]
    opened_by: tuple[RuleTrades, ...]
    closed_by: tuple[RuleTrades, ...]
    holding_times: HoldingTimes
    groups: tuple[LargestExposure, ...]
    assets: tuple[LargestExposure, ...]
    interventions: tuple[Interventions, ...]
    n_sessions: int
    n_halted: int
    pit: PitHistogram | None
    reliability: tuple[ReliabilityPoint, ...] = field(default=(), metadata=OMIT_DEFAULT)
    account: SharedAccount | None = field(default=None, metadata=OMIT_DEFAULT)


def break_down(
    result: BacktestResult, forecasts: pd.DataFrame | None, by_strategy: StrategyBooks | None = None
) -> Breakdowns:
    """Add up the tables of a run.

    Args:
        result: The run.
        forecasts: The table of its forecasts; None without a model.
        by_strategy: The books of several strategies of one account; None for a single one.
    """
    return Breakdowns(
        costs=cost_shares(result),
        opened_by=trades_by_rule(result.trades, "rule_in"),
        closed_by=trades_by_rule(result.trades, "rule_out"),
        holding_times=holding_times(result.trades),
        groups=largest_exposures(result.exposures),
        assets=largest_exposures(result.weights_after_fill),
        interventions=interventions(result.events),
        n_sessions=len(result.equity),
        n_halted=int(result.equity["halted"].sum()),
        pit=None if forecasts is None else pit_histogram(next_session(forecasts)),
        reliability=() if forecasts is None else reliability(next_session(forecasts)),
        account=None if by_strategy is None else by_strategy.account,
    )
