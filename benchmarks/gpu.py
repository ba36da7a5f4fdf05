"""Training on a GPU beside one CPU thread, in one run of under four minutes.

    python benchmarks/gpu.py [--device cuda] [--compile] [--sections throughput parity scores profile]
    python benchmarks/gpu.py --device cpu        a dry run where there is no GPU: both sides are the CPU

Prints one JSON object a line: scored positions a second in training of each network, on one CPU thread and on the
device for several numbers of history rows a batch; how far log densities and quantiles of one law differ between the
two; the validation loss of the quick start's network after a few passes on either; what a step on the device spends its
time on.
Without CUDA, and without ``--device cpu``, it says so and ends.

The twenty bundled stocks are read where skfolio is installed, and a simulated market of the same size elsewhere. The
validation years are scored, never the test span.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from quantdl.market.panel import Panel
from quantdl.models.flow import FlowForecaster
from quantdl.models.forecaster import Forecaster
from quantdl.models.graph import GraphForecaster
from quantdl.models.settings import FlowSettings, GraphSettings, TransformerSettings
from quantdl.models.transformer import TransformerForecaster
from quantdl.relations.graphs import correlation_graph
from quantdl.sequences import NEXT_SESSION, Batch, Histories, build_histories, position_window
from quantdl.simulation import panel_of_closes
from quantdl.training.batches import SessionBatches
from quantdl.training.fit import fit
from quantdl.training.loss import log_loss
from quantdl.training.settings import LossShares, TrainingSettings
from quantdl.training.splits import FitSpans

CONTEXT, HORIZON, N_WINDOWS = 64, 5, 2
SECTIONS = ("throughput", "parity", "scores", "profile")
PROBABILITIES = (0.01, 0.05, 0.5, 0.95, 0.99)
SYNCHRONISING = ("aten::_local_scalar_dense", "cudaStreamSynchronize", "cudaDeviceSynchronize")


@dataclass(frozen=True)
class Asked:
    """What was asked for on the command line."""

    device: torch.device
    rows: tuple[int, ...]
    seconds: float
    sessions: int
    epochs: int
    compiled: bool


def build(name: str, n_features: int) -> Forecaster:
    torch.manual_seed(0)
    match name:
        case "transformer":
            return TransformerForecaster(n_features, N_WINDOWS, TransformerSettings(HORIZON))
        case "flow":
            return FlowForecaster(n_features, N_WINDOWS, FlowSettings(HORIZON))
        case _:
            return GraphForecaster(n_features, N_WINDOWS, GraphSettings(HORIZON))


MODELS = ("transformer", "flow", "graph")


def load(sessions: int) -> tuple[Panel, str]:
    """The last sessions through 2018 of the bundled stocks, or of a simulated market."""
    try:
        from quantdl.market.sources import load_sp500

        panel = load_sp500()
    except ImportError:
        generator = np.random.default_rng(0)
        returns = 0.01 * (generator.standard_normal((sessions, 1)) + generator.standard_t(5, (sessions, 20)))
        return panel_of_closes(50.0 * np.exp(np.cumsum(returns, axis=0))), "simulated"
    stop = int(panel.sessions.searchsorted(np.datetime64("2019-01-01")))
    return panel_of_closes(panel.closes[max(stop - sessions, 0) : stop]), "sp500"


def histories_of(panel: Panel) -> Histories:
    graph = correlation_graph(panel.log_returns(), GraphSettings(HORIZON).neighbours, 250)
    return build_histories(panel, (NEXT_SESSION, position_window(HORIZON)), graph=graph)


def spans_of(histories: Histories) -> FitSpans:
    """The last fifth chooses, what stands before it trains."""
    total = len(histories.sessions)
    cut = total - total // 5
    return FitSpans(range(CONTEXT, cut), range(cut, total - HORIZON - 1))


def batches_of(histories: Histories, rows: int) -> SessionBatches:
    settings = TrainingSettings(rows=rows)
    return SessionBatches(histories, spans_of(histories), CONTEXT, settings, seed=0)


def endless(batches: SessionBatches) -> Iterator[Batch]:
    for epoch in count():
        yield from batches.training(epoch)


def trainer(model: Callable[[Batch], object], parameters: list[torch.nn.Parameter]) -> Callable[[Batch], torch.Tensor]:
    """One training step; gives the number of scored positions, on the device."""
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, fused=parameters[0].is_cuda)

    def step(batch: Batch) -> torch.Tensor:
        loss, _ = log_loss(model, batch, LossShares())  # type: ignore[arg-type]
        scored = batch.target_observed.sum()
        optimizer.zero_grad()
        (loss / scored).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        return scored

    return step


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def rate(name: str, histories: Histories, device: torch.device, rows: int, seconds: float, compiled: bool) -> float:
    """Scored positions a second, gathering included, after a pass over three batches that does not count."""
    model = build(name, histories.n_features).to(device)
    step = trainer(torch.compile(model, dynamic=True) if compiled else model, list(model.parameters()))
    batches = endless(batches_of(histories.to(device), rows))
    for _ in range(3):
        step(next(batches))
    wait(device)
    scored: list[torch.Tensor] = []
    started = time.perf_counter()
    while not scored or time.perf_counter() - started < seconds:
        scored.append(step(next(batches)))
        if len(scored) % 8 == 0:
            wait(device)  # or the queue grows far beyond the clock
    wait(device)
    passed = time.perf_counter() - started
    return float(torch.stack(scored).sum()) / passed


def throughput(asked: Asked, histories: Histories) -> None:
    for name in MODELS:
        on_cpu = rate(name, histories, torch.device("cpu"), asked.rows[0], asked.seconds, compiled=False)
        print(
            json.dumps(
                {"section": "throughput", "model": name, "cpu_one_thread": round(on_cpu), "rows": asked.rows[0]}
            ),
            flush=True,
        )
        for rows in asked.rows:
            for compiled in (False, True) if asked.compiled and rows == asked.rows[-1] else (False,):
                found = rate(name, histories, asked.device, rows, asked.seconds, compiled)
                figures = {"section": "throughput", "model": name, asked.device.type: round(found), "rows": rows}
                ratio = {"over_cpu": round(found / on_cpu, 1), "compiled": compiled}
                print(json.dumps(figures | ratio), flush=True)


def parity(asked: Asked, histories: Histories) -> None:
    """One law from the same weights on either side."""
    last = spans_of(histories).validation[-1]
    batch = histories.batch([range(last - 32, last)], CONTEXT)
    for name in MODELS:
        model = build(name, histories.n_features).eval()
        for weights in model.parameters():  # away from the start, where most outputs are equal
            weights.data.add_(0.05 * torch.randn_like(weights))
        with torch.no_grad():
            here = model(batch)
            there = model.to(asked.device)(batch.to(asked.device))
            target = batch.target.to(asked.device)
            density = (there.log_prob(target).cpu() - here.log_prob(batch.target)).abs().max()
            marginal = (there.marginal_log_prob(target).cpu() - here.marginal_log_prob(batch.target)).abs().max()
            quantiles = max(
                float(((there.icdf(p).cpu() - here.icdf(p)).abs() / (here.icdf(p).abs() + 1e-4)).max())
                for p in PROBABILITIES
            )
        per_asset = float(density) / batch.present.shape[1]
        figures = {"log_prob": float(density), "log_prob_an_asset": per_asset, "marginal_log_prob": float(marginal)}
        passed = per_asset <= 1e-4 and float(marginal) <= 1e-4 and quantiles <= 1e-5
        print(json.dumps({"section": "parity", "model": name} | figures | {"quantiles": quantiles, "passed": passed}))


def scores(asked: Asked, histories: Histories) -> None:
    """Validation loss of the quick start's network after the same passes on either side."""
    settings = TrainingSettings(epochs=asked.epochs, patience=asked.epochs)
    losses = {}
    for side, device in (("cpu", torch.device("cpu")), ("device", asked.device)):
        model = build("transformer", histories.n_features).to(device)
        on_device = histories.to(device)
        batches = SessionBatches(on_device, spans_of(histories), CONTEXT, settings, seed=0)
        started = time.perf_counter()
        report = fit(model, batches, settings, seed=0)
        losses[side] = report.epochs[-1].validation_loss
        losses[f"{side}_s"] = time.perf_counter() - started
    difference = losses["device"] - losses["cpu"]
    shown = {key: round(value, 5) for key, value in losses.items()} | {"difference": round(difference, 6)}
    print(json.dumps({"section": "scores", "passes": asked.epochs} | shown | {"passed": abs(difference) <= 0.003}))


