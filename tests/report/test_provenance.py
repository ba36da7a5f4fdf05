"""Where the run comes from: its config as written and as resolved, its trials, its environment."""

import dataclasses
import json

from quantdl.report import provenance
from quantdl.runs.selection import Selection
from tests.recorded_run import CONFIG_TEXT
from tests.report.sections import by_label, table

NOT_SHOWN = {"undefined": "its reasons stand in the cells of the figures"}


def test_the_sharpe_ratio_of_the_ledger_is_named_per_bar(run):
    found = by_label(table(provenance.selection_section(run), "Selection"))
    assert found["Sharpe ratio per bar"] == ["0.0421"]
    reason = "needs at least 10 trials, there are 14, of which 9 have returns over these bars at hand"
    assert found["Probability of backtest overfitting"] == [f"undefined: {reason}"]


def test_every_figure_of_the_selection_has_its_row():
    shown = [quantity.field for quantity in provenance.SELECTION]
    assert len(shown) == len(set(shown))
    assert set(shown) == {field.name for field in dataclasses.fields(Selection)} - set(NOT_SHOWN)


def test_probabilities_and_variances_keep_their_decimals(run):
    selection = Selection(
        n_records=1_204,
        n_trials_on_data=40,
        n_trials=37,
        n_with_returns=36,
        effective_trials=12.345,
        sharpe=-0.04217,
        n_observations=1_006,
        sharpe_variance=0.00031416,
        expected_maximum_sharpe=0.1,
        probabilistic_sharpe=0.9127,
        deflated_sharpe=0.0004,
        deflated_sharpe_raw=0.0003,
        deflated_sharpe_on_data=0.0002,
        minimum_track_record=1_535,
        overfitting_probability=0.25,
        undefined={},
    )
    changed = dataclasses.replace(run, selection=selection)
    assert by_label(table(provenance.selection_section(changed), "Selection")) == {
        "Runs and searched fits recorded on this data": ["1,204"],
        "Distinct trials on this data, of any hypothesis": ["40"],
        "Distinct trials of this hypothesis on this data": ["37"],
        "Of those, with returns over the same bars at hand": ["36"],
        "Effective number of trials of this hypothesis, by the correlation of returns": ["12.35"],
        "Sharpe ratio per bar": ["\u22120.0422"],
        "Returns it is of": ["1,006"],
        "Returns needed for it to be above zero with 95% confidence": ["1,535"],
        "Probabilistic Sharpe ratio, a probability": ["0.913"],
        "Deflated Sharpe ratio, effective number of trials, a probability": ["0.000"],
        "The same, number of trials of this hypothesis": ["0.000"],
        "The same, all trials on this data": ["0.000"],
        "Best Sharpe ratio per bar expected from luck": ["0.1000"],
        "Probability of backtest overfitting": ["0.250"],
        "Variance of the Sharpe ratios per bar of the trials of this hypothesis": ["0.0003142"],
    }


def test_the_config_stands_as_written_and_as_resolved(run, files):
    written, resolved = provenance.config_section(run).parts
    assert written.text == CONFIG_TEXT
    assert json.loads(resolved.text) == files.records["config.json"]
    assert written.open and not resolved.open


def test_configs_that_extend_each_other_stand_under_their_names(run):
    changed = dataclasses.replace(run, written={"written/1_base.yaml": "seed: 7\n", "written/2_own.yaml": "seed: 8\n"})
    text = provenance.config_section(changed).parts[0].text
    assert text == "# written/1_base.yaml\nseed: 7\n\n# written/2_own.yaml\nseed: 8\n"


def test_the_environment_names_the_run_the_machine_and_every_package(run):
    changed = dataclasses.replace(
        run,
        environment=dataclasses.replace(
            run.environment,
            python="3.99.9",
            cores=64,
            thread_variables={"OMP_NUM_THREADS": "4", "MKL_NUM_THREADS": None},
            packages={"torch": "9.9", "Zlib": "1.0", "abc": "2.0", "numpy": "8.8"},
        ),
    )
    facts, central, every = provenance.environment_section(changed).parts
    known = dict(facts.pairs)
    assert known["Run"] == run.run_id
    assert (known["Python"], known["Cores"]) == ("3.99.9", "64")
    assert known["Thread variables, OMP_NUM_THREADS"] == "4"
    assert known["Thread variables, MKL_NUM_THREADS"] == "not set"
    assert by_label(central) == {"torch": ["9.9"], "numpy": ["8.8"]}
    assert (every.title, every.text) == ("All 4 packages", "abc==2.0\nnumpy==8.8\ntorch==9.9\nZlib==1.0")
