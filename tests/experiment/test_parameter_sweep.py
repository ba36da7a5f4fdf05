"""Each set of a sweep is the backtest that a run over the span is, and a trial in the ledger."""

from dataclasses import replace

import numpy as np
import pytest

from quantdl.config import load_config, with_values
from quantdl.errors import ConfigError, RunError
from quantdl.experiment import parameter_sweep, run_backtest_only
from quantdl.experiment.parameter_sweep import in_this_process, sweep_grid
from quantdl.experiment.trials import ledger_of
from quantdl.runs.returns import stored_returns
from quantdl.runs.selection import selection_report
from tests.small_experiment import ROOT
from tests.small_sweep import SWEEP, sweep_config

MOMENTUM = (ROOT / "strategies" / "momentum.py").read_text()
ON_VALIDATION = {  # what a run over the validation span would state
    "train_end: 2015-12-31": "train_end: 2015-07-06",
    "validation_end: 2016-06-30": "validation_end: 2015-12-31",
    "test_start: 2016-07-01": "test_start: 2016-01-04",
    "test_end: 2016-12-30": "test_end: 2016-06-30",
    "first: 2016-07-01": "first: 2016-01-04",
    "last: 2016-12-30": "last: 2016-06-30",
    "      - {name: election, first: 2016-11-01, last: 2016-11-30}\n": "",
    "stress_windows:\n": "stress_windows: []\n",
}


def with_strategy(folder, old: str, new: str):
    """The sweep of momentum with something else in its file."""
    assert old in MOMENTUM
    folder.mkdir(exist_ok=True)
    (folder / "own.py").write_text(MOMENTUM.replace(old, new))
    return load_config(sweep_config(folder, {f"file: {ROOT}/strategies/momentum.py": "file: own.py"}))


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    config = load_config(sweep_config(tmp_path_factory.mktemp("swept")))
    return config, sweep_grid(config)


def test_a_set_is_what_a_run_over_the_validation_span_is(swept, tmp_path):
    """The same figures and the same trial, though the one was played as a table and the other asked at each close."""
    _, table = swept
    path = sweep_config(tmp_path, ON_VALIDATION)
    for row in table.rows[1:4:2]:
        config = with_values(
            load_config(path), {f"strategy.parameters.{name}": row.values[name] for name in row.values}
        )
        run = run_backtest_only(config)
        assert row.sharpe_per_bar == pytest.approx(run.strategy.sharpe_per_bar, rel=1e-9)
        assert row.total_return == pytest.approx(run.strategy.total_return, rel=1e-9)
        assert row.max_drawdown == pytest.approx(run.strategy.max_drawdown, rel=1e-9)
        assert table.equal_weight_sharpe == run.equal_weight.sharpe
        assert row.trial == ledger_of(config).read().records[-1].trial


def test_a_set_that_the_strategy_refuses_is_told_and_not_counted(swept):
    config, table = swept
    (refused,) = [row for row in table.rows if row.state == "refused"]
    assert refused.values == {"lookback": 60, "skip": 100} and refused.trial == ""
    assert "skip must be at least 0 and below lookback (60), got 100" in refused.problem
    assert len(ledger_of(config).read().records) == len(table.rows) - 1 == 8


def test_every_set_stands_in_the_ledger_with_its_returns(swept):
    config, table = swept
    ledger = ledger_of(config)
    records = {record.trial: record for record in ledger.read().records}
    for row in table.rows:
        if row.state != "played":
            continue
        record = records[row.trial]
        _, returns = stored_returns(ledger, record.returns.sha256)
        own = returns[:, record.returns.column]
        assert own.mean() / own.std(ddof=1) == pytest.approx(row.sharpe_per_bar, rel=1e-12)
        assert np.prod(1.0 + own) - 1.0 == pytest.approx(row.total_return, rel=1e-12)
        assert (str(record.look.first), str(record.look.last)) == ("2016-01-04", "2016-06-30")
        assert record.run == "sweep" and record.figures.n_observations == len(own)


def test_the_best_set_is_judged_among_all_of_them(swept):
    config, table = swept
    assert table.best.sharpe_per_bar == max(row.sharpe_per_bar for row in table.rows if row.state == "played")
    found = table.selection
    assert (found.n_trials, found.n_with_returns) == (8, 8)
    assert 1.0 <= found.effective_trials < 8.0
    assert found.deflated_sharpe_raw < found.deflated_sharpe < found.probabilistic_sharpe
    records = ledger_of(config).read().records
    own = next(record for record in records if record.trial == table.best.trial)
    assert selection_report(records, own).deflated_sharpe_raw == found.deflated_sharpe_raw


