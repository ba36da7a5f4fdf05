"""A run as a trial: what makes it the same as another, and the ledger that counts it."""

import hashlib
import json

from quantdl.config import ExperimentConfig
from quantdl.experiment.outcome import Outcome
from quantdl.risk.metrics import PerformanceMetrics
from quantdl.runs.environment import source_hash
from quantdl.runs.ledger import Ledger, Look, PeriodSharpe, trial_hash
from quantdl.runs.selection import Selection, selection_report

LEDGER = "ledger.jsonl"
"""Name of the ledger of trials, beside the run folders."""

_NO_STRATEGY = "forecasts were scored, no strategy was run"


def ledger_of(config: ExperimentConfig) -> Ledger:
    """The ledger of the config's root: one for all runs, wherever a single run folder is put."""
    return Ledger(config.runs_root / LEDGER)


def record_trial(config: ExperimentConfig, outcome: Outcome, run_id: str) -> Selection:
    """Record the trial, then judge it among all on the same data."""
    fingerprint = outcome.data.panel.card.fingerprint
    trial = trial_of(config, fingerprint)
    figures, reason = period_sharpe(outcome.metrics.strategy)
    ledger = ledger_of(config)
    config.runs_root.mkdir(parents=True, exist_ok=True)
    look = Look(config.splits.test_start, config.splits.test_end)
    ledger.append(trial, fingerprint, run_id, figures, reason, look)
    return selection_report(ledger.read().records, trial)


def record_look(config: ExperimentConfig, fingerprint: str) -> int:
    """Record that forecasts were scored on the test span; returns how often that span of this data was looked at.

    Runs count, and this look; the same config, data, seed and code count once.
    """
    ledger = ledger_of(config)
    look = Look(config.splits.test_start, config.splits.test_end, "evaluation")
    config.runs_root.mkdir(parents=True, exist_ok=True)
    ledger.append(trial_of(config, fingerprint), fingerprint, "evaluation", None, _NO_STRATEGY, look)
    return ledger.read().looks(fingerprint, look)


def period_sharpe(metrics: PerformanceMetrics) -> tuple[PeriodSharpe | None, str]:
    """The Sharpe ratio per bar with its moments, or the reason why there is none."""
    parts = metrics.sharpe_per_bar, metrics.skew, metrics.excess_kurtosis
    if parts[0] is None or parts[1] is None or parts[2] is None:
        reasons = (metrics.undefined.get(name, "") for name in ("sharpe_per_bar", "skew", "excess_kurtosis"))
        return None, "; ".join(dict.fromkeys(filter(None, reasons))) or "undefined"
    return PeriodSharpe(parts[0], metrics.n_returns, parts[1], parts[2] + 3.0), ""


def code_hash(config: ExperimentConfig) -> str:
    """Hash of quantdl's own source and of the strategy file: another text is another trial."""
    strategy = config.locate(config.strategy.file).read_bytes()
    return hashlib.sha256(source_hash().encode() + strategy).hexdigest()


def trial_of(config: ExperimentConfig, fingerprint: str) -> str:
    """Identify the run as a trial: the same config, data, seed and code count once. The name is not part of it."""
    return trial_hash(json.dumps(config.identity(), sort_keys=True), fingerprint, config.seed, code_hash(config))
