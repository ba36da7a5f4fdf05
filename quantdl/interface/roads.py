"""The commands of the command line on a config, from a notebook."""

from dataclasses import dataclass
from pathlib import Path

from quantdl.bounds import PositiveInt
from quantdl.config import ExperimentConfig, load_config
from quantdl.config.arguments import Arguments, path_of
from quantdl.experiment.as_of import forecast_as_of as as_of
from quantdl.experiment.as_of_record import AsOf
from quantdl.experiment.evaluation import evaluate as scored
from quantdl.experiment.grid_table import GridTable
from quantdl.experiment.parameter_sweep import sweep_grid
from quantdl.experiment.pipeline import run_experiment
from quantdl.experiment.sweep_parts import OnWorkers
from quantdl.experiment.unfinished import keeping_unfinished
from quantdl.interface.days import Day, day_of
from quantdl.interface.progress import told
from quantdl.interface.results import Result, read_result
from quantdl.results.evaluation_table import EvaluationTable
from quantdl.runs.manifest import open_run
from quantdl.runs.store import find_run
from quantdl.runs.workers import ProcessWorkers
from quantdl.training.fit import Progress

Config = ExperimentConfig | Path | str
"""A config that is read already, or the YAML file of one."""


@dataclass(frozen=True)
class _Processes:
    """What a sweep is spread over."""

    workers: PositiveInt


def config_of(config: Config) -> ExperimentConfig:
    """Return a config, read from its file where it is one.

    Raises:
        ConfigError: With every fault, each with file, line, key, what was given and what was expected.
        PlanError: The same, when only the plan is at fault.
    """
    if isinstance(config, ExperimentConfig):
        return config
    return load_config(path_of(config, "config", "a YAML file, or what qd.load_config returns"))


def folder_of(output: Path | str | None) -> Path | None:
    """Return the folder that something shall be written into; None for none.

    Raises:
        ConfigError: If it is no path.
    """
    return None if output is None else path_of(output, "output", "the path of a folder, or None")


def run(config: Config, *, output: Path | str | None = None, progress: bool | Progress = False) -> Result:
    """Carry a config out and write its run folder, as `quantdl run` does; returns what stands in it.

    Args:
        config: Of the run.
        output: The run folder, which must not exist; None for a new one under the config's root.
        progress: Whether a line says how far it is; or what is told.

    Raises:
        QuantdlError: Whatever the parts raise; see `quantdl.errors`.
    """
    folder = run_experiment(config_of(config), folder_of(output), told(progress))
    return read_result(open_run(folder))


def read_run(run: Path | str, runs: Path | str = "runs") -> Result:
    """Return a stored run.

    Args:
        run: Its folder, the name of that, or its identifier or the beginning of it.
        runs: Folder of runs, in which a name is looked up.

    Raises:
        ConfigError: If it is no name and no path.
        RunNameError: If none or several match.
        RunError: If a file that every run has is missing.
        IntegrityError: If a file is not what the run wrote.
    """
    named = path_of(run, "run", "the folder of a run, its name or its identifier")
    among = path_of(runs, "runs", "the folder of runs")
    return read_result(open_run(named) if named.is_dir() else find_run(among, str(run)))


def evaluate(config: Config, *, output: Path | str | None = None, progress: bool | Progress = False) -> EvaluationTable:
    """Score the model of a config beside those under ``compare``, as `quantdl evaluate` does; the look is counted.

    Args:
        config: Of the models, the data and the test span.
        output: Folder to write scores and quantiles into, which must not exist; None writes none.
        progress: Whether a line says how far it is; or what is told.

    Raises:
        QuantdlError: Whatever the parts raise.
    """
    return scored(config_of(config), told(progress), folder_of(output))


def forecast_as_of(config: Config, session: Day | None = None, *, progress: bool | Progress = False) -> AsOf:
    """Return tomorrow's law, value at risk and orders as of the close of a session, as `quantdl forecast` does.

    Args:
        config: Of the run.
        session: The session; None for the last one of the data.
        progress: Whether a line says how far it is; or what is told.

    Raises:
        QuantdlError: Whatever the parts raise.
    """
    loaded, line = config_of(config), told(progress)
    day = None if session is None else day_of(session, "session")
    with keeping_unfinished(loaded):
        return as_of(loaded, day, line, None)


def sweep(config: Config, *, workers: int = 1, progress: bool | Progress = False) -> GridTable:
    """Play every set of parameters of a config with a ``sweep``, as `quantdl sweep` does; each is counted as a trial.

    Args:
        config: With a sweep, in a file.
        workers: Processes that play parts of it side by side.
        progress: Whether a line says how far it is; or what is told.

    Raises:
        QuantdlError: Whatever the parts raise.
    """
    loaded, call = config_of(config), Arguments("sweep")
    call.read(_Processes, {"workers": workers})
    call.refuse_faults()
    outcomes = None if workers == 1 else OnWorkers(ProcessWorkers(workers))
    return sweep_grid(loaded, told(progress), outcomes)
