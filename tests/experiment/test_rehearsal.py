"""The strategy asked before its model is fitted: what is refused then, and that a run that goes on is the same run."""

import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from quantdl.config import load_config
from quantdl.errors import RunError
from quantdl.experiment import pipeline, run_backtest_only
from quantdl.experiment.preparation import load_data
from quantdl.experiment.rehearsal import rehearse
from quantdl.market.status import CellStatus
from quantdl.runs.ledger import LEDGER
from tests.small_experiment import small_config

WITH_MODEL = "  kind: transformer\n  horizon: 5\n  width: 8\n  heads: 2\n  layers: 1\n  context: 32\n"
QUICK = {WITH_MODEL: "  kind: ewma_t\n  horizon: 5\n"}
BREAKS_A_CAP = "weights[0] = 0.5"
HEAD = "import numpy as np\nfrom quantdl.backtest import Decision\n\nclass Strategy:\n    def decide(self, view):\n"
ENDS = "        return Decision(weights, 'rebalance')\n"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return load_data(load_config(small_config(tmp_path_factory.mktemp("data"))), keep_ingest=False)


@pytest.fixture
def config_of(tmp_path):
    """Returns the small experiment with a strategy whose lines are given."""

    def config(*lines, model=True, changes=None):
        body = "".join(f"        {line}\n" for line in ("weights = np.zeros(len(view.assets))", *lines))
        (tmp_path / "own.py").write_text(HEAD + body + ENDS)
        path = small_config(tmp_path, {**(QUICK if model else {}), **(changes or {})})
        text = path.read_text()
        start = text.index("  file: /")
        end = text.index("plan:")
        path.write_text(text[:start] + "  file: own.py\n" + text[end:])
        return load_config(path)

    return config


def asked(config, data):
    rehearse(config, data, pipeline.configured_bars(config, data.panel))


def test_a_broken_cap_is_named_before_anything_is_fitted_and_counts_no_trial(config_of, monkeypatch):
    config = config_of(BREAKS_A_CAP)
    monkeypatch.setattr(pipeline, "fit_model", lambda *_: pytest.fail("a model was fitted"))
    with pytest.raises(RunError) as refused:
        run_backtest_only(config)
    said = str(refused.value)
    assert said.startswith("2016-07-01: weight 0.5 of AAPL breaks sizing.max_weight = 0.3 (rule 'rebalance')")
    assert "within_limits(weights, view.limits)" in said and "nothing was fitted, and no trial counts" in said
    assert refused.value.exit_code == 6
    assert not (config.runs_root / LEDGER).exists()


@pytest.mark.parametrize(
    "line, expected",
    [
        ("weights = np.zeros(3)", r"shape \(3,\)"),
        ("weights[view.assets.index('NOPE')] = 0.1", r"own.py:\d+: the strategy failed on 2016-07-01: ValueError"),
        ("weights = -view.draws[0] * 0 - 0.1", "long-only"),
        ("view.field('volume')", "trusts only"),
    ],
)
def test_what_no_forecast_would_mend_is_refused(config_of, data, line, expected):
    with pytest.raises(RunError, match=expected):
        asked(config_of(line), data)


@pytest.mark.parametrize(
    "lines",
    [
        ("weights[0] = 0.2",),
        ("weights[0] = 0.5 if view.draws.mean() > 0 else 0.2",),  # legal where the forecast is another one
        ("weights[0] = 0.5 if view.draws.std() > 0.03 else 0.2",),
        ("weights[0] = 0.5 if str(view.session)[:10] == '2016-06-30' else 0.2",),  # a day that no run asks it on
        ("weights[0] = 0.5 - 0.1 * np.tanh(view.draws.mean()) if str(view.session)[:10] > '2016-06-30' else 0.2",),
        ("assert str(view.session)[:10] < '2016-07-01' or view.draws.max() > 9.0",),  # of that day it may be right
        ("return None",),
        ("weights[0] = 0.095 / np.corrcoef(view.draws.T)[np.triu_indices(len(weights), 1)].mean()",),
        ("own = 1.0 / view.draws.std(axis=0)", "weights[4] = 0.5 * own[0] / own[4]"),  # by what is calmer than what
        ("weights[0] = {'2016-07-01': 0.2}[str(view.session)[:10]]",),  # knows of the test span alone
    ],
)
def test_what_may_be_legal_in_the_run_is_not_refused(config_of, data, lines):
    asked(config_of(*lines), data)


def test_a_cap_that_is_broken_at_the_first_close_of_the_run_alone_is_named_before_training(config_of, data):
    """As a rule that holds few assets in a falling market does: weights follow the day, and no forecast."""
    line = "weights[0] = 0.5 if str(view.session)[:10] == '2016-07-01' else 0.2"
    with pytest.raises(RunError, match=r"^2016-07-01: weight 0\.5 of AAPL breaks sizing\.max_weight = 0\.3"):
        asked(config_of(line), data)


def test_a_strategy_that_takes_a_forecast_of_each_listed_asset_gets_one_for_an_asset_with_a_short_past(config_of, data):
    panel = data.panel
    young = np.searchsorted(panel.sessions, np.datetime64("2015-01-02"))
    closes = {name: values.copy() for name, values in panel.fields.items()}
    status = panel.status.copy()
    status[:young, 0] = CellStatus.UNLISTED
    for values in closes.values():
        values[:young, 0] = np.nan
    late = replace(data, panel=replace(panel, fields=closes, status=status))
    asked(config_of("weights[:] = 0.1 / (1.0 + np.exp(view.draws).mean(axis=0))"), late)


def test_a_limit_on_predicted_losses_is_left_to_the_forecasts(config_of, data):
    limit = {
        "    max_weight: 0.3\n": "    max_weight: 0.3\n    max_predicted_loss_per_trade: {level: 0.95, limit: 0.0001}\n"
    }
    asked(config_of("weights[0] = 0.2", changes=limit), data)


def test_a_config_without_a_model_is_not_asked(config_of, data):
    config = config_of(BREAKS_A_CAP).model_copy(update={"model": None})
    asked(config, data)


DRAWN = "import random, torch; part = np.random.rand() + random.random() + torch.rand(()).item()"


def test_the_random_generators_of_the_process_stand_where_they_stood(config_of, data):
    def states():
        return str(random.getstate()), str(np.random.get_state()), torch.get_rng_state().tolist()

    before = states()
    asked(config_of(DRAWN, "weights[0] = 0.1 * part"), data)
    assert states() == before


@pytest.mark.slow
def test_asking_before_changes_no_decision_of_a_strategy_that_draws_at_random(config_of, data, monkeypatch):
    counted = "self.asked = getattr(self, 'asked', 0) + 1; weights[0] = 0.05 * part + 0.001 * min(self.asked, 9)"
    config = config_of("if not view.rebalance_due: return None", DRAWN, counted)

    def weights():
        np.random.seed(3)
        random.seed(3)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            return [one.weights for one in pipeline.carry_out(config).result.decisions]

    with_rehearsal = weights()
    monkeypatch.setattr(pipeline, "rehearse", lambda *_: None)
    without = weights()
    assert len(without) > 20 and len({float(one[0]) for one in without}) > 20
    np.testing.assert_array_equal(with_rehearsal, without)
