"""What is predicted for a book, where the easy cases end."""

from dataclasses import replace

import pytest

from quantdl.config import load_config
from quantdl.errors import PlanError
from quantdl.experiment.figures import yardstick
from quantdl.experiment.pipeline import _with_start
from quantdl.risk.metrics import performance


def test_the_curve_of_a_ruined_book_ends_with_its_ruin(small_outcome):
    result = small_outcome.result
    equity = result.equity.copy()
    equity.iloc[40:, equity.columns.get_loc("equity")] = -5_000.0
    curve = _with_start(replace(result, equity=equity), small_outcome.data.panel.sessions)
    assert len(curve) == 42  # the money before, forty sessions, the ruin
    assert performance(curve, 252.0).total_return == pytest.approx(-1.0, abs=1e-6)


def test_cash_does_not_win_on_losses(small_outcome):
    baseline = small_outcome.equal_weight
    curve = _with_start(small_outcome.baseline, small_outcome.data.panel.sessions)
    tenth = performance(curve.iloc[0] * (0.9 + 0.1 * curve / curve.iloc[0]), baseline.bars_per_year)
    compared = yardstick("expected_shortfall", tenth, baseline, exposure=0.1)
    assert compared.strategy == pytest.approx(compared.equal_weight, rel=0.05)
    assert compared.strategy < 0.2 * baseline.expected_shortfall_95


def test_a_level_beyond_the_draws_is_refused_with_its_line(tmp_path, write_small):
    condition = "    - {kind: stale_data, bars: 5}\n"
    beyond = condition + "    - {kind: calibration, level: 0.9999, false_halt_probability: 0.05}\n"
    with pytest.raises(PlanError, match=r"plan\.invalidation\[3\]\.level: given 0\.9999; expected at most 0\.9995"):
        load_config(write_small(tmp_path, {condition: beyond}))
