"""The state of a config's training is taken up by the same config and data only, and goes when the run is finished."""

import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from quantdl.config import load_config, with_values
from quantdl.experiment.models import fit_model
from quantdl.experiment.unfinished import keeping_unfinished, unfinished_fit
from quantdl.features import feature_table
from quantdl.market.sources import load_sp500
from quantdl.models.settings import EnsembleSettings, TransformerSettings
from quantdl.models.transformer import TransformerForecaster
from quantdl.sequences import NEXT_SESSION, build_histories
from quantdl.simulation import panel_of_closes
from quantdl.training.execution import Capabilities, execution_on
from quantdl.training.splits import FitSpans, SplitBars, refit_bars
from tests.panels import ragged_closes

SPANS = FitSpans(range(30, 100), range(99, 130))
NETWORK = TransformerSettings(5, width=8, heads=2, layers=1)
BARS = SplitBars(FitSpans(range(0, 500), range(499, 600)), range(599, 620))


@pytest.fixture
def config(tmp_path, write_small):
    return load_config(write_small(tmp_path, {"output: {root: runs}": "output: {root: runs, state_seconds: 0.0}"}))


@pytest.fixture(scope="module")
def closes():
    return ragged_closes(140, 3, seed=2)


def path_of(config, closes, seed=0, spans=SPANS, network=NETWORK, groups=None):
    histories = build_histories(panel_of_closes(closes), [NEXT_SESSION], groups=groups)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = TransformerForecaster(histories.n_features, 1, network)
    execution = execution_on(Capabilities("cpu"), config.training)
    with keeping_unfinished(config):
        return unfinished_fit(config, config.seed, model, histories, spans, network, execution).path


def test_whatever_the_fit_depends_on_gives_it_a_state_of_its_own(config, closes):
    own = path_of(config, closes)
    assert own == path_of(config, closes.copy())
    moved = closes.copy()
    moved[-1, 2] *= 1.0 + 1e-6
    others = [
        path_of(config, moved),
        path_of(config, closes, seed=1),
        path_of(config, closes, spans=FitSpans(range(30, 99), range(99, 130))),
        path_of(with_values(config, {"seed": 8}), closes),
        path_of(with_values(config, {"training.learning_rate": 1e-3}), closes),
        path_of(config, closes, network=replace(NETWORK, dropout=0.5)),
        path_of(config, closes, network=replace(NETWORK, heads=1)),  # the same weights at the start
        path_of(config, closes, groups=np.array([[0], [0], [1]])),
    ]
    assert len({own, *others}) == 1 + len(others)


def test_the_states_of_a_run_stand_in_one_folder_beside_the_runs(config, closes):
    paths = [path_of(config, closes), path_of(config, closes, spans=FitSpans(range(30, 99), range(99, 130)))]
    assert len({path.parent for path in paths}) == 1
    assert paths[0].parent.parent == config.runs_root / ".unfinished"


def states_folder(config):
    """Where the states of a config stand while it is carried out."""
    (folder,) = (config.runs_root / ".unfinished").iterdir()
    return folder


def test_a_finished_run_removes_no_state_of_the_same_config_with_another_seed(config, closes):
    """As in a sweep: the seeds run at once, one is finished first, and the others go on keeping theirs."""
    other = with_values(config, {"seed": 8})
    with keeping_unfinished(other):
        kept = states_folder(config) / "fit.safetensors"
        kept.write_bytes(b"")
        with keeping_unfinished(config):
            (mine,) = set((config.runs_root / ".unfinished").iterdir()) - {kept.parent}
            (mine / "fit.safetensors").write_bytes(b"")
        assert kept.exists() and not mine.exists()
    assert not (config.runs_root / ".unfinished").exists()


def test_of_two_runs_of_one_config_and_seed_the_last_one_to_end_removes_the_states(config):
    with keeping_unfinished(config):
        kept = states_folder(config) / "fit.safetensors"
        with keeping_unfinished(config):
            kept.write_bytes(b"")
        assert kept.exists()
        with pytest.raises(KeyboardInterrupt), keeping_unfinished(config):
            raise KeyboardInterrupt
        assert kept.exists()
    assert not (config.runs_root / ".unfinished").exists()


def test_a_run_that_ends_before_another_has_kept_anything_leaves_it_its_folder(config):
    with keeping_unfinished(config):
        folder = states_folder(config)
        with pytest.raises(KeyboardInterrupt), keeping_unfinished(config):
            raise KeyboardInterrupt
        assert folder.is_dir()


