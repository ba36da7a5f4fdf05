"""A run as a trial: what makes it the same as another, and the ledger that counts it."""

import hashlib
import json
import warnings
from dataclasses import replace
from datetime import timedelta

import numpy as np

from quantdl.config import ExperimentConfig
from quantdl.experiment.outcome import Outcome
from quantdl.market.card import DataCard
from quantdl.risk.metrics import PerformanceMetrics
from quantdl.runs.environment import source_hash
from quantdl.runs.ledger import LEDGER, Entry, Ledger, Look, PeriodSharpe, ReturnsColumn, idea_hash, trial_hash
from quantdl.runs.returns import store_returns, synchronous_returns
from quantdl.runs.selection import Selection, same_data, selection_report

_NO_STRATEGY = "forecasts were scored, no strategy was run"


def ledger_of(config: ExperimentConfig) -> Ledger:
    """The ledger of the config's root: one for all runs, wherever a single run folder is put."""
    return Ledger(config.runs_root / LEDGER)


def checked_ledger(config: ExperimentConfig) -> Ledger:
    """The ledger, read once before any work, so that a damaged one is not found after it.

    Warns of a line that a crash cut short.

    Raises:
        IntegrityError: If it is damaged.
        RunError: If it cannot be read.
    """
    ledger = ledger_of(config)
    torn = ledger.read().torn
    if torn is not None:
        warnings.warn(f"{torn}; the next trial takes their place", stacklevel=2)
    return ledger


def record_trial(config: ExperimentConfig, outcome: Outcome, run_id: str) -> Selection:
    """Record the trial and its returns, then judge it among all on the same data."""
    figures, reason = period_sharpe(outcome.metrics.strategy)
    ledger = ledger_of(config)
    look = Look(config.splits.test_start, config.splits.test_end)
    own = ledger.append(
        _entry(config, outcome.data.panel.card, run_id, look, figures, reason, _kept_returns(ledger, outcome))
    )
    records = ledger.read().records
    return selection_report(records, own, synchronous_returns(ledger, own, same_data(records, own)))


def record_look(config: ExperimentConfig, card: DataCard) -> int:
    """Record that forecasts were scored on the test span; returns how often that span of this data was looked at.

    Runs count, and this look; the same config, data, seed and code count once.
    """
    ledger = ledger_of(config)
    look = Look(config.splits.test_start, config.splits.test_end, "evaluation")
    own = ledger.append(_entry(config, card, "evaluation", look, None, _NO_STRATEGY))
    return ledger.read().looks(own)


def record_fit(config: ExperimentConfig, card: DataCard, trial: str, run: str, found: str) -> None:
    """Record that settings were tried on the validation span, of which the choice of a search is made."""
    look = Look(config.splits.train_end + timedelta(days=1), config.splits.validation_end, "search")
    own = _entry(config, card, run, look, None, f"{found}; the test span was not looked at")
    ledger_of(config).append(replace(own, trial=trial))


def _entry(
    config: ExperimentConfig,
    card: DataCard,
    run: str,
    look: Look,
    figures: PeriodSharpe | None,
    reason: str,
    returns: ReturnsColumn | None = None,
) -> Entry:
    idea = idea_hash(config.plan.hypothesis.statement)
    trial = trial_of(config, card.fingerprint)
    return Entry(trial, card.fingerprint, run, figures, reason, look, origin_of(card), idea, returns)


def origin_of(card: DataCard) -> str:
    """What the data are of, whichever vintage and assets: declared source, calendar and length of a bar."""
    declared = card.declaration
    return f"{declared.source}; {declared.calendar}; {declared.frequency}"


def _kept_returns(ledger: Ledger, outcome: Outcome) -> ReturnsColumn | None:
    """Keep the returns that the Sharpe ratio is of; None where one of them is no number, as after ruin."""
    returns = outcome.judgement.excess_returns
    if not np.isfinite(returns).all():
        return None
    bars = np.asarray(returns.index, "datetime64[ns]")
    (column,) = store_returns(ledger, bars, returns.to_numpy()[:, None])
    return column


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
