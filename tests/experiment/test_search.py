"""A search reads nothing after the validation span, counts every trial, and goes on where it was ended."""

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from quantdl.config import load_config, with_values
from quantdl.errors import ConfigError, IntegrityError
from quantdl.experiment.search import SearchTable, SearchTrial, by_parzen_estimator, search
from quantdl.experiment.trials import ledger_of
from quantdl.training.settings import Choices, NumberRange, SearchSettings
from tests.small_experiment import six_stocks, small_config, write_prices

OPTUNA = importlib.util.find_spec("optuna") is not None
VALIDATION_END = pd.Timestamp("2016-06-30")
SEARCH = """search:
  trials: 3
  settings:
    training.learning_rate: {low: 1e-3, high: 1e-2, log: true}
    model.width: {choices: [8, 16]}
    model.heads: {low: 1, high: 8}

splits:
"""
TRIED = (
    {"training.learning_rate": 2e-3, "model.width": 8, "model.heads": 2},
    {"training.learning_rate": 5e-3, "model.width": 8, "model.heads": 8},  # do not go together
    {"training.learning_rate": 8e-3, "model.width": 16, "model.heads": 2},
)


def in_turn(_: SearchSettings, finished: Sequence[SearchTrial], __: int) -> Mapping[str, object]:
    return TRIED[len(finished) % len(TRIED)]


def without_paths(table: SearchTable) -> list[SearchTrial]:
    """The trials bit for bit, but for the folder of the config, which a problem names."""
    return [replace(trial, problem=trial.problem.rpartition("/")[2]) for trial in table.trials]


@pytest.fixture
def config(tmp_path):
    return config_in(tmp_path)