def test_a_config_that_keeps_no_state_has_none(config, closes):
    without = config.model_copy(update={"output": replace(config.output, state_seconds=None)})
    histories = build_histories(panel_of_closes(closes), [NEXT_SESSION])
    model = TransformerForecaster(histories.n_features, 1, NETWORK)
    execution = execution_on(Capabilities("cpu"), config.training)
    assert unfinished_fit(without, 7, model, histories, SPANS, NETWORK, execution) is None


def test_models_of_one_config_that_begin_with_the_same_weights_do_not_take_up_each_others_state(config):
    panel = load_sp500().until("1992-12-31")
    panel = panel.select(panel.assets[:3])
    table = feature_table(panel, ("own_history",))
    config = config.model_copy(update={"training": replace(config.training, epochs=1)})
    settings = EnsembleSettings(5, (NETWORK, replace(NETWORK, dropout=0.6)))
    with keeping_unfinished(config):
        first, second = fit_model(settings, panel, table, BARS, config).members
        assert len(list(config.runs_root.glob(".unfinished/*/*.safetensors"))) == 2
    assert first.report.epochs != second.report.epochs


def test_an_interrupted_training_goes_on_and_leaves_nothing_once_the_run_is_finished(config):
    panel = load_sp500().until("1992-12-31")
    panel = panel.select(panel.assets[:3])
    table = feature_table(panel, config.features.groups)
    training = replace(config.training, epochs=3, patience=3)
    config = config.model_copy(update={"training": training})

    def fitted(progress=None):
        block = fit_model(NETWORK, panel, table, BARS, config, progress)
        return [value.clone() for value in block.fitted.model.state_dict().values()]

    expected = fitted()
    assert not (config.runs_root / ".unfinished").exists()  # outside of a run nothing is kept

    def stop(_: str, epoch: int, __: int) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), keeping_unfinished(config):
        fitted(stop)
    assert len(list(config.runs_root.glob(".unfinished/*/*.safetensors"))) == 1
    seen = []
    with keeping_unfinished(config):
        again = fitted(lambda _, epoch, __: seen.append(epoch))
    assert seen == [2, 3]
    assert all(torch.equal(a, b) for a, b in zip(again, expected, strict=True))
    assert not (config.runs_root / ".unfinished").exists()


@pytest.mark.slow
def test_an_ensemble_that_was_interrupted_in_a_refit_goes_on_there_and_ends_with_the_same_bits(config):
    """Two seeds, each fitted on the spans, on both together, and at the turns of years; stopped near the end."""
    panel = load_sp500().until("1993-01-29")
    panel = panel.select(panel.assets[:3])
    table = feature_table(panel, ("own_history",))
    bars = SplitBars(BARS.fit, range(599, len(panel.sessions)))
    training = replace(config.training, epochs=2, patience=2, final_fit="train_and_validation")
    config = config.model_copy(update={"training": training})
    settings = EnsembleSettings(5, (NETWORK,), seeds=2, refit="yearly")

    def fitted(progress=None):
        block = fit_model(settings, panel, table, bars, config, progress)
        return [value.clone() for value in block.fitted.model.state_dict().values()]

    told = []
    expected = fitted(lambda what, epoch, _: told.append((what, epoch)))
    assert len({what for what, _ in told}) == 2 * len(refit_bars(panel.sessions, bars, "yearly"))
    steps = iter(range(len(told)))

    def stop(*_: object) -> None:
        if next(steps) == len(told) - 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), keeping_unfinished(config):
        fitted(stop)
    kept = {path: path.stat().st_mtime_ns for path in config.runs_root.glob(".unfinished/*/*.safetensors")}
    again = []
    with keeping_unfinished(config):
        assert all(torch.equal(a, b) for a, b in zip(fitted(lambda *what: again.append(what)), expected, strict=True))
        assert sum(path.stat().st_mtime_ns != written for path, written in kept.items()) <= 1
    assert len(again) < len(told)
    assert not (config.runs_root / ".unfinished").exists()  # those of the second seed neither


def left_state(config, days):
    """A state that a killed run of this config left so many days ago."""
    folders = config.runs_root / ".unfinished"
    with pytest.raises(KeyboardInterrupt), keeping_unfinished(config):
        known = set() if not folders.exists() else set(folders.iterdir())
        (folder,) = [path for path in known if not any(path.iterdir())]
        (folder / "fit.safetensors").write_bytes(b"")
        raise KeyboardInterrupt
    then = time.time() - days * 86_400
    os.utime(folder / "fit.safetensors", (then, then))
    return folder / "fit.safetensors"


