"""Scores of the laws of the next session, stock-day by stock-day, and the CPU time of what makes them."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch

from quantdl.sequences import NEXT_SESSION
from quantdl.training.forecasting import ForecastBook

Result = TypeVar("Result")


@dataclass(frozen=True)
class Scores:
    """Log densities and CRPS (in basis points) of every stock-day, (T, A), NaN where none was observed.

    ``joint`` is the log density of each session's stocks together, per observed stock.
    """

    log_density: np.ndarray
    crps: np.ndarray
    joint: float


def scores(book: ForecastBook) -> Scores:
    """Scores of the laws of the next session."""
    densities, ranks, joint = [], [], 0.0
    with torch.no_grad():
        for piece in book.of(NEXT_SESSION):
            for start in range(0, len(piece.sessions), 64):
                rows = slice(start, min(start + 64, len(piece.sessions)))
                law, seen = piece.law.rows(rows).observed(piece.observed[rows]), piece.observed[rows]
                target = piece.target[rows]
                unknown = torch.full(seen.shape, torch.nan, dtype=torch.float64)
                densities.append(torch.where(seen, law.marginal_log_prob(target).double(), unknown))
                ranks.append(torch.where(seen, law.marginal_crps(target).double(), unknown))
                joint += float(law.log_prob(target).double().sum())
    log_density, crps = torch.cat(densities).numpy(), 1e4 * torch.cat(ranks).numpy()
    return Scores(log_density, crps, joint / int(np.isfinite(log_density).sum()))


def timed(what: str, run: Callable[[], Result]) -> Result:
    """Run it and print the CPU seconds that it took."""
    started = time.process_time()
    result = run()
    print(json.dumps({"what": what, "cpu_s": round(time.process_time() - started, 1)}), flush=True)
    return result
