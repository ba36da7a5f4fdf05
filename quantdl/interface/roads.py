"""The commands of the command line on a config, from a notebook."""

from pathlib import Path

from quantdl.config import ExperimentConfig, load_config
from quantdl.errors import ConfigError
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


def config_of(config: Config) -> ExperimentConfig:
    """Return a config, read from its file where it is one.

    Raises:
        ConfigError: With every fault, each with file, line, key, what was given and what was expected.
        PlanError: The same, when only the plan is at fault.
    """
    if not isinstance(config, ExperimentConfig | Path | str):
        raise ConfigError(
            f"config: given {type(config).__name__}; expected a YAML file, or what qd.load_config returns."
        )
    return config if isinstance(config, ExperimentConfig) else load_config(config)


def run(config: Config, *, output: Path | str | None = None, progress: bool | Progress = False) -> Result:
    """Carry a config out and write its run folder, as `quantdl run` does; returns what stands in it.

    Args:
        config: Of the run.
        output: The run folder, which must not exist; None for a new one under the config's root.
        progress: Whether a line says how far it is; or what is told.

    Raises:
        QuantdlError: Whatever the parts raise; see `quantdl.errors`.
    """
    folder = run_experiment(config_of(config), None if output is None else Path(output), told(progress))
    return read_result(open_run(folder))


def read_run(run: Path | str, runs: Path | str = "runs") -> Result:
    """Return a stored run.

    Args:
        run: Its folder, the name of that, or its identifier or the beginning of it.
        runs: Folder of runs, in which a name is looked up.

    Raises:
        RunNameError: If none or several match.
        RunError: If a file that every run has is missing.
        IntegrityError: If a file is not what the run wrote.
    """
    return read_result(open_run(Path(run)) if Path(run).is_dir() else find_run(Path(runs), str(run)))


def evaluate(config: Config, *, output: Path | str | None = None, progress: bool | Progress = False) -> EvaluationTable:
    """Score the model of a config beside those under ``compare``, as `quantdl evaluate` does; the look is counted.

    Args:
        config: Of the models, the data and the test span.
        output: Folder to write scores and quantiles into, which must not exist; None writes none.
        progress: Whether a line says how far it is; or what is told.

    Raises:
        QuantdlError: Whatever the parts raise.
    """
    return scored(config_of(config), told(progress), None if output is None else Path(output))


def forecast_as_of(config: Config, session: Day | None = None, *, progress: bool | Progress = False) -> AsOf:
    """Return tomorrow's law, value at risk and orders as of the close of a session, as `quantdl forecast` does.

    Args:
        config: Of the run.
        session: The session; None for the last one of the data.
        progress: Whether a line says how far it is; or what is told.

    Raises:
        QuantdlError: Whatever the parts raise.
    """
    loaded = config_of(config)
    day = None if session is None else day_of(session, "session")
    with keeping_unfinished(loaded):
        return as_of(loaded, day, told(progress), None)


def sweep(config: Config, *, workers: int = 1, progress: bool | Progress = False) -> GridTable:
    """Play every set of parameters of a config with a ``sweep``, as `quantdl sweep` does; each is counted as a trial.

    Args:
        config: With a sweep, in a file.
        workers: Processes that play parts of it side by side.
        progress: Whether a line says how far it is; or what is told.

    Raises:
        QuantdlError: Whatever the parts raise.
    """
    loaded = config_of(config)
    outcomes = None if workers == 1 else OnWorkers(ProcessWorkers(workers))
    return sweep_grid(loaded, told(progress), outcomes)
