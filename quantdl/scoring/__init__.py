"""How good predictive laws are: scores of a law, of its tail, in ticks, and tests of one model against others.

Every score is a loss: smaller is better.
"""

from quantdl.scoring.comparisons import (
    ScoreDifference,
    clustered_difference,
    combined_p_value,
    diebold_mariano,
    model_confidence_set,
    offset_sets,
)
from quantdl.scoring.laws import (
    coverage,
    crps,
    crps_sample,
    energy_score,
    joint_log_score,
    log_score,
    mean_score,
    pit,
    scored_cells,
)
from quantdl.scoring.tail_scores import (
    confidence,
    fz0,
    marginal_expected_shortfall,
    marginal_fz0,
    marginal_value_at_risk,
)
from quantdl.scoring.ticks import find_tick, interval_log_score, tick_bounds

__all__ = [
    "ScoreDifference",
    "clustered_difference",
    "combined_p_value",
    "confidence",
    "coverage",
    "crps",
    "crps_sample",
    "diebold_mariano",
    "energy_score",
    "find_tick",
    "fz0",
    "interval_log_score",
    "joint_log_score",
    "log_score",
    "marginal_expected_shortfall",
    "marginal_fz0",
    "marginal_value_at_risk",
    "mean_score",
    "model_confidence_set",
    "offset_sets",
    "pit",
    "scored_cells",
    "tick_bounds",
]
