"""One-day-ahead laws of twenty stocks, 2019-01-02..2022-12-28 (20,120 stock-days), beside published libraries.

    python benchmarks/bench_forecasts.py [CONFIG] [--books N] [--output FOLDER]

Ours are fitted and scored here, as `quantdl evaluate` does (a look at the test span, which the ledger counts); the
others' figures are copied from a benchmark of the same stock-days and scores, made on the same kind of machine with the
versions named, and stand below for orientation. Lower is better; t takes the stock-days of a session as one cluster.

With --books N the equal-weight book and N random ones are held against a GJR-GARCH-skewed-t fitted to each of them, see
gjr_books.py; twenty minutes of CPU for 200 the first time. What was said of every day is kept in benchmarks/output.
"""

import argparse
import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import torch
from gjr_books import gjr_books

from quantdl.config import ExperimentConfig, load_config
from quantdl.experiment import evaluate, load_data
from quantdl.records import to_plain
from quantdl.results.evaluation_table import EvaluationTable
from quantdl.risk.backtests import christoffersen
from quantdl.risk.scores.book_laws import TAILS, long_only_books, share_better
from quantdl.scoring import fz0

ROOT = Path(__file__).resolve().parents[1]
OUTPUT = ROOT / "benchmarks" / "output"
ELSEWHERE = {  # NLL, CRPS in basis points, FZ0 of single stocks at 1 % and 5 %
    "arch 8.0.0 EGARCH-t, refitted yearly": (-2.66299, 107.394, -2.7139, -3.1969),
    "arch 8.0.0 GJR-GARCH-t, refitted yearly": (-2.65889, 107.540, -2.7109, -3.1882),
    "arch 8.0.0 GJR-GARCH-skewed-t, refitted yearly": (-2.65863, 107.537, -2.7107, -3.1880),
    "arch 8.0.0 GARCH-t, refitted yearly": (-2.65524, 107.700, -2.6960, -3.1764),
    "EWMA-t (0.94), scale fitted": (-2.65103, 107.919, -2.6950, -3.1733),
    "gluonts 0.17.0 SimpleFeedForward, Student-t": (-2.65096, 108.164, -2.7085, -3.1850),
    "EWMA-t (0.94)": (-2.64977, 107.879, -2.6631, -3.1670),
    "gluonts 0.17.0 PatchTST, Student-t, 2000 steps": (-2.64590, 108.767, -2.7019, -3.1788),
    "neuralforecast 3.3.0 VanillaTransformer, Student-t": (-2.64561, 108.776, -2.6983, -3.1752),
    "gluonts 0.17.0 DeepAR, Student-t": (-2.64149, 108.144, -2.5403, -3.1282),
    "gluonts 0.17.0 PatchTST, Student-t": (-2.63739, 109.427, -2.7314, -3.1846),
    "neuralforecast 3.3.0 PatchTST, Student-t": (-2.62944, 110.139, -2.6817, -3.1580),
    "pytorch-forecasting 1.8.0 DeepAR, Normal": (-2.58506, 109.846, -2.5846, -3.1571),
    "darts 0.41.0 TransformerModel, Gaussian": (-2.56329, 109.436, -2.4859, -3.1361),
}
# Joint NLL a day; of the equal-weight book the share beyond 99 and 95 %, Kupiec and Christoffersen p at 99 %, FZ0.
BOOKS_ELSEWHERE = {
    "GJR-GARCH-skewed-t of the book itself": (None, 0.01392, 0.05169, 0.2385, 0.4097, -3.2612, -3.6779),
    "GJR-GARCH-t of the book itself": (None, 0.01988, 0.06660, 0.0055, 0.0141, -3.2095, -3.6577),
    "EGARCH-t of the book itself": (None, 0.02386, 0.06759, 0.0002, 0.0005, -3.1715, -3.6389),
    "EWMA covariance (0.97), t": (-57.5215, 0.00994, 0.03777, 0.9848, 0.9042, -3.1519, -3.5476),
    "DCC with GJR margins, t": (-58.3750, 0.01988, 0.06660, 0.0055, 0.0151, -3.0880, -3.5799),
    "Ledoit-Wolf over 252 days, t": (-58.1499, 0.02783, 0.05865, 0.0000, 0.0000, -2.4088, -3.2731),
}


