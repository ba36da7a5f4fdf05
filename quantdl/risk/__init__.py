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
from quantdl.risk.convex_measures import entropic, expectile, lower_partial_moment
from quantdl.risk.drawdown_spells import drawdown_spells
from quantdl.risk.drawdowns import (
    average_drawdown,
    conditional_drawdown_at_risk,
    maximum_drawdown,
    pain,
    ulcer_index,
    value_path,
)
from quantdl.risk.equity_curves import MeasuredCurve, equity_of_returns
from quantdl.risk.estimates import (
    Estimate,
    estimate_of_draws,
    estimate_of_history,
    estimate_of_value_at_risk,
)
from quantdl.risk.further_figures import FurtherFigures
from quantdl.risk.law_measures import (
    book_expected_shortfall,
    book_value_at_risk,
    marginal_entropic,
    marginal_expectile,
    marginal_lower_partial_moment,
    marginal_spectral,
)
from quantdl.risk.measures import (
    draw_returns,
    expected_shortfall,
    expected_shortfall_error,
    portfolio_losses,
    value_at_risk,
    value_at_risk_error,
)
from quantdl.risk.metrics import Drawdown, PerformanceMetrics, drawdown_curve, performance, worst_drawdown
from quantdl.risk.parameter_uncertainty import ParameterRisk, parameter_risk
from quantdl.risk.scenarios import Scenarios
from quantdl.risk.sharpe import SharpeEstimate, sharpe_estimate
from quantdl.risk.spectral import (
    DualPower,
    ExponentialSpectrum,
    SteppedSpectrum,
    WangTransform,
    spectral,
)
from quantdl.risk.streaming import RiskOfRows, StreamedRisk, drawn_blocks, risk_of_rows, streamed_risk
from quantdl.risk.tail_fits import ParetoTail, hill, pareto_tail

__all__ = [
    "ActiveRisk",
    "BaselZone",
    "Christoffersen",
    "Drawdown",
    "DualPower",
    "Estimate",
    "ExponentialSpectrum",
    "ParameterRisk",
    "ParetoTail",
    "FurtherFigures",
    "MeasuredCurve",
    "PerformanceMetrics",
    "RiskOfRows",
    "Scenarios",
    "SteppedSpectrum",
    "StreamedRisk",
    "SharpeEstimate",
    "TestResult",
    "WangTransform",
    "acerbi_szekely_z2",
    "average_drawdown",
    "basel_zone",
    "berkowitz",
    "book_expected_shortfall",
    "book_value_at_risk",
    "christoffersen",
    "christoffersen_counts",
    "conditional_drawdown_at_risk",
    "draw_returns",
    "drawdown_curve",
    "drawn_blocks",
    "entropic",
    "estimate_of_draws",
    "estimate_of_history",
    "estimate_of_value_at_risk",
    "drawdown_spells",
    "equity_of_returns",
    "exceptions",
    "expected_shortfall",
    "expected_shortfall_error",
    "expectile",
    "hill",
    "kolmogorov_smirnov",
    "kupiec",
    "kupiec_counts",
    "lower_partial_moment",
    "marginal_entropic",
    "marginal_expectile",
    "marginal_lower_partial_moment",
    "marginal_spectral",
    "maximum_drawdown",
    "pain",
    "parameter_risk",
    "pareto_tail",
    "performance",
    "portfolio_losses",
    "risk_of_rows",
    "spectral",
    "streamed_risk",
    "ulcer_index",
    "sharpe_estimate",
    "value_at_risk",
    "value_at_risk_error",
    "value_path",
    "worst_drawdown",
]