def test_a_state_that_was_left_long_ago_is_removed_by_the_next_run(config):
    young, old = (left_state(with_values(config, {"seed": 20 + days}), days) for days in (13, 15))
    with keeping_unfinished(config):
        assert young.exists() and not old.exists()


def test_no_clock_makes_the_state_of_a_run_that_goes_on_an_old_one(config):
    """The clock of the machine is set a year ahead while a run trains, and another run begins."""
    other = with_values(config, {"seed": 8})
    with keeping_unfinished(other):
        kept = states_folder(config) / "fit.safetensors"
        kept.write_bytes(b"")
        then = time.time() - 366 * 86_400
        os.utime(kept, (then, then))
        with keeping_unfinished(config):
            assert kept.exists()


def test_a_finished_run_leaves_no_state(small_run):
    assert not (small_run.parent / ".unfinished").exists()


def killed_with_states(count: int, command: list[str], folder: Path, environment: dict[str, str]) -> list[Path]:
    """The states of fits that a run leaves which is killed as soon as there are so many."""
    run = subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.DEVNULL)
    while len(states := list(folder.glob("runs/.unfinished/*/*.safetensors"))) < count:
        assert run.poll() is None
        time.sleep(0.01)
    run.kill()
    run.wait()
    return states


@pytest.mark.slow
def test_a_run_that_was_killed_in_training_ends_with_the_same_model_and_course(tmp_path, write_small):
    changes = {"output: {root: runs}": "output: {root: runs, state_seconds: 0.0}", "epochs: 2": "epochs: 6"}
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    found = []
    for name, is_killed in (("whole", False), ("killed", True)):
        folder = tmp_path / name
        folder.mkdir()
        command = [sys.executable, "-m", "quantdl", "run", str(write_small(folder, changes)), "--output", "here/run"]
        if is_killed:
            killed_with_states(1, command, folder, environment)
            assert not (folder / "here" / "run").exists()
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, timeout=600)
        run = folder / "here" / "run"
        found.append(((run / "model" / "weights.safetensors").read_bytes(), (run / "training.json").read_bytes()))
        assert not (folder / "runs" / ".unfinished").exists()
    assert found[0] == found[1]


@pytest.mark.slow
def test_an_ensemble_that_was_killed_in_its_second_member_ends_with_the_same_figures(tmp_path, write_small):
    """Each member is fitted on the spans and on both together; those of the first stand finished and stay untouched."""
    member = "width: 8, heads: 2, layers: 1, context: 32"
    changes = {
        "output: {root: runs}": "output: {root: runs, state_seconds: 0.0}",
        "  kind: transformer\n  horizon: 5\n  width: 8\n  heads: 2\n  layers: 1\n  context: 32\n": (
            "  kind: ensemble\n  horizon: 5\n  refit: yearly\n  members:\n"
            f"    - {{kind: transformer, {member}}}\n    - {{kind: graph, {member}}}\n"
        ),
        "epochs: 2": "epochs: 2\n  final_fit: train_and_validation",
        "compare: [ewma_t]": "compare: []",
    }
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    found = []
    for name, is_killed in (("whole", False), ("killed", True)):
        folder = tmp_path / name
        folder.mkdir()
        command = [sys.executable, "-m", "quantdl", "run", str(write_small(folder, changes)), "--output", "here/run"]
        written: dict[str, set[int]] = {}
        if is_killed:
            states = killed_with_states(3, command, folder, environment)
            last = max(states, key=lambda path: path.stat().st_mtime_ns)
            written = {path.name: {path.stat().st_mtime_ns} for path in states if path != last}
            assert len(written) == 2 and not (folder / "here" / "run").exists()
        again = subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.DEVNULL)
        while again.poll() is None:
            for path in folder.glob("runs/.unfinished/*/*.safetensors"):
                with suppress(FileNotFoundError):  # the run has just ended
                    if path.name in written:
                        written[path.name].add(path.stat().st_mtime_ns)
            time.sleep(0.01)
        assert again.returncode == 0
        assert all(len(times) == 1 for times in written.values())  # what was finished is not trained anew
        run = folder / "here" / "run"
        found.append([(run / file).read_bytes() for file in ("model/weights.safetensors", "metrics.json")])
        assert not (folder / "runs" / ".unfinished").exists()
    assert found[0] == found[1]
