"""Runs of the command line beside each other: on this machine, or on a Ray cluster. Each is a process of its own.

A process of its own computes with one thread, shares no state with the others, and takes nothing along when it dies.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Protocol

from quantdl.errors import ConfigError

_ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}


@dataclass(frozen=True)
class Job:
    """One call of the command line.

    Attributes:
        arguments: After ``quantdl``.
        folder: Working directory.
    """

    arguments: tuple[str, ...]
    folder: str


@dataclass(frozen=True)
class JobResult:
    """How a job ended.

    Attributes:
        code: Exit code; negative where a signal ended the process.
        output: What it printed.
        errors: What it said on standard error.
    """

    code: int
    output: str
    errors: str


class Workers(Protocol):
    """Carries jobs out, several at a time."""

    def results(self, jobs: Sequence[Job]) -> Iterator[tuple[int, JobResult]]:
        """Give the number of each job with its result, as they end."""
        ...


def carried_out(job: Job, environment: Mapping[str, str] | None = None) -> JobResult:
    """Carry a job out with one thread and wait for it."""
    command = [sys.executable, "-m", "quantdl", *job.arguments]
    surroundings = {**(os.environ if environment is None else environment), **_ONE_THREAD}
    ended = subprocess.run(command, cwd=job.folder, env=surroundings, capture_output=True, text=True, check=False)
    return JobResult(ended.returncode, ended.stdout, ended.stderr)


@dataclass(frozen=True)
class ProcessWorkers:
    """Processes of this machine.

    Attributes:
        n_workers: Jobs at a time.
    """

    n_workers: int

    def results(self, jobs: Sequence[Job]) -> Iterator[tuple[int, JobResult]]:
        """See `Workers`."""
        with ThreadPoolExecutor(self.n_workers) as threads:  # each waits for one process
            waiting = {threads.submit(carried_out, job): number for number, job in enumerate(jobs)}
            try:
                for done in as_completed(waiting):
                    yield waiting[done], done.result()
            finally:
                threads.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True)
class RayWorkers:
    """A Ray cluster, or Ray on this machine; its nodes see the same files, and have quantdl installed.

    Attributes:
        n_workers: Jobs at a time on this machine; a cluster has as many as it has processors.
        address: Of the cluster's head; None starts Ray here for the time of the jobs.
    """

    n_workers: int
    address: str | None = None

    def results(self, jobs: Sequence[Job]) -> Iterator[tuple[int, JobResult]]:
        """See `Workers`.

        Raises:
            ConfigError: If ray is not installed.
        """
        try:
            import ray
        except ImportError as error:
            raise ConfigError("ray is not installed: pip install 'quantdl[ray]', or leave --ray out") from error
        here = {} if self.address else {"num_cpus": self.n_workers, "include_dashboard": False}
        ray.init(address=self.address, log_to_driver=False, logging_level="warning", **here)
        try:
            path = os.pathsep.join(filter(None, sys.path))
            task = ray.remote(num_cpus=1, max_retries=0)(_carried_out_on_a_node)
            waiting = {task.remote(job, path): number for number, job in enumerate(jobs)}
            while waiting:
                (done,), _ = ray.wait(list(waiting), num_returns=1)
                number = waiting.pop(done)
                try:
                    yield number, ray.get(done)
                except ray.exceptions.RayError as error:
                    yield number, JobResult(1, "", f"the node or its worker process ended: {error}")
        finally:
            ray.shutdown()


def _carried_out_on_a_node(job: Job, path: str) -> JobResult:
    return carried_out(job, {**os.environ, "PYTHONPATH": path})
