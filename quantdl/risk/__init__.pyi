from .backtests import (
    BaselZone as BaselZone,
    Christoffersen as Christoffersen,
    TestResult as TestResult,
    acerbi_szekely_z2 as acerbi_szekely_z2,
    basel_zone as basel_zone,
    berkowitz as berkowitz,
    christoffersen as christoffersen,
    christoffersen_counts as christoffersen_counts,
    exceptions as exceptions,
    kolmogorov_smirnov as kolmogorov_smirnov,
    kupiec as kupiec,
    kupiec_counts as kupiec_counts,
)
from .curves.active_risk import ActiveRisk as ActiveRisk
from .curves.drawdown_spells import drawdown_spells as drawdown_spells
from .curves.equity_curves import MeasuredCurve as MeasuredCurve, equity_of_returns as equity_of_returns
from .curves.further_figures import FurtherFigures as FurtherFigures
from .curves.metrics import (
    Drawdown as Drawdown,
    PerformanceMetrics as PerformanceMetrics,
    drawdown_curve as drawdown_curve,
    performance as performance,
    worst_drawdown as worst_drawdown,
)
from .curves.sharpe import SharpeEstimate as SharpeEstimate, sharpe_estimate as sharpe_estimate
from .measures.convex import entropic as entropic, expectile as expectile, lower_partial_moment as lower_partial_moment
from .measures.drawdowns import (
    average_drawdown as average_drawdown,
    conditional_drawdown_at_risk as conditional_drawdown_at_risk,
    maximum_drawdown as maximum_drawdown,
    pain as pain,
    ulcer_index as ulcer_index,
    value_path as value_path,
)
from .measures.estimates import (
    Estimate as Estimate,
    estimate_of_draws as estimate_of_draws,
    estimate_of_history as estimate_of_history,
    estimate_of_value_at_risk as estimate_of_value_at_risk,
)
from .measures.laws import (
    book_expected_shortfall as book_expected_shortfall,
    book_value_at_risk as book_value_at_risk,
    marginal_entropic as marginal_entropic,
    marginal_expectile as marginal_expectile,
    marginal_lower_partial_moment as marginal_lower_partial_moment,
    marginal_spectral as marginal_spectral,
)
from .measures.losses import (
    draw_returns as draw_returns,
    expected_shortfall as expected_shortfall,
    expected_shortfall_error as expected_shortfall_error,
    portfolio_losses as portfolio_losses,
    value_at_risk as value_at_risk,
    value_at_risk_error as value_at_risk_error,
)
from .measures.parameter_uncertainty import ParameterRisk as ParameterRisk, parameter_risk as parameter_risk
from .measures.scenarios import Scenarios as Scenarios
from .measures.spectral import (
    DualPower as DualPower,
    ExponentialSpectrum as ExponentialSpectrum,
    SteppedSpectrum as SteppedSpectrum,
    WangTransform as WangTransform,
    spectral as spectral,
)
from .measures.streaming import (
    RiskOfRows as RiskOfRows,
    StreamedRisk as StreamedRisk,
    drawn_blocks as drawn_blocks,
    risk_of_rows as risk_of_rows,
    streamed_risk as streamed_risk,
)
from .measures.tails import ParetoTail as ParetoTail, hill as hill, pareto_tail as pareto_tail
