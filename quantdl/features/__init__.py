"""What a model may know at the close of a bar, computed from that bar and earlier ones only.

All columns are free of the scale of returns: volatilities enter as logarithms of ratios, returns as multiples of a
trailing volatility. The volatility itself travels apart, as ``scale``, and a model's law is stated in multiples of it.
So a model sees the same numbers for returns in decimals or in percent, and serves an asset that it was never fitted on.

The quantities behind the columns are functions of their own, in the units that practitioners use: a volatility is per
bar, a drawdown a negative return from the peak, an Amihud ratio one over money.

Every value is a recursion or a sum over the past in a fixed order, so it is the same bit for bit whatever follows it.
"""

from quantdl.features.columns import DEFAULT_GROUPS, Feature, FeatureGroup, FeatureTable
from quantdl.features.decay import decayed_mean
from quantdl.features.drawdown import bars_since_peak, drawdown
from quantdl.features.liquidity import amihud_illiquidity, relative_volume
from quantdl.features.ranges import garman_klass_volatility, parkinson_volatility, yang_zhang_volatility
from quantdl.features.ranks import cross_sectional_rank
from quantdl.features.returns import horizon_returns
from quantdl.features.scaling import FeatureScaler, fit_scaler
from quantdl.features.schedule import scheduled_early_close, session_of_month
from quantdl.features.table import feature_table
from quantdl.features.volatility import downside_semivariance, realised_variance, realised_volatility

__all__ = [
    "DEFAULT_GROUPS",
    "Feature",
    "FeatureGroup",
    "FeatureScaler",
    "FeatureTable",
    "amihud_illiquidity",
    "bars_since_peak",
    "cross_sectional_rank",
    "decayed_mean",
    "downside_semivariance",
    "drawdown",
    "feature_table",
    "fit_scaler",
    "garman_klass_volatility",
    "horizon_returns",
    "parkinson_volatility",
    "realised_variance",
    "realised_volatility",
    "relative_volume",
    "scheduled_early_close",
    "session_of_month",
    "yang_zhang_volatility",
]
