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
from .measures import (
    draw_returns as draw_returns,
    expected_shortfall as expected_shortfall,
    expected_shortfall_error as expected_shortfall_error,
    portfolio_losses as portfolio_losses,
    value_at_risk as value_at_risk,
    value_at_risk_error as value_at_risk_error,
)
from .metrics import (
    Drawdown as Drawdown,
    PerformanceMetrics as PerformanceMetrics,
    drawdown_curve as drawdown_curve,
    performance as performance,
    worst_drawdown as worst_drawdown,
)
from .scenarios import Scenarios as Scenarios
