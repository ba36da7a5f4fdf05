"""One fit on several processes: each takes a share of every batch, and their gradients are added up.

A step is the step that one process would take. The loss is divided by the targets observed in all processes, so it does
not matter how unevenly rows and targets fall to them, and every process holds the same weights after it.
"""

import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, distributed
from torch.distributed import TCPStore  # type: ignore[attr-defined]  # public, though not in its __all__

from quantdl.errors import RunError
from quantdl.sequences import Shard

_LAUNCHED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")  # what torchrun tells each process
_PATIENCE = timedelta(minutes=10)  # one process may read its data that much longer than another
_ROLL_CALL = timedelta(seconds=5)


@dataclass(frozen=True)
class Processes:
    """The processes that carry out one fit together; this one alone by default.

    Attributes:
        shard: Which of them this is.
    """

    shard: Shard = Shard()

    @staticmethod
    def current() -> "Processes":
        """Those of the group that `training_processes` has joined, or this one alone."""
        if not (distributed.is_available() and distributed.is_initialized()):
            return Processes()
        return Processes(Shard(distributed.get_rank(), distributed.get_world_size()))

    @property
    def is_first(self) -> bool:
        """Whether this is the one that writes and prints."""
        return self.shard.rank == 0

    def total(self, value: Tensor) -> Tensor:
        """Sum of a tensor over the processes.

        Raises:
            RunError: If one of them has ended; the message names it.
        """
        if self.shard.world_size == 1:
            return value
        summed = value.clone()
        try:
            distributed.all_reduce(summed)
        except RuntimeError as error:
            raise RunError(self._ended(error)) from error
        return summed

    def add_gradients(self, parameters: Sequence[Tensor], loss: Tensor) -> Tensor:
        """Replace each gradient by its sum over the processes, in one exchange; returns the sum of the losses."""
        if self.shard.world_size == 1:
            return loss
        gradients = [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in parameters]
        summed = self.total(torch.cat([loss.detach().flatten(), *(gradient.flatten() for gradient in gradients)]))
        parts = summed[1:].split([gradient.numel() for gradient in gradients])
        for weight, gradient, part in zip(parameters, gradients, parts, strict=True):
            weight.grad = part.view_as(gradient)
        return summed[0]

    def _ended(self, error: RuntimeError) -> str:
        missing = _without_answer(self.shard)
        named = " and ".join(f"process {rank}" for rank in missing) or "a process"
        reason = str(error).partition("\n")[0][:200]
        return (
            f"training stopped in process {self.shard.rank}: {named} of {self.shard.world_size} has ended ({reason}). "
            "Look for its own message above, and start all of them again."
        )


@contextmanager
def training_processes(environment: Mapping[str, str] = os.environ) -> Iterator[Processes]:
    """Join the processes that torchrun started, inside a ``with`` block; without it, this process is alone.

    Args:
        environment: Where ``RANK``, ``WORLD_SIZE``, ``MASTER_ADDR`` and ``MASTER_PORT`` are looked for.

    Raises:
        RunError: If the others cannot be reached.
    """
    if any(name not in environment for name in _LAUNCHED) or environment["WORLD_SIZE"] == "1":
        yield Processes()
        return
    rank, world_size = int(environment["RANK"]), int(environment["WORLD_SIZE"])
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(int(environment.get("LOCAL_RANK", rank)))
    address = f"tcp://{environment['MASTER_ADDR']}:{environment['MASTER_PORT']}"
    try:
        distributed.init_process_group(
            "nccl" if on_gpu else "gloo", "env://", timeout=_PATIENCE, rank=rank, world_size=world_size
        )
    except (RuntimeError, ValueError) as error:
        raise RunError(
            f"process {rank} of {world_size} cannot reach the others at {address}: {error}. Start them together, with "
            "`torchrun --nproc-per-node N -m quantdl ...`."
        ) from error
    try:
        yield Processes(Shard(rank, world_size))
    finally:
        distributed.destroy_process_group()


def _without_answer(shard: Shard) -> list[int]:
    """The processes that do not answer a roll call; the first one, which keeps the list, if even that is gone."""
    host, port = os.environ.get("MASTER_ADDR", ""), int(os.environ.get("MASTER_PORT", "0"))
    try:
        socket.create_connection((host, port), _ROLL_CALL.total_seconds()).close()
        store = TCPStore(host, port, is_master=False, timeout=_ROLL_CALL)
        store.set(f"here/{shard.rank}", "1")
    except (OSError, RuntimeError):
        return [0]
    return [rank for rank in range(shard.world_size) if rank != shard.rank and not _answers(store, rank)]


def _answers(store: TCPStore, rank: int) -> bool:
    try:
        store.wait([f"here/{rank}"], _ROLL_CALL)
    except RuntimeError:
        return False
    return True
