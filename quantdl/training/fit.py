"""One training loop for every network: joint log score, early stop on validation, a guard against NaN."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from quantdl.errors import RunError
from quantdl.models.base import FeatureScaler, Forecaster
from quantdl.sequences import Batch, Histories, bucketed, training_blocks

Progress = Callable[[str, int, int], None]
"""Called with what is going on, how many steps are done and how many there are at most."""


@dataclass(frozen=True)
class TrainingSettings:
    """How a network is fitted.

    Attributes:
        epochs: Most passes over the training span.
        patience: Passes without a better validation score before it stops.
        learning_rate: Of AdamW at its peak.
        weight_decay: Of AdamW.
        warm_up_steps: Steps over which the learning rate rises from zero.
        context: Observed bars before and at a forecast that the network may read.
        block: Consecutive bars that share one history row in training.
        rows: History rows in a batch.
        gradient_norm: Longest gradient; a longer one is shortened to it.
        averaging: Decay per step of the running mean of the weights, which is what is validated and kept.
    """

    epochs: int = 30
    patience: int = 6
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    warm_up_steps: int = 50
    context: int = 64
    block: int = 64
    rows: int = 2
    gradient_norm: float = 1.0
    averaging: float = 0.99


@dataclass(frozen=True)
class Spans:
    """Bars to learn from and bars to choose by; the last of ``validation`` is the first that may forecast."""

    train: range
    validation: range


@dataclass(frozen=True)
class EpochRecord:
    """Mean joint negative log density per observed asset of one pass, in nats."""

    epoch: int
    train_loss: float
    validation_loss: float


@dataclass(frozen=True)
class FitReport:
    """What happened: the passes, which one was kept, and the last bar that any part of the fit saw."""

    epochs: tuple[EpochRecord, ...]
    best_epoch: int
    fitted_through: int


def fit(
    model: Forecaster,
    histories: Histories,
    spans: Spans,
    settings: TrainingSettings,
    seed: int,
    progress: Progress | None = None,
) -> FitReport:
    """Fit a network in place and leave it with the weights that validated best.

    Training labels that end after the training span are dropped, so no validation decision overlaps one. The caller's
    random state is left alone.

    Raises:
        RunError: If a loss or gradient stops being finite; the message names the epoch and the sessions.
    """
    with torch.random.fork_rng(devices=_cuda_devices(histories)):
        torch.manual_seed(seed)
        return _fit(model, histories, spans, settings, seed, progress)


def _fit(
    model: Forecaster,
    histories: Histories,
    spans: Spans,
    settings: TrainingSettings,
    seed: int,
    progress: Progress | None,
) -> FitReport:
    for module in model.modules():
        if isinstance(module, FeatureScaler):
            module.fit(histories.features_through(spans.train[-1]))
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, betas=(0.9, 0.98)
    )
    warm_up = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / settings.warm_up_steps))
    average = _WeightAverage(model, settings.averaging)
    best, best_loss, records = average.weights(), math.inf, list[EpochRecord]()
    for epoch in range(settings.epochs):
        if progress:
            progress("training", epoch, settings.epochs)
        train_loss = _epoch(model, histories, spans, settings, seed, epoch, optimizer, warm_up, average)
        with average.applied(model):
            validation_loss = mean_loss(model, histories, spans.validation, settings)
        records.append(EpochRecord(epoch, train_loss, validation_loss))
        if validation_loss < best_loss:  # never true for NaN
            best, best_loss = average.weights(), validation_loss
        elif epoch - _best(records) >= settings.patience:
            break
    model.load_state_dict(best)
    model.eval()
    return FitReport(tuple(records), _best(records), spans.validation[-1])


def _epoch(
    model: Forecaster,
    histories: Histories,
    spans: Spans,
    settings: TrainingSettings,
    seed: int,
    epoch: int,
    optimizer: torch.optim.Optimizer,
    warm_up: torch.optim.lr_scheduler.LRScheduler,
    average: "_WeightAverage",
) -> float:
    """One pass; returns the mean loss per observed asset."""
    model.train()
    total, count = 0.0, 0
    for batch in _batches(histories, spans.train, settings, seed, epoch):
        loss, observed = joint_loss(model, batch)
        if observed == 0:
            continue
        optimizer.zero_grad()
        (loss / observed).backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), settings.gradient_norm)
        if not (math.isfinite(loss.item()) and math.isfinite(norm.item())):
            raise RunError(_not_finite(histories, batch, epoch, loss.item(), norm.item()))
        optimizer.step()
        warm_up.step()
        average.update(model)
        total, count = total + loss.item(), count + observed
    return total / max(count, 1)


def joint_loss(model: Forecaster, batch: Batch) -> tuple[Tensor, int]:
    """Sum of joint negative log densities of the observed targets, in nats, and how many targets there are."""
    observed = batch.target_observed
    law = model(batch).observed(observed)
    return -law.log_prob(batch.target).sum(), int(observed.sum())


def mean_loss(model: Forecaster, histories: Histories, bars: range, settings: TrainingSettings) -> float:
    """Mean joint negative log density per observed asset over a span of bars, without dropout."""
    model.eval()
    total, count = 0.0, 0
    with torch.no_grad():
        for start in range(bars.start, bars.stop, settings.block):
            block = range(start, min(start + settings.block, bars.stop))
            loss, observed = joint_loss(model, histories.batch([block], settings.context, labels_through=bars[-1]))
            total, count = total + loss.item(), count + observed
    return total / count if count else math.nan


def _batches(histories: Histories, bars: range, settings: TrainingSettings, seed: int, epoch: int) -> Iterator[Batch]:
    blocks = training_blocks(bars, settings.block, seed, epoch)
    longest = histories.last.max(dim=1).values.cpu()
    lengths = [min(int(longest[block[-1]]) + 1, settings.context + len(block)) for block in blocks]
    for group in bucketed(blocks, lengths, settings.rows, seed, epoch):
        yield histories.batch(group, settings.context, labels_through=bars[-1])


class _WeightAverage:
    """Exponential running mean of the weights, debiased while it is young (Polyak and Juditsky, 1992, in spirit)."""

    def __init__(self, model: Forecaster, decay: float) -> None:
        self.decay, self.steps = decay, 0
        self.mean = {name: value.detach().clone() for name, value in model.state_dict().items()}

    def update(self, model: Forecaster) -> None:
        self.steps += 1
        decay = min(self.decay, (self.steps - 1.0) / (self.steps + 9.0))
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                self.mean[name].lerp_(value.detach(), 1.0 - decay)

    def weights(self) -> dict[str, Tensor]:
        return {name: value.clone() for name, value in self.mean.items()}

    def applied(self, model: Forecaster) -> "_Applied":
        return _Applied(model, self.mean)


class _Applied:
    """Put the averaged weights into the model for the length of a with block."""

    def __init__(self, model: Forecaster, mean: dict[str, Tensor]) -> None:
        self.model, self.mean = model, mean

    def __enter__(self) -> None:
        self.own = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        self.model.load_state_dict(self.mean)

    def __exit__(self, *_: object) -> None:
        self.model.load_state_dict(self.own)


def _best(records: list[EpochRecord]) -> int:
    finite = [record for record in records if math.isfinite(record.validation_loss)]
    return min(finite, key=lambda record: record.validation_loss).epoch if finite else 0


def _cuda_devices(histories: Histories) -> list[torch.device]:
    device = histories.features.device
    return [device] if device.type == "cuda" else []


def _not_finite(histories: Histories, batch: Batch, epoch: int, loss: float, norm: float) -> str:
    first, last = (histories.sessions[int(bar)] for bar in (batch.bar.min(), batch.bar.max()))
    return (
        f"training stopped in epoch {epoch}: loss {loss}, gradient norm {norm} on the sessions {first:%Y-%m-%d}.."
        f"{last:%Y-%m-%d}. Expected finite numbers. Lower training.learning_rate, or look for extreme returns there "
        "with `quantdl data check`."
    )
