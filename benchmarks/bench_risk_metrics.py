"""Performance figures beside empyrical-reloaded and quantstats, both sides in one run, one thread, a process each.

The series: the mean of the twenty bundled stocks' simple returns, 8,312 sessions. `fifteen`: the figures that quantdl
and empyrical both have, from the same pandas series of returns; on our side the curve is built and checked anew each
time. `full`: all that quantdl says of one curve (72 numbers, the interval of the Sharpe ratio, months, years, falls)
beside `quantstats.reports.metrics(mode="full", display=False)`. Imports, data and the first call are not timed. At the
end each figure of a peer stands beside ours. With `--coverage` instead: in how many of 3,000 simulated paths the
interval of 95 % of a Sharpe ratio holds the true one, beside Mertens' error with 1.96.

    OMP_NUM_THREADS=1 python benchmarks/bench_risk_metrics.py [--peer PYTHON_WITH_EMPYRICAL_AND_QUANTSTATS] [--coverage]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

TURNS = {"fifteen": 60, "full": 5}
PEERS = {"fifteen": "empyrical", "full": "quantstats"}
# Functions of quantstats and what of ours has their meaning: its table rounds to two digits, so values are of these.
OF_QUANTSTATS = {
    "sharpe": "sharpe",
    "sortino": "sortino",
    "omega": "omega",
    "comp": "total_return",
    "cagr": "cagr_bars",
    "max_drawdown": "max_drawdown",
    "volatility": "volatility",
    "calmar": "calmar_by_bars",
    "skew": "skew",
    "kurtosis": "excess_kurtosis",
    "kelly_criterion": "kelly_of_bets",
    "value_at_risk": "return_at_risk_95",
    "cvar": "expected_tail_return_95",
    "payoff_ratio": "payoff",
    "profit_factor": "profit_factor",
    "gain_to_pain_ratio": "gain_to_pain",
    "common_sense_ratio": "common_sense_ratio",
    "tail_ratio": "tail_ratio",
    "ulcer_index": "ulcer_index",
    "ulcer_performance_index": "ulcer_performance",
    "recovery_factor": "recovery_factor",
    "probabilistic_sharpe_ratio": "probability_positive",
    "win_rate": "hit_rate",
    "best": "best_return",
    "worst": "worst_return",
    "avg_win": "average_gain",
    "consecutive_wins": "longest_gain",
    "consecutive_losses": "longest_loss",
    "expected_return": "geometric_mean",
}
OF_MONTHS = {
    "best": "best_month",
    "worst": "worst_month",
    "win_rate": "month_hit_rate",
    "avg_win": "average_up_month",
    "avg_loss": "average_down_month",
    "expected_return": "month_growth",
}


def job_of(name: str, returns: pd.Series, before: pd.Timestamp) -> Callable[[], dict[str, float]]:
    from quantdl.risk.curves.equity_curves import MeasuredCurve, equity_of_returns
    from quantdl.risk.curves.further_figures import further_figures
    from quantdl.risk.curves.metrics import performance, performance_of
    from quantdl.risk.curves.return_figures import return_figures

    def fifteen() -> dict[str, float]:
        curve = MeasuredCurve.of(equity_of_returns(returns, before), 252)
        found, beside = performance_of(curve), return_figures(curve)
        return {
            "annual_return": found.cagr_bars,
            "annual_volatility": found.volatility,
            "sharpe_ratio": found.sharpe,
            "sortino_ratio": found.sortino,
            "calmar_ratio": found.calmar,
            "max_drawdown": found.max_drawdown,
            "omega_ratio": beside.omega,
            "stability_of_timeseries": beside.stability,
            "tail_ratio": beside.tail_ratio,
            "downside_risk": found.downside_risk,
            "cum_returns_final": found.total_return,
            "value_at_risk_05": -found.value_at_risk_95,
            "value_at_risk_01": -found.value_at_risk_99,
            "conditional_value_at_risk_05": -found.expected_shortfall_95,
            "conditional_value_at_risk_01": -found.expected_shortfall_99,
        }

    def full() -> dict[str, float]:
        equity = equity_of_returns(returns, before)
        curve = MeasuredCurve.of(equity, 252)
        found, beside = performance(equity, 252), further_figures(curve)
        records = (found, beside.sharpe, beside.returns, beside.drawdowns, beside.calendar)
        plain = {
            field: float(value)
            for record in records
            for field, value in vars(record).items()
            if isinstance(value, float | int)
        }
        return plain | {
            "calmar_by_bars": found.cagr_bars / -found.max_drawdown,
            "return_at_risk_95": -found.value_at_risk_95,
            "expected_tail_return_95": -found.expected_shortfall_95,
        }

    return {"fifteen": fifteen, "full": full}[name]


def peer_job(name: str, returns: pd.Series) -> Callable[[], dict[str, float]]:
    warnings.simplefilter("ignore")
    if name == "full":
        import quantstats

        def table() -> dict[str, float]:
            found = quantstats.reports.metrics(returns.copy(), mode="full", display=False)
            return dict.fromkeys(found.index, 0.0)

        return table
    import empyrical

    plain = [
        *("annual_return", "annual_volatility", "sharpe_ratio", "sortino_ratio", "calmar_ratio", "max_drawdown"),
        *("omega_ratio", "stability_of_timeseries", "tail_ratio", "downside_risk", "cum_returns_final"),
    ]

    def fifteen() -> dict[str, float]:
        found = {one: float(getattr(empyrical, one)(returns)) for one in plain}
        for one in ("value_at_risk", "conditional_value_at_risk"):
            found |= {f"{one}_{share:02d}": float(getattr(empyrical, one)(returns, share / 100)) for share in (5, 1)}
        return found

    return fifteen


def values_of_quantstats(returns: pd.Series) -> dict[str, float]:
    """What the rows of its table are before they are rounded, by the name of its function."""
    from quantstats import stats

    found = {one: float(getattr(stats, one)(returns)) for one in OF_QUANTSTATS}
    return found | {f"{one} of months": float(getattr(stats, one)(returns, aggregate="ME")) for one in OF_MONTHS}


def timed(name: str, side: str, data: Path) -> None:
    """Carry a job out several times and print the median of its CPU time, with its figures."""
    returns = pd.read_csv(data, index_col=0, parse_dates=True)["return"]
    before, returns = returns.index[0], returns.iloc[1:]
    job = job_of(name, returns, before) if side == "quantdl" else peer_job(name, returns)
    figures, times = job(), []
    for _ in range(TURNS[name]):
        started = time.process_time()
        job()
        times.append(time.process_time() - started)
    told = {"job": name, "side": side, "cpu_ms": round(1e3 * float(np.median(times)), 3), "n_figures": len(figures)}
    if side == "quantstats":
        figures = values_of_quantstats(returns)
    print(json.dumps(told | {"figures": figures}))


def write_returns(file: Path) -> None:
    from quantdl.market.sources import load_sp500

    panel = load_sp500()
    moves = panel.closes[1:] / panel.closes[:-1] - 1.0
    series = pd.Series(np.concatenate([[0.0], moves.mean(1)]), panel.sessions, name="return")  # the first is no return
    series.to_csv(file, float_format="%.17g")


def compare(name: str, ours: dict[str, float], theirs: dict[str, float]) -> None:
    """Print each figure of a peer beside ours, and how far they are apart."""
    of_months = {f"{one} of months": own for one, own in OF_MONTHS.items()}
    pairs = OF_QUANTSTATS | of_months if name == "full" else {one: one for one in theirs}
    for one, own in pairs.items():
        values = {"quantdl": float(f"{ours[own]:.8g}"), PEERS[name]: float(f"{theirs[one]:.8g}")}
        off = f"{ours[own] / theirs[one] - 1.0:.1e}"
        print(json.dumps({"job": name, "figure": one, "ours": own, **values, "off": off}))


def autoregressive(rng: np.random.Generator, shape: tuple[int, int], slope: float) -> np.ndarray:
    shocks = rng.standard_normal((shape[0], shape[1] + 200)) * np.sqrt(1.0 - slope**2)
    for t in range(1, shocks.shape[1]):
        shocks[:, t] += slope * shocks[:, t - 1]
    return shocks[:, 200:]


def garch(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    shocks = rng.standard_t(6, (shape[0], shape[1] + 1000)) / np.sqrt(1.5)
    variance = np.ones(shape[0])
    for t in range(shocks.shape[1]):
        shocks[:, t] *= np.sqrt(variance)
        variance = 0.02 + 0.08 * shocks[:, t] ** 2 + 0.90 * variance
    return shocks[:, 1000:]


LAWS: dict[str, Callable[[np.random.Generator, tuple[int, int]], np.ndarray]] = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "student_t_5": lambda rng, shape: rng.standard_t(5, shape) / np.sqrt(5.0 / 3.0),
    "skewed": lambda rng, shape: (4.0 - rng.gamma(4.0, 1.0, shape)) / 2.0,
    "follows_0.2": lambda rng, shape: autoregressive(rng, shape, 0.2),
    "follows_0.5": lambda rng, shape: autoregressive(rng, shape, 0.5),
    "reverts_0.15": lambda rng, shape: autoregressive(rng, shape, -0.15),
    "garch_t_6": garch,
}


def coverage(paths: int = 3000) -> None:
    """Print how often the interval holds the truth; each law has mean zero and variance one, the ratio is added."""
    from quantdl.risk.curves.sharpe import sharpe_of

    for n, truth in ((60, 0.15), (252, 0.06), (1000, 0.06), (1000, 0.3)):
        for name, law in LAWS.items():
            drawn = truth + law(np.random.default_rng(n), (paths, n))
            found = [sharpe_of(path, 252.0) for path in drawn]
            held = np.mean([one.lower_per_bar <= truth <= one.upper_per_bar for one in found])
            reach = [1.959964 * one.independent_error_per_bar for one in found]
            naive = np.mean([abs(one.per_bar - truth) <= far for one, far in zip(found, reach, strict=True)])
            figures = {
                "n": n,
                "ratio": truth,
                "law": name,
                "held": round(float(held), 4),
                "mertens": round(float(naive), 4),
            }
            print(json.dumps(figures), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", help="a Python that has empyrical-reloaded and quantstats")
    parser.add_argument("--coverage", action="store_true", help="simulate the interval of a Sharpe ratio instead")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    parser.add_argument("--side", default="quantdl", help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.job:
        timed(given.job, given.side, given.data)
        return
    if given.coverage:
        coverage()
        return
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "returns.csv"
        write_returns(data)
        for name in TURNS:
            found = {}
            for side, python in (("quantdl", sys.executable), (PEERS[name], given.peer)):
                if python is not None:
                    command = [python, __file__, "--job", name, "--side", side, "--data", str(data)]
                    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
                    found[side] = json.loads(told.splitlines()[-1])
                    shown = {key: value for key, value in found[side].items() if key != "figures"}
                    print(json.dumps(shown), flush=True)
            if PEERS[name] in found:
                peer = found[PEERS[name]]
                compare(name, found["quantdl"]["figures"], peer["figures"])
                ratio = peer["cpu_ms"] / found["quantdl"]["cpu_ms"]
                print(json.dumps({"job": name, "times_as_fast": round(ratio, 2)}), flush=True)


if __name__ == "__main__":
    main()
