"""Risk as a function of losses: measures of a law, metrics of an equity curve, and tests of the forecasts."""

from quantdl.risk.active_risk import ActiveRisk
from quantdl.risk.backtests import (
    BaselZone,
    Christoffersen,
    TestResult,
    acerbi_szekely_z2,
    basel_zone,
    berkowitz,
    christoffersen,
    christoffersen_counts,
    exceptions,
    kolmogorov_smirnov,
    kupiec,
    kupiec_counts,
)
from quantdl.risk.drawdown_spells import drawdown_spells
from quantdl.risk.equity_curves import MeasuredCurve, equity_of_returns
from quantdl.risk.further_figures import FurtherFigures
from quantdl.risk.measures import (
    draw_returns,
    expected_shortfall,
    expected_shortfall_error,
    portfolio_losses,
    value_at_risk,
    value_at_risk_error,
)
from quantdl.risk.metrics import Drawdown, PerformanceMetrics, drawdown_curve, performance, worst_drawdown
from quantdl.risk.scenarios import Scenarios
from quantdl.risk.sharpe import SharpeEstimate, sharpe_estimate

__all__ = [
    "ActiveRisk",
    "BaselZone",
    "Christoffersen",
    "Drawdown",
    "FurtherFigures",
    "MeasuredCurve",
    "PerformanceMetrics",
    "Scenarios",
    "SharpeEstimate",
    "TestResult",
    "acerbi_szekely_z2",
    "basel_zone",
    "berkowitz",
    "christoffersen",
    "christoffersen_counts",
    "draw_returns",
    "drawdown_curve",
    "drawdown_spells",
    "equity_of_returns",
    "exceptions",
    "expected_shortfall",
    "expected_shortfall_error",
    "kolmogorov_smirnov",
    "kupiec",
    "kupiec_counts",
    "performance",
    "portfolio_losses",
    "sharpe_estimate",
    "value_at_risk",
    "value_at_risk_error",
    "worst_drawdown",
]