def where_time_goes(asked: Asked, histories: Histories) -> None:
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * (asked.device.type == "cuda")
    for name in MODELS:
        model = build(name, histories.n_features).to(asked.device)
        step = trainer(model, list(model.parameters()))
        batches = endless(batches_of(histories.to(asked.device), asked.rows[-1]))
        for _ in range(3):
            step(next(batches))
        with profile(activities=activities) as seen:
            step(next(batches))
            wait(asked.device)
        events = seen.key_averages()
        on_cuda = asked.device.type == "cuda"

        def spent(event: object, on_cuda: bool = on_cuda) -> float:
            return float(getattr(event, "self_device_time_total" if on_cuda else "self_cpu_time_total"))

        longest = sorted(events, key=spent, reverse=True)[:12]
        figures = {
            "section": "profile",
            "model": name,
            "rows": asked.rows[-1],
            "operations": sum(event.count for event in events if event.key.startswith("aten::")),
            "kernels": sum(event.count for event in events if "launchkernel" in event.key.lower()),
            "waits": sum(event.count for event in events if event.key in SYNCHRONISING),
            "longest_ms": {event.key[:60]: round(spent(event) / 1e3, 3) for event in longest},
        }
        print(json.dumps(figures), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="Training on a GPU beside one CPU thread.")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--rows", type=int, nargs="+", default=[2, 8, 32, 64])
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement of the throughput")
    parser.add_argument("--sessions", type=int, default=6000)
    parser.add_argument("--epochs", type=int, default=3, help="passes of the comparison of scores")
    parser.add_argument("--compile", action="store_true", help="measure torch.compile at the most rows too")
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=SECTIONS)
    given = parser.parse_args()
    if given.device == "cuda" and not torch.cuda.is_available():
        print(json.dumps({"skipped": f"torch {torch.__version__} finds no CUDA device; --device cpu is a dry run"}))
        return 0
    started = time.perf_counter()
    torch.set_num_threads(1)
    device = torch.device(given.device)
    asked = Asked(device, tuple(given.rows), given.seconds, given.sessions, given.epochs, given.compile)
    panel, source = load(asked.sessions)
    histories = histories_of(panel)
    machine = torch.cuda.get_device_name(device) if device.type == "cuda" else "no GPU: a dry run on the CPU"
    print(json.dumps({"device": machine, "torch": torch.__version__, "prices": source, "assets": len(panel.assets)}))
    run = {"throughput": throughput, "parity": parity, "scores": scores, "profile": where_time_goes}
    for section in given.sections:
        run[section](asked, histories)
    print(json.dumps({"wall_s": round(time.perf_counter() - started, 1)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