def test_no_set_reads_a_price_after_the_validation_span(swept, tmp_path):
    """A strategy that writes down what it was shown last, in its table and when it is asked."""
    tell = (
        "        with (__import__('pathlib').Path(__file__).parent / 'seen').open('a') as seen:\n"
        "            seen.write(f'{history.sessions[-1]:%Y-%m-%d}\\n')\n"
    )
    head = "        closes, rows, table = history.continuous_closes, [], []\n"
    config = with_strategy(tmp_path / "one", head, head + tell)
    sweep_grid(config)
    assert {*(tmp_path / "one" / "seen").read_text().split()} == {"2016-06-30"}


def test_a_table_and_asking_give_the_same_sweep(swept, tmp_path):
    _, table = swept
    asked = sweep_grid(with_strategy(tmp_path / "asked", "def targets", "def other"))
    assert [row.state for row in asked.rows] == [row.state for row in table.rows]
    for one, other in zip(asked.rows, table.rows, strict=True):
        assert (one.fills, one.halted_on) == (other.fills, other.halted_on)
        for name in ("sharpe_per_bar", "total_return", "max_drawdown", "turnover", "costs") if one.fills else ():
            assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-9), name


def test_a_table_that_looks_ahead_ends_the_sweep(tmp_path):
    """Its ranks are of the return that is still to come; `decide` cannot see it."""
    config = with_strategy(
        tmp_path / "ahead",
        "closes[t - self.skip] / closes[t - self.lookback]",
        "closes[min(t + 20, len(closes) - 1)] / closes[t]",
    )
    with pytest.raises(RunError, match=r"`targets` and the answers of `decide` are apart from 2016-01-\d\d on"):
        sweep_grid(config)
    assert not ledger_of(config).path.exists()


@pytest.mark.parametrize("skip", [0, 21])  # the first set of the grid, and a later one
def test_a_set_that_fails_is_a_row_with_its_message_and_a_trial_without_figures(tmp_path, skip):
    broken = f"        if self.skip == {skip}:\n            raise KeyError('x')\n        closes, rows, table"
    config = with_strategy(tmp_path / "failing", "        closes, rows, table", broken)
    table = sweep_grid(config)
    failed = [row for row in table.rows if row.state == "failed"]
    assert len(failed) == 3 and all("`targets` failed: KeyError: 'x'" in row.problem for row in failed)
    assert all("own.py:" in row.problem for row in failed)
    without = [record for record in ledger_of(config).read().records if record.figures is None]
    assert {record.trial for record in without} == {row.trial for row in failed}
    assert table.selection.n_trials == 8


def test_a_sweep_that_was_ended_keeps_its_blocks_and_counts_no_set_twice(swept, tmp_path, monkeypatch):
    monkeypatch.setattr(parameter_sweep, "BLOCK", 3)
    config = load_config(sweep_config(tmp_path))

    def ended(*given):
        for number, played in enumerate(in_this_process(*given)):
            if number == 5:
                raise KeyboardInterrupt
            yield played

    with pytest.raises(KeyboardInterrupt):
        sweep_grid(config, outcomes=ended)
    assert len(ledger_of(config).read().records) == 2  # of five, those of the whole block, one of which was refused
    again = sweep_grid(config)
    ledger = ledger_of(config).read()
    assert (len(ledger.records), len(ledger.distinct())) == (2 + 8, 8)
    whole = replace(swept[1].selection, n_records=10)
    assert again.selection == whole and again.best == swept[1].best


def test_the_ledger_keeps_the_order_of_the_grid_in_whatever_order_sets_end(swept, tmp_path):
    config = load_config(sweep_config(tmp_path))
    table = sweep_grid(config, outcomes=lambda *given: reversed(list(in_this_process(*given))))
    assert table == swept[1]
    order = [record.trial for record in ledger_of(config).read().records]
    assert order == [row.trial for row in table.rows if row.trial]


def test_a_sweep_on_the_test_span_says_so_and_is_the_trial_that_a_run_is(tmp_path):
    config = load_config(sweep_config(tmp_path, sweep=SWEEP.replace("]}}", "]}, span: test}")))
    table = sweep_grid(config)
    assert (table.span, str(table.first), str(table.last)) == ("test", "2016-07-01", "2016-12-30")
    row = table.rows[4]
    run_backtest_only(with_values(config, {f"strategy.parameters.{name}": row.values[name] for name in row.values}))
    ledger = ledger_of(config).read()
    assert (len(ledger.records), len(ledger.distinct())) == (9, 8)


def test_a_config_without_a_sweep_is_told_what_to_write(tmp_path):
    with pytest.raises(ConfigError, match=r"sweep: nothing to sweep\. .*parameters: \{fast: \[5, 10, 20\]\}"):
        sweep_grid(load_config(sweep_config(tmp_path, sweep="splits:\n")))


def test_a_grid_of_which_every_set_is_refused_is_refused(tmp_path):
    config = load_config(sweep_config(tmp_path, sweep="sweep: {parameters: {lookback: [5, 10]}}\n\nsplits:\n"))
    with pytest.raises(ConfigError, match=r"every set is refused; the first: .*skip must be at least 0"):
        sweep_grid(config)
