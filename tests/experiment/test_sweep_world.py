"""What a sweep is played on ends with its span, and a model is fitted on what lies before it."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from quantdl.calendars import trading_calendar
from quantdl.config import load_config
from quantdl.errors import ConfigError, PlanError
from quantdl.experiment.parameter_sweep import sweep_grid
from quantdl.experiment.sweep_world import config_of_the_span, open_world
from quantdl.market.sources import load_sp500
from tests.small_experiment import six_stocks, small_config, write_prices
from tests.small_sweep import SWEEP, sweep_config

CONFIGS = Path(__file__).parents[2] / "configs"
KNOWN = "  kind: sp500\n  start: 2010-01-04\n  assets: [AAPL, JPM, KO, PG, RRC, XOM]\n"
SP500 = "sha256:772232bf12fba92c4a3b7218dbaf22a76c8dc9d1036241ef176c65d8194c180e"
VALIDATION_END = pd.Timestamp("2016-06-30")


def on_prices(folder, other_future: bool):
    """The small sweep on CSV files; in the other future every price after the validation span is noise."""
    write_prices(folder / "prices", six_stocks(VALIDATION_END if other_future else None))
    groups = "groups: {kind: named, members: {left: [AAPL, JPM, KO], right: [PG, RRC, XOM]}}"
    return load_config(sweep_config(folder, {KNOWN: CSV, "groups: {kind: sector}": groups}))


CSV = (
    "  kind: csv_folder\n  path: prices\n  source: skfolio, load_sp500_dataset\n  timezone: America/New_York\n"
    "  frequency: 1D\n  adjustment: total_return\n  calendar: XNYS\n  as_of: 2016-12-30\n  licence: for this test\n"
)


def test_no_set_reads_a_price_after_the_validation_span(tmp_path):
    """The book and its terms are the same bit for bit, whatever prices follow; and nothing follows."""
    tapes = []
    for name in ("one", "other"):
        config = on_prices(tmp_path / name, name == "other")
        with pytest.raises(
            PlanError, match=r"plays on 2016-01-04 to 2016-06-30, and the plan does not suit it"
        ) as told:
            open_world(config)  # the fingerprint of these files is none that the plan trusts
        (fingerprint,) = {*re.findall(r"sha256:[0-9a-f]{64}", str(told.value))} - {SP500}
        path = config.source.path
        path.write_text(path.read_text().replace(SP500, fingerprint))
        world = open_world(load_config(path))
        assert world.data.panel.sessions[-1] == world.played[-1] == VALIDATION_END
        tapes.append(world.job.tape)
    for name, values in tapes[0].causal_arrays().items():
        np.testing.assert_array_equal(values, tapes[1].causal_arrays()[name])


def test_the_spans_move_back_by_the_validation_span(tmp_path):
    config, sessions = load_config(sweep_config(tmp_path)), load_sp500().sessions
    moved = config_of_the_span(config, sessions)
    validation = sessions[(sessions > "2015-12-31") & (sessions <= "2016-06-30")]
    before = sessions[sessions <= "2015-12-31"]
    assert moved.splits.test_start == validation[0].date() and moved.splits.test_end == validation[-1].date()
    assert moved.splits.validation_end == before[-1].date()
    assert moved.splits.train_end == before[-1 - len(validation)].date()
    assert (moved.plan.sample.first, moved.plan.sample.last) == (moved.splits.test_start, moved.splits.test_end)
    assert moved.plan.abnormal_volatility.stress_windows == ()  # none touches the span


def test_the_least_evidence_of_a_sweep_on_hours_is_counted_in_sessions(tmp_path):
    """63 sessions from October to December 2022; the plan asks for 200, and the span has more bars than that."""
    (tmp_path / "hours.yaml").write_text(
        f"extends: {CONFIGS}/hourly.yaml\nsweep: {{parameters: {{fast: [7, 14]}}}}\noutput: {{root: {tmp_path}}}\n"
    )
    world = open_world(load_config(tmp_path / "hours.yaml"), keep_ingest=False)
    days = trading_calendar("XNYS").sessions("2022-10-01", "2022-12-30")
    assert world.config.plan.sample.minimum_sessions == len(days) == 63
    assert len(world.played) > 200


def test_the_plan_asks_for_no_more_sessions_than_the_span_has_where_a_session_has_seven_bars(tmp_path):
    config, days = load_config(sweep_config(tmp_path)), load_sp500().sessions
    of_validation = days[(days > "2015-12-31") & (days <= "2016-06-30")]
    sample = replace(config.plan.sample, minimum_sessions=len(of_validation) + 1)
    config = config.model_copy(update={"plan": replace(config.plan, sample=sample)})
    moved = config_of_the_span(config, days.repeat(7))
    assert moved.plan.sample.minimum_sessions == len(of_validation)


def test_on_the_test_span_the_config_is_played_as_it_is(tmp_path):
    config = load_config(sweep_config(tmp_path, sweep=SWEEP.replace("]}}", "]}, span: test}")))
    assert config_of_the_span(config, load_sp500().sessions) is config


def test_a_model_needs_a_span_before_the_validation_span(tmp_path):
    late = {"splits:\n": MODEL_SWEEP, "train_end: 2015-12-31": "train_end: 2010-03-01"}
    config = load_config(small_config(tmp_path, late))
    sessions = load_sp500().sessions
    with pytest.raises(ConfigError, match=r"sweep\.span: given validation, but .* nothing is left to train on"):
        config_of_the_span(config, sessions[sessions >= "2010-01-04"])


MODEL_SWEEP = "sweep: {parameters: {turnover_penalty: [0.0, 0.5]}}\n\nsplits:\n"


@pytest.mark.slow
def test_all_sets_play_on_the_forecasts_of_one_fit(tmp_path, monkeypatch):
    """The model has seen nothing from the first session played on, and each session is drawn once for all sets."""
    from quantdl.risk.book.predicted import ModelPredictions

    asked = []
    draws = ModelPredictions.position_draws
    monkeypatch.setattr(
        ModelPredictions, "position_draws", lambda self, session: asked.append(session) or draws(self, session)
    )
    config = load_config(small_config(tmp_path, {"splits:\n": MODEL_SWEEP}))
    told = []
    table = sweep_grid(config, lambda stage, done, total: told.append(stage))
    assert [row.state for row in table.rows] == ["played", "played"], table
    assert table.rows[0].total_return != table.rows[1].total_return
    assert len(asked) == len(set(asked)) > 10
    assert min(asked) >= pd.Timestamp("2015-12-31")
