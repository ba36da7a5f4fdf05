"""One training loop for every network: log score, early stop on validation, a guard against NaN."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from quantdl.errors import RunError
from quantdl.models.encoder import Standardisation
from quantdl.models.forecaster import Forecaster
from quantdl.sequences import Batch
from quantdl.training.averaging import WeightAverage
from quantdl.training.batches import TrainingBatches
from quantdl.training.loss import log_loss, mean_log_loss
from quantdl.training.settings import TrainingSettings

Progress = Callable[[str, int, int], None]
"""Called with what is going on, how many steps are done and how many there can be at most."""


@dataclass(frozen=True)
class EpochRecord:
    """Mean loss per observed asset of one pass, in nats."""

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
    batches: TrainingBatches,
    settings: TrainingSettings,
    seed: int,
    progress: Progress | None = None,
) -> FitReport:
    """Fit a network in place and leave it with the weights that validated best.

    Training labels that end after the training span are dropped, so no validation decision overlaps one. The caller's
    random state is left alone.

    Args:
        model: With the weights to begin with; on the device of the batches.
        batches: What to pass over: whole sessions, or windows of one asset each.
        settings: Of the loop.
        seed: Of dropout.
        progress: Called at every pass.

    Raises:
        RunError: If a loss or gradient stops being finite, or no pass has a validation score; the message names the
            epoch and the sessions.
    """
    device = batches.device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        _fit_scalers(model, batches)
        return _Loop(model, batches, settings).run(progress)


def _fit_scalers(model: Forecaster, batches: TrainingBatches) -> None:
    for module in model.modules():
        if isinstance(module, Standardisation):
            module.fit(*batches.feature_moments())


class _Loop:
    """The state of one fit: optimiser, learning-rate ramp and running mean of the weights."""

    def __init__(self, model: Forecaster, batches: TrainingBatches, settings: TrainingSettings) -> None:
        self.model, self.batches, self.settings = model, batches, settings
        self.optimizer = torch.optim.AdamW(
            model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, betas=(0.9, 0.98)
        )
        self.ramp = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, lambda step: min(1.0, (step + 1) / settings.warm_up_steps)
        )
        self.average = WeightAverage(model, settings.averaging)

    def run(self, progress: Progress | None) -> FitReport:
        """Pass over the data until validation stops improving."""
        settings, best, weights = self.settings, None, self.average.weights()
        records: list[EpochRecord] = []
        for epoch in range(settings.epochs):
            if progress:
                progress("training", epoch, settings.epochs)
            record = EpochRecord(epoch, self._train(epoch), self._validate())
            records.append(record)
            if best is None or record.validation_loss < best.validation_loss:  # never true of NaN
                if math.isfinite(record.validation_loss):
                    best, weights = record, self.average.weights()
            elif epoch - best.epoch >= settings.patience:
                break
        if progress:
            progress("training", settings.epochs, settings.epochs)
        if best is None:
            raise RunError(self._no_score())
        self.model.load_state_dict(weights)
        self.model.eval()
        return FitReport(tuple(records), best.epoch, self.batches.spans.validation[-1])

    def _train(self, epoch: int) -> float:
        """One pass; returns the mean loss per observed asset."""
        self.model.train()
        total, count = 0.0, 0
        for batch in self.batches.training(epoch):
            loss, observed = self._step(batch, epoch)
            total, count = total + loss, count + observed
        return total / max(count, 1)

    def _step(self, batch: Batch, epoch: int) -> tuple[float, int]:
        loss, observed = log_loss(self.model, batch, self.settings.marginal_share)
        if observed == 0:
            return 0.0, 0
        self.optimizer.zero_grad()
        (loss / observed).backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.gradient_norm)
        if not (math.isfinite(loss.item()) and math.isfinite(norm.item())):
            raise RunError(self._not_finite(batch, epoch, loss.item(), norm.item()))
        self.optimizer.step()
        self.ramp.step()
        self.average.update(self.model)
        return loss.item(), observed

    def _validate(self) -> float:
        with self.average.applied(self.model):
            return mean_log_loss(self.model, self.batches.validation(), self.settings.marginal_share)

    def _not_finite(self, batch: Batch, epoch: int, loss: float, norm: float) -> str:
        first, last = (self.batches.sessions[int(bar)] for bar in (batch.bar.min(), batch.bar.max()))
        return (
            f"training stopped in epoch {epoch}: loss {loss}, gradient norm {norm} on the sessions {first:%Y-%m-%d}.."
            f"{last:%Y-%m-%d}. Expected finite numbers. Lower training.learning_rate, or look for extreme returns "
            "there with `quantdl data check`."
        )

    def _no_score(self) -> str:
        span = self.batches.spans.validation
        first, last = self.batches.sessions[span[0]], self.batches.sessions[span[-1]]
        return (
            f"no pass has a validation score over {first:%Y-%m-%d}..{last:%Y-%m-%d}: either no return is observed "
            "there or the scores are not finite. Choose another span, or look at it with `quantdl data check`."
        )
