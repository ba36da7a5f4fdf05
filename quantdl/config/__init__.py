"""YAML in, typed and frozen objects out; every error of a config at once, each with its line."""

from quantdl.config.forecast_schema import ForecastConfig
from quantdl.config.loading import (
    load_config,
    load_prices_config,
    load_risk_config,
    plan_refusal,
    standalone_yaml,
    with_values,
)
from quantdl.config.risk_schema import RiskConfig
from quantdl.config.schema import ExperimentConfig
from quantdl.config.strategy_file import ParameterSet, configured_strategy, load_strategy, swept_strategies

__all__ = [
    "ExperimentConfig",
    "ForecastConfig",
    "ParameterSet",
    "RiskConfig",
    "configured_strategy",
    "load_config",
    "load_prices_config",
    "load_risk_config",
    "load_strategy",
    "plan_refusal",
    "standalone_yaml",
    "swept_strategies",
    "with_values",
]
