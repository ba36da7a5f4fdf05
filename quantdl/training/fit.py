"""One training loop for every network: log score, early stop on validation, a guard against NaN.

On a GPU nothing waits for a result before the pass is over: losses are added up where they are made, and a step whose
loss or gradient is not finite stops all later updates there.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from quantdl.errors import ConfigError, RunError
from quantdl.models.encoder import CausalEncoder, Standardisation
from quantdl.models.forecaster import Forecaster
from quantdl.sequences import Batch
from quantdl.training.averaging import WeightAverage
from quantdl.training.batches import AssetBatches, TrainingBatches
from quantdl.training.execution import Capabilities, Execution, compile_parts, encoding_in, execution_on
from quantdl.training.loss import log_loss, summed_log_loss
from quantdl.training.parallel import Processes
from quantdl.training.recency import Recency
from quantdl.training.resuming import Course, EpochRecord, UnfinishedFit
from quantdl.training.settings import TrainingSettings

__all__ = ["Circumstances", "EpochRecord", "FitReport", "Progress", "fit"]

Progress = Callable[[str, int, int], None]
"""Called with what is going on, how many steps are done and how many there can be at most."""


@dataclass(frozen=True)
class FitReport:
    """What happened: the passes, which one was kept, the last bar that any part of the fit saw, and on what it ran."""

    epochs: tuple[EpochRecord, ...]
    best_epoch: int
    fitted_through: int
    execution: Execution | None = None


@dataclass(frozen=True)
class Circumstances:
    """What a fit depends on beside model, data and settings, and should give the same result under.

    Attributes:
        execution: How it is carried out; chosen for the device of the batches when None.
        processes: Those that carry it out together.
        unfinished: Where its state is kept, so that it can go on after the process was killed; None to keep none.
    """

    execution: Execution | None = None
    processes: Processes = Processes()
    unfinished: UnfinishedFit | None = None


def fit(
    model: Forecaster,
    batches: TrainingBatches,
    settings: TrainingSettings,
    seed: int,
    progress: Progress | None = None,
    circumstances: Circumstances | None = None,
    passes: int | None = None,
) -> FitReport:
    """Fit a network in place and leave it with the weights that validated best, or those after a number of passes.

    Training labels that end after the training span are dropped, so no validation decision overlaps one. The caller's
    random state is left alone.

    Args:
        model: With the weights to begin with; on the device of the batches, and the same in every process.
        batches: What to pass over: whole sessions, or windows of one asset each.
        settings: Of the loop.
        seed: Of dropout; each further process draws from a state of its own.
        progress: Called at every pass.
        circumstances: Device, processes and where the state is kept.
        passes: Passes to make, where that is known: nothing is validated, and validation losses are NaN.

    Raises:
        ConfigError: If the network reads the other assets of a session, and each row of the batches holds one asset.
        RunError: If a loss or gradient stops being finite, or no pass has a validation score; the message names the
            epoch and the sessions. If another process of this fit has ended.
    """
    _refuse_lonely_rows(model, batches)
    given, device = circumstances or Circumstances(), batches.device
    execution = given.execution or execution_on(Capabilities.of(device), settings)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(_seed_in(given.processes, seed))
        _fit_scalers(model, batches)
        if execution.compiled:
            compile_parts(model)
        return _Loop(model, batches, settings, replace(given, execution=execution), passes).run(progress)


def _refuse_lonely_rows(model: Forecaster, batches: TrainingBatches) -> None:
    reads_others = any(len(part.cross_sections) for part in model.modules() if isinstance(part, CausalEncoder))
    if reads_others and isinstance(batches, AssetBatches):
        raise ConfigError(
            "the network has a cross_section, by which assets of a session read each other, and the rows of "
            "AssetBatches hold one asset each. Expected SessionBatches, or a network with cross_section: none."
        )


def _seed_in(processes: Processes, seed: int) -> int:
    """The seed itself in the first process, another one in each of the others."""
    if processes.is_first:
        return seed
    return int(np.random.SeedSequence([seed, processes.shard.rank]).generate_state(1, np.uint64)[0] >> 1)


def _fit_scalers(model: Forecaster, batches: TrainingBatches) -> None:
    for module in model.modules():
        if isinstance(module, Standardisation):
            module.fit(*batches.feature_moments())


class _Loop:
    """The state of one fit: weights, optimiser, running mean of the weights, best weights, and where it stands."""

    def __init__(
        self,
        model: Forecaster,
        batches: TrainingBatches,
        settings: TrainingSettings,
        circumstances: Circumstances,
        passes: int | None = None,
    ) -> None:
        assert circumstances.execution is not None
        self.passes, self.most_passes = passes, settings.epochs if passes is None else passes
        self.model, self.batches, self.settings = model, batches, settings
        self.execution, self.processes = circumstances.execution, circumstances.processes
        self.unfinished = circumstances.unfinished
        self.parameters = list(model.parameters())
        self.optimizer = torch.optim.AdamW(
            self.parameters,
            lr=self.execution.learning_rate,
            weight_decay=settings.weight_decay,
            betas=(0.9, 0.98),
            fused=None if self.execution.waits_for_steps else True,
        )
        self.average = WeightAverage(model, self.execution.averaging)
        self.recency = Recency(batches.sessions, batches.spans.train, settings.half_life_years)
        self.kept = self.average.weights()
        self.course = Course()
        self.sums = torch.zeros(2, dtype=torch.float64, device=batches.device)
        self.guard = _Guard.untouched(batches.device)

    def run(self, progress: Progress | None) -> FitReport:
        """Pass over the data until validation stops improving."""
        self._resume()
        while not self._is_over:
            if progress:
                progress("training", self.course.epoch, self.most_passes)
            self._pass()
        if progress:
            progress("training", self.most_passes, self.most_passes)
        best = self.course.best
        if best is None:
            raise RunError(self._no_score())
        self.model.load_state_dict(self.kept)
        self.model.eval()
        return FitReport(self.course.records, best.epoch, self.batches.spans.validation[-1], self.execution)

    @property
    def _is_over(self) -> bool:
        best, epoch = self.course.best, self.course.epoch
        patience_is_out = self.passes is None and best is not None and epoch - 1 - best.epoch >= self.settings.patience
        return epoch >= self.most_passes or patience_is_out

    def _pass(self) -> None:
        """Go over the data once, from where the pass stands, and validate."""
        self.model.train()
        for batch in self.batches.training(self.course.epoch, self.course.step):
            self._step(batch)
            self.course = replace(self.course, step=self.course.step + 1)
            if self.unfinished is not None and self.unfinished.is_due:
                self._keep_state()
        record = self._record()
        improves = self.passes is not None or (
            math.isfinite(record.validation_loss)
            and (self.course.best is None or record.validation_loss < self.course.best.validation_loss)
        )
        best_epoch = record.epoch if improves else self.course.best_epoch
        if improves:
            self.kept = self.average.weights()
        records = (*self.course.records, record)
        self.course = replace(self.course, epoch=record.epoch + 1, step=0, records=records, best_epoch=best_epoch)
        self.sums = torch.zeros_like(self.sums)
        if self.unfinished is not None and (self.unfinished.is_due or self._is_over):
            self._keep_state()

    def _step(self, batch: Batch) -> None:
        loss, observed = self._loss(batch)
        count = self.processes.total(observed)
        if self.execution.waits_for_steps and int(count) == 0:
            return
        self.optimizer.zero_grad()
        (loss / count.clamp(min=1)).backward()
        whole = self.processes.add_gradients(self.parameters, loss)
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.settings.gradient_norm)
        self.guard.watch(whole.detach(), norm, batch.bar)
        if self.execution.waits_for_steps:
            self._check_guard()
        else:  # a fused optimiser leaves weights and its own state alone where this is 1
            self.optimizer.found_inf = torch.maximum(self.guard.tripped, (count == 0).float())  # type: ignore[attr-defined]
        for group in self.optimizer.param_groups:
            group["lr"] = self._learning_rate
        self.optimizer.step()
        self.average.update(self.model)
        self.course = replace(self.course, updates=self.course.updates + 1, averaged=self.average.steps)
        self.sums += torch.stack([loss.detach().double(), observed.double()])

    @property
    def _learning_rate(self) -> float:
        """Of the next step: rising over the first ones, then falling from pass to pass."""
        warm = min(1.0, (self.course.updates + 1) / self.execution.warm_up_steps)
        gone = self.course.epoch / self.settings.epochs if self.settings.annealing == "cosine" else 0.0
        return self.execution.learning_rate * warm * 0.5 * (1.0 + math.cos(math.pi * gone))

    def _loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """What is made small: the one place that calls the loss in training."""
        with encoding_in(self.execution.precision, self.model):
            return log_loss(self.model, batch, self.settings.loss_shares, self.recency.weight(batch.bar))

    def _record(self) -> EpochRecord:
        """Validate, and read what the pass has added up: the one time that the device is waited for."""
        with self.average.applied(self.model):
            validated = self.batches.validation() if self.passes is None else ()
            scored = summed_log_loss(self.model, validated, self.settings.loss_shares)
        sums = self.processes.total(torch.cat([self.sums, scored.to(self.sums.device)]))
        read = torch.cat([sums, self.guard.report]).tolist()
        self._raise_if_tripped(read[4:])
        (train, n_train), (validation, n_validation) = read[:2], read[2:4]
        return EpochRecord(
            self.course.epoch, train / max(n_train, 1.0), validation / n_validation if n_validation else math.nan
        )

    def _check_guard(self) -> None:
        self._raise_if_tripped(self.guard.report.tolist())

    def _raise_if_tripped(self, report: list[float]) -> None:
        tripped, loss, norm, *bars = report
        if tripped:
            raise RunError(self._not_finite(loss, norm, bars))

    def _keep_state(self) -> None:
        """Write everything that the rest of the fit depends on."""
        assert self.unfinished is not None
        self._check_guard()
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        tensors |= {f"average.{name}": value for name, value in self.average.mean.items()}
        tensors |= {f"kept.{name}": value for name, value in self.kept.items()}
        for number, weight in enumerate(self.parameters):
            for name, value in self.optimizer.state[weight].items():
                tensors[f"optimizer.{number}.{name}"] = value
        tensors |= {"sums": self.sums, "random": torch.get_rng_state()}
        if self.batches.device.type == "cuda":
            tensors["random_on_device"] = torch.cuda.get_rng_state(self.batches.device)
        self.unfinished.write(self.course, tensors)

    def _resume(self) -> None:
        """Take up the last state, if there is one of this fit."""
        found = None if self.unfinished is None else self.unfinished.read()
        if found is None:
            return
        self.course, tensors = found
        own = self.batches.device
        parts = {name: _part(tensors, f"{name}.", own) for name in ("model", "average", "kept")}
        self.model.load_state_dict(parts["model"])
        self.average.restore(parts["average"], self.course.averaged)
        self.kept = parts["kept"]
        for number, weight in enumerate(self.parameters):
            state = _part(tensors, f"optimizer.{number}.", own)
            if "step" in state and self.execution.waits_for_steps:
                state["step"] = state["step"].cpu()
            if state:
                self.optimizer.state[weight] = state
        self.sums = tensors["sums"].to(own)
        torch.set_rng_state(tensors["random"])
        if "random_on_device" in tensors:
            torch.cuda.set_rng_state(tensors["random_on_device"], own)

    def _not_finite(self, loss: float, norm: float, bars: list[float]) -> str:
        first, last = (self.batches.sessions[int(bar)] for bar in bars)
        return (
            f"training stopped in epoch {self.course.epoch}: loss {loss}, gradient norm {norm} on the sessions "
            f"{first:%Y-%m-%d}..{last:%Y-%m-%d}. Expected finite numbers. Lower training.learning_rate, or look for "
            "extreme returns there with `quantdl data check`."
        )

    def _no_score(self) -> str:
        span = self.batches.spans.validation
        first, last = self.batches.sessions[span[0]], self.batches.sessions[span[-1]]
        return (
            f"no pass has a validation score over {first:%Y-%m-%d}..{last:%Y-%m-%d}: either no return is observed "
            "there or the scores are not finite. Choose another span, or look at it with `quantdl data check`."
        )


@dataclass(eq=False)
class _Guard:
    """Remembers, on the device, the first step whose loss or gradient was not finite.

    Attributes:
        report: (5,) float64: whether there was one, then its loss, gradient norm, first and last bar.
    """

    report: Tensor

    @staticmethod
    def untouched(device: torch.device) -> "_Guard":
        return _Guard(torch.zeros(5, dtype=torch.float64, device=device))

    @property
    def tripped(self) -> Tensor:
        """1 from the first bad step on, float32."""
        return self.report[0].float()

    def watch(self, loss: Tensor, norm: Tensor, bars: Tensor) -> None:
        """Look at one step."""
        bad = ~(loss.isfinite() & norm.isfinite())
        seen = torch.stack([bad.double(), loss.double(), norm.double(), bars.min().double(), bars.max().double()])
        self.report = torch.where(self.report[0] > 0, self.report, torch.where(bad, seen, self.report))


def _part(tensors: dict[str, Tensor], prefix: str, device: torch.device) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value.to(device) for name, value in tensors.items() if name.startswith(prefix)}
