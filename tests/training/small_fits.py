"""A fit of seconds, in processes of its own: killed again and again, or carried out by two processes together.

    python -m tests.training.small_fits kills FOLDER COUNT SEED
    python -m tests.training.small_fits together FOLDER

Children are forked after everything is imported, which saves the seconds that each start of Python would take.
"""

import hashlib
import json
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from quantdl.errors import RunError
from quantdl.features import feature_table
from quantdl.models.settings import TransformerSettings
from quantdl.models.transformer import TransformerForecaster
from quantdl.sequences import NEXT_SESSION, Histories, Shard, build_histories
from quantdl.simulation import panel_of_closes
from quantdl.training.batches import AssetBatches, SessionBatches, TrainingBatches
from quantdl.training.fit import Circumstances, FitReport, Progress, fit
from quantdl.training.parallel import training_processes
from quantdl.training.resuming import UnfinishedFit
from quantdl.training.settings import TrainingSettings
from quantdl.training.splits import FitSpans
from tests.panels import ragged_closes

SPANS = FitSpans(range(30, 200), range(199, 240))
CONTEXT = 16
SETTINGS = TrainingSettings(epochs=8, patience=8, block=12, rows=4, warm_up_steps=5)
NETWORK = TransformerSettings(horizon=5, width=8, heads=2, layers=1, dropout=0.2)


def small_histories() -> Histories:
    """Four assets that begin and end on different days."""
    panel = panel_of_closes(ragged_closes(260, 4, seed=3))
    return build_histories(panel, [NEXT_SESSION], table=feature_table(panel, ("own_history",)))


def sessions_of(histories: Histories, settings=SETTINGS, shard: Shard | None = None) -> SessionBatches:
    return SessionBatches(histories, SPANS, CONTEXT, settings, 0, shard)


def windows_of(histories: Histories, settings=SETTINGS, shard: Shard | None = None) -> AssetBatches:
    return AssetBatches(histories.bars, histories.sessions, SPANS, CONTEXT, 6, settings, 0, shard)


def small_fit(
    batches: TrainingBatches,
    n_features: int,
    settings: TrainingSettings = SETTINGS,
    network=NETWORK,
    progress: Progress | None = None,
    circumstances: Circumstances | None = None,
) -> tuple[TransformerForecaster, FitReport]:
    with torch.random.fork_rng():
        torch.manual_seed(4)
        model = TransformerForecaster(n_features, 1, network)
    return model, fit(model, batches, settings, 0, progress, circumstances)


def digest_of(model: torch.nn.Module, report: FitReport) -> str:
    found = hashlib.sha256(repr(report.epochs).encode())
    for name, value in model.state_dict().items():
        found.update(name.encode() + value.numpy().tobytes())
    return found.hexdigest()


def in_child(work: Callable[[], None]) -> int:
    """Fork, work in the child, and return its process."""
    child = os.fork()
    if child:
        return child
    try:
        work()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def kills(folder: Path, wanted: int, seed: int) -> dict[str, object]:
    """Kill a fit at random times, ``wanted`` times in all, starting it again each time until it ends."""
    histories = small_histories()
    started = time.monotonic()
    settings = replace(SETTINGS, epochs=4 if wanted < 10 else 12)
    expected = digest_of(*small_fit(sessions_of(histories), histories.n_features, settings))
    seconds, random = time.monotonic() - started, np.random.default_rng(seed)
    state, written = folder / "fit.safetensors", folder / "digest"
    n_kills, found = 0, []

    def go_on() -> None:
        kept = Circumstances(unfinished=UnfinishedFit(state, "small", seconds=0.0))
        fitted = small_fit(sessions_of(histories), histories.n_features, settings, circumstances=kept)
        written.write_text(digest_of(*fitted))

    while n_kills < wanted or not found:
        child = in_child(go_on)
        if n_kills < wanted:
            time.sleep(float(random.uniform(0.0, 2.0 * seconds / (wanted + 1))))
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        n_kills += os.WIFSIGNALED(status)
        if os.WIFEXITED(status):
            found.append(written.read_text() if os.WEXITSTATUS(status) == 0 else "failed")
            state.unlink(missing_ok=True)
    return {"expected": expected, "found": found, "kills": n_kills}


def together(folder: Path) -> dict[str, object]:
    """The same fits by one process and by two, and what a process says whose partner was killed."""
    network = replace(NETWORK, dropout=0.0)  # each process draws its own dropout
    histories = small_histories()
    found: dict[str, object] = {}
    for name, batches_of, rows in (("sessions", sessions_of, 3), ("windows", windows_of, 4)):
        settings = replace(SETTINGS, epochs=2, rows=rows, book_share=0.0)  # and its own random books
        model, report = small_fit(batches_of(histories, settings), histories.n_features, settings, network)
        found[name] = {"one": _told(model, report)}

        def share(rank: int, name: str = name, batches_of=batches_of, settings=settings) -> None:
            with training_processes() as processes:
                kept = Circumstances(processes=processes)
                batches = batches_of(histories, settings, processes.shard)
                observed = sum(int(batch.target_observed.sum()) for batch in batches.training(0))
                model, report = small_fit(batches, histories.n_features, settings, network, circumstances=kept)
                told = {**_told(model, report), "observed": observed}
                (folder / f"{name}_{rank}.json").write_text(json.dumps(told))

        _by_two(share)
        found[name]["two"] = [json.loads((folder / f"{name}_{rank}.json").read_text()) for rank in (0, 1)]
    uneven = replace(SETTINGS, epochs=2, rows=3)
    for victim in (0, 1):

        def doomed(rank: int, victim: int = victim) -> None:
            def stop(_: str, epoch: int, __: int) -> None:
                if rank == victim and epoch == 1:
                    os.kill(os.getpid(), signal.SIGKILL)

            with training_processes() as processes:
                kept = Circumstances(processes=processes)
                batches = sessions_of(histories, uneven, processes.shard)
                try:
                    small_fit(batches, histories.n_features, uneven, network, stop, kept)
                except RunError as error:
                    (folder / f"survivor_of_{victim}").write_text(str(error))

        _by_two(doomed)
        found[f"survivor_of_{victim}"] = (folder / f"survivor_of_{victim}").read_text()
    return found


def _told(model: torch.nn.Module, report: FitReport) -> dict[str, object]:
    weights = torch.cat([value.flatten() for value in model.state_dict().values()])
    return {
        "weights": weights.tolist(),
        "losses": [[record.train_loss, record.validation_loss] for record in report.epochs],
    }


def _by_two(work: Callable[[int], None]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def child(rank: int) -> None:
        os.environ.update(RANK=str(rank), WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
        work(rank)

    for process in [in_child(lambda rank=rank: child(rank)) for rank in (0, 1)]:
        os.waitpid(process, 0)


if __name__ == "__main__":
    torch.set_num_threads(1)
    what, folder, *numbers = sys.argv[1:]
    result = kills(Path(folder), *map(int, numbers)) if what == "kills" else together(Path(folder))
    print(json.dumps(result))
