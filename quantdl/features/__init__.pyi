from .columns import Feature as Feature, FeatureTable as FeatureTable
from .decay import decayed_mean as decayed_mean
from .drawdown import bars_since_peak as bars_since_peak, drawdown as drawdown
from .liquidity import amihud_illiquidity as amihud_illiquidity, relative_volume as relative_volume
from .peers import cross_sectional_rank as cross_sectional_rank
from .ranges import (
    garman_klass_volatility as garman_klass_volatility,
    parkinson_volatility as parkinson_volatility,
    yang_zhang_volatility as yang_zhang_volatility,
)
from .returns import horizon_returns as horizon_returns
from .scaling import FeatureScaler as FeatureScaler, fit_scaler as fit_scaler
from .schedule import scheduled_early_close as scheduled_early_close, session_of_month as session_of_month
from .settings import DEFAULT_GROUPS as DEFAULT_GROUPS, FeatureGroup as FeatureGroup, FeatureSettings as FeatureSettings
from .table import feature_table as feature_table
from .volatility import (
    downside_semivariance as downside_semivariance,
    realised_variance as realised_variance,
    realised_volatility as realised_volatility,
)
