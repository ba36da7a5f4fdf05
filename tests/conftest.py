"""What every test shares."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

from tests.small_experiment import small_config

# The same examples in every run, and no deadline: the clock of a busy machine is not a property of the code.
settings.register_profile("quantdl", deadline=None, derandomize=True)
settings.load_profile("quantdl")

# Processes that tests start import this repository, wherever they run and whatever else is installed.
os.environ["PYTHONPATH"] = str(Path(__file__).parents[1])


@pytest.fixture
def write_small():
    return small_config


@pytest.fixture(scope="session")
def small_plan(tmp_path_factory):
    """The plan of the small experiment."""
    from quantdl.config import load_config

    return load_config(small_config(tmp_path_factory.mktemp("plan"))).plan


@pytest.fixture(scope="session")
def small_trial(tmp_path_factory):
    """The small experiment carried out once: what came of it in memory, and the folder that was written of it."""
    from quantdl.experiment import pipeline

    carry_out, kept = pipeline.carry_out, []

    def keep(config, progress):
        kept.append(carry_out(config, progress))
        return kept[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "carry_out", keep)
        folder = _run(tmp_path_factory.mktemp("small"))
    return kept[0], folder


@pytest.fixture(scope="session")
def small_outcome(small_trial):
    """The small experiment as it stands in memory."""
    return small_trial[0]


@pytest.fixture(scope="session")
def small_run(small_trial):
    """A finished run of the small experiment."""
    return small_trial[1]


@pytest.fixture(scope="session")
def small_run_again(tmp_path_factory):
    """The same experiment, run a second time somewhere else."""
    return _run(tmp_path_factory.mktemp("again"))


@pytest.fixture(scope="session")
def small_evaluation(tmp_path_factory):
    """The models of the small experiment scored: the table, and the folder that was written."""
    from quantdl.config import load_config
    from quantdl.experiment import evaluate

    folder = tmp_path_factory.mktemp("evaluation")
    few = {"seed: 7\n": "seed: 7\noutput: {root: runs}\nevaluation: {books: 5, draws: 500}\n"}
    return evaluate(load_config(small_config(folder, few)), output=folder / "scored"), folder / "scored"


def _run(folder):
    from quantdl.config import load_config
    from quantdl.experiment import run_experiment

    return run_experiment(load_config(small_config(folder)), folder / "runs" / "first")
