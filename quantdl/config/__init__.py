"""YAML in, typed and frozen objects out; every error of a config at once, each with its line."""

from quantdl.config.loading import load_config, plan_refusal, standalone_yaml, with_values
from quantdl.config.schema import ExperimentConfig
from quantdl.config.strategy_file import ParameterSet, configured_strategy, load_strategy, swept_strategies

__all__ = [
    "ExperimentConfig",
    "ParameterSet",
    "configured_strategy",
    "load_config",
    "load_strategy",
    "plan_refusal",
    "standalone_yaml",
    "swept_strategies",
    "with_values",
]