def main() -> None:
    torch.set_num_threads(1)
    asked = _arguments()
    config = load_config(asked.config)
    started, cpu = time.perf_counter(), time.process_time()
    table = evaluate(config, output=asked.output)
    used = {"wall_s": round(time.perf_counter() - started, 1), "cpu_s": round(time.process_time() - cpu, 1)}
    _print_ours(table, used)
    _print_elsewhere()
    if asked.books:
        _print_books(config, table, asked.output, asked.books)
    print(json.dumps({"written": str(asked.output), "looks_at_the_span": table.looks}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", nargs="?", type=Path, default=ROOT / "configs" / "forecast_sp500.yaml")
    parser.add_argument("--books", type=int, default=0, help="random books to hold against a GJR fitted to each")
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    parser.add_argument("--output", type=Path, default=OUTPUT / f"forecasts-{stamp}")
    return parser.parse_args()


def _print_ours(table: EvaluationTable, used: dict[str, float]) -> None:
    for row in table.rows:
        print(json.dumps(to_plain(row)))
    for horizon in table.horizons:
        print(json.dumps({"horizon": to_plain(horizon)}))
    print(json.dumps(used))


def _print_elsewhere() -> None:
    for name, figures in ELSEWHERE.items():
        named = dict(zip(("nll", "crps_bp", "fz0_01", "fz0_05"), figures, strict=True))
        print(json.dumps({"elsewhere": name, **named}))
    columns = ("joint_nll_day", "beyond_99", "beyond_95", "kupiec_p_99", "christoffersen_p_99", "fz0_01", "fz0_05")
    for name, figures in BOOKS_ELSEWHERE.items():
        print(json.dumps({"elsewhere, equal weight": name, **dict(zip(columns, figures, strict=True))}))


def _print_books(config: ExperimentConfig, table: EvaluationTable, output: Path, n_books: int) -> None:
    """Our laws of books, closed or drawn, against the rival fitted to each book."""
    learnt = load_data(config, keep_ingest=False).learnt
    returns = pd.DataFrame(learnt.log_returns(), learnt.sessions, list(learnt.assets))
    test = returns.loc[str(table.first) : str(table.last)].index
    books = range(min(n_books, config.evaluation.books) + 1)
    rival = gjr_books(returns, long_only_books(len(learnt.assets), len(books) - 1), test, OUTPUT)
    scores = _fz0(rival, len(books))
    hits = (-rival["outcome"] > rival["value_at_risk_losses_99"]).to_numpy().reshape(-1, len(books))
    tests = christoffersen(hits[:, 0], 0.99)
    equal = {"kupiec_p": tests.coverage.p_value, "christoffersen_p": tests.conditional_coverage.p_value}
    print(json.dumps({"rival": "GJR-skewed-t of each book", "fz0_01": scores[:, 0].mean(), **equal}))
    for row in table.rows:
        own = pd.read_parquet(output / f"books_{row.model}.parquet")
        own = own[own["book"].isin(books)].sort_values(["session", "book"])
        if abs(own["outcome"].to_numpy() - rival["outcome"].to_numpy()).max() > 1e-6:
            raise ValueError(f"{row.model} and its rival were not scored on the same returns of the books.")
        better = share_better(_fz0(own, len(books))[:, 1:], scores[:, 1:])
        beyond = (-own["outcome"] > own["value_at_risk_losses_99"]).to_numpy().reshape(-1, len(books))
        figures = {"books": len(books) - 1, "share_better_fz0_01": better, "pooled_hits_99": beyond[:, 1:].mean()}
        print(json.dumps({"model": row.model, **figures}))


def _fz0(books: pd.DataFrame, n_books: int):  # noqa: ANN202 - an array of sessions by books
    side, level = TAILS[0]
    columns = ("outcome", f"value_at_risk_{side}_99", f"shortfall_{side}_99")
    outcome, var, shortfall = (torch.from_numpy(books[name].to_numpy(copy=True)) for name in columns)
    return fz0(-outcome, var, shortfall, level).numpy().reshape(-1, n_books)


if __name__ == "__main__":
    main()
