"""A strategy played under its plan, from a notebook: `quantdl run` and `quantdl audit` on objects in place of files."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from quantdl.audit import AuditReport
from quantdl.audit.audit import CUTS
from quantdl.backtest import Plan
from quantdl.bounds import PositiveInt
from quantdl.config import ExperimentConfig
from quantdl.config.arguments import Arguments
from quantdl.experiment.auditing import audit_config
from quantdl.experiment.outcome import Outcome
from quantdl.experiment.pipeline import carry_out
from quantdl.experiment.run_folder import write_run
from quantdl.experiment.trials import checked_ledger
from quantdl.interface.laws import Laws
from quantdl.interface.progress import told
from quantdl.interface.requests import STRESS, Request, request
from quantdl.interface.results import Result, read_result, result_of
from quantdl.interface.roads import Config, config_of, folder_of
from quantdl.interface.strategies import StrategyLike
from quantdl.market.panel import Panel
from quantdl.risk.stress.settings import StressSettings
from quantdl.runs.manifest import open_run
from quantdl.training.fit import Progress
from quantdl.training.settings import SplitDates


@dataclass(frozen=True)
class _Extent:
    """How much is audited."""

    cuts: PositiveInt | None


def backtest(
    panel: Panel,
    plan: Plan,
    strategy: StrategyLike | Path | str,
    laws: Laws | None = None,
    *,
    output: Path | str | None = None,
    name: str = "notebook",
    seed: int | None = None,
    initial_equity: float = 1_000_000.0,
    draws: int = 2000,
    splits: SplitDates | None = None,
    stress: StressSettings | None = STRESS,
    settings: Mapping[str, object] | None = None,
    progress: bool | Progress = False,
) -> Result:
    """Play a strategy under a plan and judge it: what `quantdl run` does, and by the same functions.

    The plan is checked before anything is played, all of its faults are told at once, and the sample of the plan is the
    span that is played.

    Args:
        panel: Prices; their policies are put into effect.
        plan: What was decided beforehand, see `quantdl.plan`.
        strategy: A function of a view that returns weights (by symbol, or one for each of ``view.assets``) or a
            decision, and that is asked at the sessions of the plan's cadence; a class with ``decide(self, view)``,
            which is asked at every close; an instance of one; a ``functools.partial`` of either, for arguments; or the
            path of a strategy file.
        laws: Of a fitted model, for strategies and plans that ask one; they cover the plan's sample.
        output: Folder of runs: the run is written there, and its ledger counts the trial. None writes nothing; see
            `Result.save`.
        name: Of the run.
        seed: Of everything random; that of the laws where there are some.
        initial_equity: Money at the start.
        draws: Joint draws a session for risk and sizing.
        splits: Spans of the run; None for those of the laws, and the plan's sample.
        stress: Scenarios that the book held at the end is put through; None for none, which saves some seconds.
        settings: Further keys of a config, by their names there, such as ``{"exogenous": [...], "risk_free": "rate"}``.
        progress: Whether a line says how far it is; or what is told.

    Raises:
        ConfigError: If an argument is wrong, or the source of the strategy cannot be had.
        PlanError: With every fault of the plan, each with the argument that it stands in.
        DataError: If the prices cannot be trusted, or do not reach the sample.
        FailedRunError: If the strategy fails, with the session and the line.
    """
    asked = request(
        panel,
        plan,
        strategy,
        laws,
        name=name,
        seed=seed,
        initial_equity=initial_equity,
        draws=draws,
        splits=splits,
        stress=stress,
        settings=settings,
    )
    line, runs = told(progress), folder_of(output)
    if runs is None:
        outcome = carry_out(asked.config, line, asked.given)
        windows = asked.config.plan.abnormal_volatility.stress_windows
        return result_of(name, outcome, partial(_write, asked, outcome), windows)
    config = asked.among(runs)
    checked_ledger(config)
    folder = write_run(config, None, lambda: carry_out(config, line, asked.given), line, asked.prices)
    return read_result(open_run(folder))


def audit(
    panel: Panel | Config,
    plan: Plan | None = None,
    strategy: StrategyLike | Path | str | None = None,
    laws: Laws | None = None,
    *,
    cuts: int | None = CUTS,
    settings: Mapping[str, object] | None = None,
    progress: bool | Progress = False,
) -> AuditReport:
    """Tell whether anything that a backtest decides depends on data from after it: what `quantdl audit` does.

    What the strategy reads from outside its view (a table, a panel, an array of the notebook) is given another future
    as well, where its rows have dates; where they have none, nothing can be shown, and the report names it.

    Args:
        panel: As for `backtest`; or a config, or its file, which says all the rest.
        plan: As for `backtest`.
        strategy: Likewise.
        laws: Likewise.
        cuts: Decisions to verify through the whole pipeline; None for all.
        settings: As for `backtest`.
        progress: Likewise.

    Raises:
        QuantdlError: What the backtest would raise.
    """
    call, line = Arguments("audit"), told(progress)
    call.read(_Extent, {"cuts": cuts})
    call.refuse_faults()
    if isinstance(panel, ExperimentConfig | Path | str):
        return audit_config(config_of(panel), cuts, line)
    asked = request(panel, plan, strategy, laws, settings=settings)
    return audit_config(asked.config, cuts, line, asked.given)


def _write(asked: Request, outcome: Outcome, runs: Path, folder: str | None) -> Path:
    config = asked.among(runs)
    return write_run(config, None if folder is None else runs / folder, lambda: outcome, None, asked.prices)
