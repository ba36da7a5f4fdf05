"""Is the law behind `quantdl risk` right? Exceptions of the equal-weight book, over one bar and over ten, year by year.

    python benchmarks/bench_book_risk.py [--first 2011 --last 2018 --models market_states garch_t ...] [--books 20]

The bundled prices. At the last close before each year the model is fitted as `quantdl risk` would fit it then, and its
laws are read at every close of the year: value at risk of equal weight and of random long-only books over the next
bar, and over ten bars at every tenth close, whose returns do not overlap. Beside it the last 1,000 returns. Prints
JSON lines: exceptions, how many were promised, and Kupiec's p-value for equal weight; one thread.
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch

from quantdl.config import RiskConfig
from quantdl.experiment.book_risk import default_config
from quantdl.experiment.models import fit_model
from quantdl.experiment.preparation import LoadedData, model_inputs, prepared_through, read_sources
from quantdl.models.settings import settings_class
from quantdl.risk.backtests import kupiec_counts
from quantdl.risk.measures.losses import draw_returns, value_at_risk
from quantdl.sequences import ReturnWindow
from quantdl.training.splits import FitSpans, SplitBars

LEVELS = (0.975, 0.99)
BARS = (1, 10)
MEMORY = 1000  # returns of historical simulation
DRAWS = 5000


@dataclass
class Count:
    """Exceptions of K books, the first of them equal weight."""

    exceptions: np.ndarray
    forecasts: int = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--first", type=int, default=2011)
    parser.add_argument("--last", type=int, default=2018)
    parser.add_argument("--models", nargs="+", default=["market_states", "garch_t"])
    parser.add_argument("--books", type=int, default=20)
    asked = parser.parse_args()
    config = default_config()
    source = read_sources(config, keep_ingest=False)
    source = replace(source, panel=source.panel.until(pd.Timestamp(asked.last, 12, 31)))  # what comes after is not read
    data = prepared_through(config, source, source.panel.sessions[-1], config.unconfirmed_beyond)
    books = random_books(asked.books, len(data.panel.assets))
    years = range(asked.first, asked.last + 1)
    report("history", count(history(data, years), data, books), 0.0)
    for kind in asked.models:
        begun = time.process_time()
        found = count(laws(replace_model(config, kind), data, years), data, books)
        report(kind, found, time.process_time() - begun)


def random_books(n_books: int, n_assets: int) -> np.ndarray:
    """(A, 1 + K): equal weight, then weights that are uniform over all long-only books."""
    drawn = np.random.default_rng(7).dirichlet(np.ones(n_assets), n_books)
    return np.vstack([np.full(n_assets, 1 / n_assets), drawn]).T


def replace_model(config: RiskConfig, kind: str) -> RiskConfig:
    """The config with another classical model."""
    if kind == "market_states":
        return config
    model = settings_class(kind)(horizon=BARS[-1], refit="once")
    return config.model_copy(update={"model": model})


Drawn = tuple[int, int, torch.Tensor]  # the close, bars ahead, simple returns (S, A)


def laws(config: RiskConfig, data: LoadedData, years: range) -> Iterator[Drawn]:
    """Draws of the laws of each close, from a model that was fitted at the last close before its year."""
    sessions = data.learnt.sessions
    for year in years:
        inside = np.flatnonzero(sessions.year == year)
        last = int(inside[0]) - 1
        train = last - config.validation_sessions
        spans = FitSpans(range(0, train + 1), range(train, last + 1))
        through = data.learnt.until(sessions[inside[-1]])
        cut = replace(data, returns=data.returns.until(sessions[inside[-1]]))
        bars = SplitBars(spans, range(last, int(inside[-1])))
        block = fit_model(config.model, through, model_inputs(config, cut), bars, config)
        book = block.forecast(bars.test)
        for place, bar in enumerate(bars.test):
            for ahead in BARS:
                if ahead == 1 or place % ahead == 0:
                    law = book.law(data.learnt.bars[bar], ReturnWindow(0, ahead))
                    yield bar, ahead, torch.expm1(draw_returns(law, DRAWS, seed=bar)[:, 0])


def history(data: LoadedData, years: range) -> Iterator[Drawn]:
    """The last returns of each close, those over ten bars overlapping."""
    sessions, logs = data.learnt.sessions, torch.from_numpy(np.log(data.learnt.closes))
    inside = np.flatnonzero(np.isin(sessions.year, [*years]))
    for place, bar in enumerate(range(int(inside[0]) - 1, int(inside[-1]))):
        for ahead in BARS:
            if ahead == 1 or place % ahead == 0:
                past = logs[bar - MEMORY - ahead + 1 : bar + 1]
                yield bar, ahead, torch.expm1(past[ahead:] - past[:-ahead])


def count(drawn: Iterator[Drawn], data: LoadedData, books: np.ndarray) -> dict[tuple[int, float], Count]:
    """Exceptions by bars ahead and level."""
    closes, weights = torch.tensor(data.learnt.closes), torch.from_numpy(books)
    counts = {(bars, level): Count(np.zeros(books.shape[1])) for bars in BARS for level in LEVELS}
    for bar, ahead, returns in drawn:
        if bar + ahead >= len(closes):
            continue
        lost = -((closes[bar + ahead] / closes[bar] - 1.0) @ weights)
        losses = -(returns.double() @ weights)
        for level in LEVELS:
            cell = counts[ahead, level]
            cell.exceptions += (lost > value_at_risk(losses, level)).numpy()
            cell.forecasts += 1
    return counts


def report(name: str, counts: dict[tuple[int, float], Count], seconds: float) -> None:
    """Print a line for each number of bars and level."""
    for (bars, level), cell in counts.items():
        own, others = int(cell.exceptions[0]), cell.exceptions[1:]
        line = {
            "law": name,
            "bars": bars,
            "level": level,
            "forecasts": cell.forecasts,
            "promised": round((1 - level) * cell.forecasts, 1),
            "equal_weight": own,
            "p_value": round(kupiec_counts(own, cell.forecasts, level).p_value, 3),
            "other_books_mean": round(float(others.mean()), 1) if len(others) else None,
            "cpu_s": round(seconds, 1),
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
