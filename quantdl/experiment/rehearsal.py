"""The strategy asked once before its model is fitted: what no forecast would mend is said at once, not after training.

It is asked what the run asks it first: at the first close of the test span, with an empty book. Past returns stand in
for the law of the model, resampled and a little smoothed: a law of the right size, at the cost of a gather.

What a run would carry out must not be refused here. So an answer counts as a fault only where the strategy gives a
faulty one whatever it is told: under past returns, half and twice as wide, without their mean and mirrored, of assets
that move apart and together, and with other proportions of their volatilities. Weights that break the same cap by the
same amount under all of these follow no forecast: the run would end with them. Any other fault must show as well at
three closes before the test span. Limits on predicted losses follow the forecast itself and are left to the run. Each
answer comes from a strategy made anew, and the states of the global random generators are put back, so a run that goes
on is the same run.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch

from quantdl.backtest import Forecasts, prepare
from quantdl.backtest.running.asking import StrategyDriver
from quantdl.backtest.running.decision_checks import ForbiddenWeightsError, PredictedLossError
from quantdl.backtest.running.decisions import BookNow, Moment
from quantdl.backtest.running.window import Window
from quantdl.config import ExperimentConfig, configured_strategy
from quantdl.errors import QuantdlError, RunError
from quantdl.experiment.preparation import LoadedData
from quantdl.training.splits import SplitBars

_BARS = 1000  # of past returns that stand in for a law
_LEAST_BARS = 60
_SMOOTHING = 0.2  # of each asset's deviation: a book of any assets then has a risk of its own
_EARLIER = (1, 22, 64)  # bars before the first close of the test span at which a fault that may pass must show as well

Law = Callable[[np.ndarray], np.ndarray]


def _apart(past: np.ndarray) -> np.ndarray:
    """The returns of each asset at other times than those of the others."""
    return np.stack([np.roll(column, 37 * number) for number, column in enumerate(past.T)], axis=1)


def _together(past: np.ndarray) -> np.ndarray:
    """All assets moved by their mean, each as widely as before."""
    common = past.mean(axis=1, keepdims=True)
    return np.asarray(past.mean(axis=0) + past.std(axis=0) * (common - common.mean()) / max(common.std(), 1e-12))


_LAWS: tuple[Law, ...] = (
    lambda past: past,
    lambda past: 0.5 * past,
    lambda past: 2.0 * past,
    lambda past: past - past.mean(axis=0),
    lambda past: -past,
    _apart,
    _together,
    lambda past: past * np.geomspace(0.4, 2.5, past.shape[1]),
    lambda past: past * np.geomspace(2.5, 0.4, past.shape[1]),
)


def rehearse(config: ExperimentConfig, data: LoadedData, bars: SplitBars) -> None:
    """Ask the strategy of a config with a model once, before anything is fitted.

    A config without a model is not asked: its run begins at once, and says the same.

    Args:
        config: Of the run.
        data: What it runs on.
        bars: Of its spans.

    Raises:
        RunError: If the strategy fails, or decides what the plan forbids, whatever the law; nothing was fitted then,
            and no trial counts.
    """
    if config.model is None:
        return
    with _same_randomness():
        fault = _sure_fault(config, data, bars.test.start + 1)
    if fault is None:
        return
    files = ", ".join(map(str, config.strategy_files.values()))
    raise RunError(
        f"{str(fault).rstrip('.')}. {files} was asked before the model is fitted, at the first close of the test span "
        "and with past returns in place of forecasts: nothing was fitted, and no trial counts."
    ) from fault


def _sure_fault(config: ExperimentConfig, data: LoadedData, first: int) -> QuantdlError | None:
    """Return what is wrong with a first decision whatever is predicted; None where nothing is, or it may be legal.

    Args:
        config: Of the run.
        data: What it runs on.
        first: The first close of the test span.
    """
    faults = []
    for law in _LAWS:
        fault = _fault(config, data, first, law)
        if fault is None:
            return None
        faults.append(fault)
    weights_alone = all(isinstance(fault.__cause__, ForbiddenWeightsError) for fault in faults)
    if weights_alone and len({*map(str, faults)}) == 1:
        return faults[0]
    earlier = [first - away for away in _EARLIER]
    if min(earlier) <= 0 or any(_fault(config, data, t, _LAWS[0]) is None for t in earlier):
        return None
    return faults[0]


def _fault(config: ExperimentConfig, data: LoadedData, t: int, law: Law) -> QuantdlError | None:
    """Return what is wrong with a first decision at a close under a law; None where nothing is, or too little known."""
    session = data.panel.sessions[t]
    job = prepare(data.panel, config.plan, session, session, config.backtest.initial_equity)
    nothing = np.zeros(len(job.tape.assets))
    book = BookNow(nothing, job.tape.marks[t], job.initial_equity, nothing)
    now = Moment(t, book, job.limits_at(t), due=True, bars_since_decision=None)
    seen = Window(job.tape, job.terms, None).view(now)
    past = seen.trailing_returns(_BARS)
    served = np.isfinite(past).all(axis=0)
    if not served.any() or len(past) < _LEAST_BARS:
        return None
    unknown = seen.listed & ~served  # a model may serve what has too short a past here: the mean of the others for it
    past = np.where(unknown, past[:, served].mean(axis=1, keepdims=True), past)
    draws = _smoothed(law(past), config.backtest.draws, config.seed)
    forecasts = Forecasts(job.terms.horizon_bars, lambda session: draws, None)
    try:
        StrategyDriver(job, configured_strategy(config), forecasts).decide(now)
    except QuantdlError as error:
        return None if isinstance(error.__cause__, PredictedLossError) else error
    return None


def _smoothed(past: np.ndarray, n_draws: int, seed: int) -> np.ndarray:
    """Return (S, A) past returns drawn with replacement, each asset moved by a part of its own deviation."""
    random_state = np.random.default_rng(seed)
    rows = random_state.integers(len(past), size=n_draws)
    noise = random_state.standard_normal((n_draws, past.shape[1]))
    return np.asarray(past[rows] + _SMOOTHING * past.std(axis=0) * noise)


@contextmanager
def _same_randomness() -> Iterator[None]:
    """Put the states of the global random generators back, which a strategy may use."""
    python, legacy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(legacy)