def config_in(folder, changes: Mapping[str, str] | None = None):
    """The small experiment with the search, each trial of one pass."""
    return load_config(small_config(folder, {"splits:\n": SEARCH, "  epochs: 2\n": "  epochs: 1\n", **(changes or {})}))


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A finished search: its config and its table."""
    config = config_in(tmp_path_factory.mktemp("searched"))
    return config, search(config, propose=in_turn)


def on_prices(folder, other_future: bool):
    """The same search on CSV files of six stocks; in the other future every price after the validation is noise."""
    write_prices(folder / "prices", six_stocks(VALIDATION_END if other_future else None))
    data = (
        "  kind: csv_folder\n  path: prices\n  source: a test\n  timezone: America/New_York\n  frequency: 1D\n"
        "  adjustment: total_return\n  calendar: XNYS\n  as_of: 2016-12-30\n  licence: for this test\n"
    )
    known = "  kind: sp500\n  start: 2010-01-04\n  assets: [AAPL, JPM, KO, PG, RRC, XOM]\n"
    return config_in(folder, {known: data})


@pytest.mark.slow
def test_the_search_is_judged_by_the_validation_years_alone(tmp_path):
    """Bit for bit the same losses, whatever prices follow the validation span."""
    tables = [search(on_prices(tmp_path / name, name == "other"), propose=in_turn) for name in ("one", "other")]
    assert without_paths(tables[0]) == without_paths(tables[1])
    losses = [trial.loss for trial in tables[0].trials]
    assert losses[0] != losses[2] and tables[0].best.loss == min(losses[0], losses[2])


def test_trials_are_numbered_seeded_and_counted_in_the_ledger(searched):
    config, table = searched
    assert [trial.number for trial in table.trials] == [0, 1, 2]
    assert [trial.seed for trial in table.trials] == [config.seed, config.seed + 1, config.seed + 2]
    assert [dict(trial.values) for trial in table.trials] == list(TRIED)
    ledger = ledger_of(config).read()
    assert len(ledger.distinct()) == 3
    assert all(record.figures is None and "validation span" in record.reason for record in ledger.records)
    looks = {(record.look.purpose, str(record.look.first), str(record.look.last)) for record in ledger.records}
    assert looks == {("search", "2016-01-01", "2016-06-30")}


def test_values_that_do_not_go_together_are_a_trial_without_a_loss(searched):
    trial = searched[1].trials[1]
    assert trial.loss is None
    assert "model.width" in trial.problem and "a multiple of twice the heads, which is 16" in trial.problem


@pytest.mark.slow
def test_a_search_that_was_ended_goes_on_and_finds_the_same(config, tmp_path):
    def ended(settings, finished, seed):
        if len(finished) == 1:
            raise KeyboardInterrupt
        return in_turn(settings, finished, seed)

    with pytest.raises(KeyboardInterrupt):
        search(config, propose=ended)
    asked = []
    resumed = search(config, propose=lambda *given: asked.append(len(given[1])) or in_turn(*given))
    assert asked == [1, 2]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    whole = search(config_in(elsewhere), propose=in_turn)
    assert without_paths(resumed) == without_paths(whole)
    assert search(config, propose=None if OPTUNA else ended) == resumed  # nothing is left to do


@pytest.mark.slow
def test_more_trials_go_on_from_those_that_were_made(config):
    first = search(config, propose=in_turn)
    more = with_values(config, {"search.trials": 4})
    assert search(more, propose=in_turn).trials[:3] == first.trials
    assert len(ledger_of(config).read().records) == 4


@pytest.mark.slow
def test_a_line_cut_short_is_written_anew_and_a_changed_one_refused(config):
    whole = search(config, propose=in_turn)
    (path,) = (config.runs_root / "searches").glob("*.jsonl")
    lines = path.read_bytes()
    path.write_bytes(lines[:-20])
    assert search(config, propose=in_turn) == whole
    assert path.read_bytes() == lines
    path.write_bytes(lines.replace(b'"number": 1', b'"number": 7'))
    with pytest.raises(IntegrityError, match=r"jsonl:2: not the line that was written"):
        search(config, propose=in_turn)


def test_a_config_without_a_search_is_told_what_to_write(tmp_path):
    with pytest.raises(ConfigError, match=r"search: nothing to search\. .*training\.learning_rate"):
        search(load_config(small_config(tmp_path)), propose=in_turn)


@pytest.mark.skipif(OPTUNA, reason="optuna is installed")
def test_without_optuna_the_fix_is_named(config):
    with pytest.raises(ConfigError, match=r"pip install 'quantdl\[search\]'"):
        search(config)


RANGES = SearchSettings(
    {"a": NumberRange(1e-4, 1e-1, log=True), "b": NumberRange(1, 4), "c": Choices(("x", "y"))}, trials=20
)


@pytest.mark.skipif(not OPTUNA, reason="optuna is not installed: pip install 'quantdl[search]'")
def test_proposals_lie_in_their_ranges_and_repeat_with_the_same_seed():
    finished: list[SearchTrial] = []
    for number in range(15):
        values = by_parzen_estimator(RANGES, finished, number)
        assert values == by_parzen_estimator(RANGES, finished, number)
        assert 1e-4 <= values["a"] <= 1e-1 and values["b"] in (1, 2, 3, 4) and values["c"] in ("x", "y")
        finished.append(SearchTrial(number, number, values, None if number == 3 else float(values["b"]), 1))
    assert len({trial.values["a"] for trial in finished}) == 15


@pytest.mark.skipif(not OPTUNA, reason="optuna is not installed: pip install 'quantdl[search]'")
def test_later_proposals_are_drawn_to_what_scored_well():
    """Of a thousandth to a tenth, 0.003 is best; the second half of the trials is nearer to it than the first."""
    finished: list[SearchTrial] = []
    for number in range(40):
        values = by_parzen_estimator(RANGES, finished, number)
        distance = abs(np.log(float(values["a"]) / 0.003)) + (values["c"] == "y")
        finished.append(SearchTrial(number, number, values, float(distance), 1))
    losses = [trial.loss for trial in finished]
    assert np.mean(losses[20:]) < 0.6 * np.mean(losses[:10])


def test_a_damaged_ledger_ends_a_search_before_the_data_are_read(config):
    config.runs_root.mkdir(parents=True)
    ledger_of(config).path.write_text('{"not": "a trial"}\n')
    stages = []
    with pytest.raises(IntegrityError, match=r"ledger\.jsonl:1"):
        search(config, lambda what, *_: stages.append(what), propose=in_turn)
    assert stages == []
