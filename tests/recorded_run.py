"""A run folder as a run leaves it: twenty stocks, 2019 to 2022, simulated here, in the files that a run writes.

Prices follow one market factor with Student-t shocks whose volatility jumps in March 2020. The book holds the twelve
calmest stocks in inverse proportion to their volatility, renewed each month and filled at the next close.
"""

import json
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from quantdl.backtest.judging.summaries import cumulative_costs
from quantdl.records import to_plain
from quantdl.results.breakdowns import break_down
from quantdl.results.metrics import FurtherMetrics
from quantdl.results.tables import write_parquet
from quantdl.risk import basel_zone, christoffersen, performance
from quantdl.risk.curves.active_risk import active_risk
from quantdl.risk.curves.equity_curves import MeasuredCurve
from quantdl.risk.curves.further_figures import further_figures
from quantdl.runs import RunFolder, RunWriter, open_run

SECTORS = {
    "Technology": ("AAPL", "AMD", "MSFT"),
    "Health care": ("JNJ", "LLY", "MRK", "PFE", "UNH"),
    "Consumer staples": ("KO", "PEP", "PG", "WMT"),
    "Energy": ("CVX", "RRC", "XOM"),
    "Financials": ("BAC", "JPM"),
    "Consumer discretionary": ("BBY", "HD"),
    "Industrials": ("GE",),
}
ASSETS = tuple(sorted(asset for group in SECTORS.values() for asset in group))
INITIAL = 1_000_000.0
COMMISSION, HALF_SPREAD = 1e-4, 2.5e-4

RECORDS = Path(__file__).parent / "records"
CONFIG_TEXT = """\
# Least volatile twelve of twenty S&P 500 stocks.
name: calm-twelve
seed: 7
data: {kind: sp500}
model:
  kind: transformer
  horizon: 21
"""


@dataclass
class RunFiles:
    """What will be written, to be changed by a test first; what is ``withheld`` is not,
    and of what is ``emptied`` only the columns.

    What a run derives from its tables is derived when it is written, so that it follows a changed table.
    """

    records: dict[str, object] = field(default_factory=dict)
    frames: dict[str, pd.DataFrame] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    withheld: set[str] = field(default_factory=set)
    emptied: set[str] = field(default_factory=set)


def write_run(root: Path, files: RunFiles, name: str = "calm-twelve") -> RunFolder:
    """Write the files as a published run."""
    records, frames = derived(files)
    with RunWriter(root, name) as writer:
        for file, record in records.items():
            if file not in files.withheld:
                writer.write_json(file, record)
        for file, frame in frames.items():
            if file not in files.withheld:
                write_parquet(frame.iloc[:0] if file in files.emptied else frame, writer.path(file))
        for file, text in files.texts.items():
            writer.write_text(file, text)
        target = writer.target
    return open_run(target)


def derived(files: RunFiles) -> tuple[dict[str, object], dict[str, pd.DataFrame]]:
    """Add what a run derives from its tables, unless a test has put something else in its place."""
    frames = dict(files.frames)
    result = SimpleNamespace(
        initial_equity=INITIAL,
        equity=frames["equity.parquet"],
        weights_after_fill=frames["weights.parquet"],
        **{name: frames[f"{name}.parquet"] for name in ("fills", "trades", "exposures", "events")},
    )
    breakdowns = break_down(result, frames.get("forecasts.parquet"))
    frames.setdefault("cumulative_costs.parquet", cumulative_costs(result))
    frames.setdefault("curves.parquet", _curves(frames["equity.parquet"], frames["baseline.parquet"]))
    return {"breakdowns.json": to_plain(breakdowns), **files.records}, frames


def _curves(*books):
    columns = {}
    for name, book in zip(("strategy", "baseline"), books, strict=True):
        start = pd.Series([INITIAL], [book.index[0] - pd.Timedelta(days=1)])
        grown = pd.concat([start, book["equity"]]) / INITIAL
        columns |= {name: grown, f"{name}_drawdown": grown / grown.cummax() - 1}
    return pd.DataFrame(columns)


def recorded(name: str) -> dict:
    """Read what does not depend on the simulation: the plan, the card, the environment and so on."""
    return json.loads((RECORDS / f"{name}.json").read_text(encoding="utf-8"))


def simulate(seed: int = 7) -> RunFiles:
    """Simulate a run with a model."""
    random = np.random.default_rng(seed)
    sessions = pd.bdate_range("2019-01-02", "2022-12-28", name="session")
    log_returns, volatility = _market(random, sessions)
    book = _book(np.expm1(log_returns), sessions)
    files = RunFiles(texts={"written/1_calm_twelve.yaml": CONFIG_TEXT, "log.txt": "done\n"})
    equity = book["equity"]
    baseline = INITIAL * np.concatenate([[1.0], np.cumprod(1 + np.expm1(log_returns[1:]).mean(axis=1) - 2e-6)])
    regimes = np.where(volatility > 0.30, "stressed", np.where(volatility < 0.14, "calm", "normal"))
    files.frames = {
        "equity.parquet": book["frame"],
        "baseline.parquet": pd.DataFrame({"equity": baseline}, sessions),
        "weights.parquet": pd.DataFrame(book["weights"], sessions, list(ASSETS)),
        "exposures.parquet": _exposures(book["weights"], sessions),
        "fills.parquet": book["fills"],
        "orders.parquet": book["fills"].drop(columns=["price"]),
        "trades.parquet": book["trades"],
        "events.parquet": _events(book["trades"]),
        "conditions.parquet": _conditions(equity, sessions),
        "risk.parquet": _risk(random, equity, sessions),
        "regimes.parquet": pd.DataFrame({"regime": regimes}, sessions),
        "forecasts.parquet": _forecasts(random, log_returns, sessions),
    }
    metrics = _metrics(files.frames, equity, baseline, regimes)
    files.records = {"model/model.json": recorded("model"), "metrics.json": metrics, "census.json": _census()}
    for name in ("config", "card", "environment", "checklist", "selection", "training"):
        files.records[f"{name}.json"] = recorded(name)
    return files


def strip_model(files: RunFiles) -> RunFiles:
    """Turn a simulated run into one whose strategy needs no model."""
    del files.frames["forecasts.parquet"]
    files.records["config.json"]["model"] = None
    del files.records["model/model.json"], files.records["training.json"]
    metrics = dict(files.records["metrics.json"])
    metrics.pop("forecast")
    files.records["metrics.json"] = metrics
    files.frames["risk.parquet"] = files.frames["risk.parquet"].assign(source="historical simulation")
    return files


def _market(random, sessions):
    days = np.arange(len(sessions))
    crash = np.searchsorted(sessions, pd.Timestamp("2020-02-24"))
    daily = 0.0075 + 0.030 * np.where(days >= crash, np.exp(-(days - crash) / 45), 0) + 0.0045 * (sessions.year == 2022)
    shock = stats.t(4).rvs(len(sessions), random_state=random) / np.sqrt(2)
    drift = 0.0011 - 0.012 * ((days >= crash) & (days < crash + 22))
    market = drift + daily * shock
    beta = random.uniform(0.6, 1.3, len(ASSETS))
    own = stats.t(5).rvs((len(sessions), len(ASSETS)), random_state=random) * random.uniform(0.006, 0.017, len(ASSETS))
    return market[:, None] * beta + own, daily * np.sqrt(252)


def _book(returns, sessions):
    held = np.zeros(len(ASSETS))
    value, rows, weights, fills, open_trades, trades = INITIAL, [], [], [], {}, []
    month = sessions.month.to_numpy()
    for t, session in enumerate(sessions):
        held_return = float(held @ returns[t])
        value *= 1 + held_return
        held = held * (1 + returns[t]) / (1 + held_return)
        cost = turnover = 0.0
        if t == 1 or (t > 61 and month[t] != month[t - 1]):
            target = _targets(returns[max(0, t - 61) : t]) if t > 60 else np.full(len(ASSETS), 1 / len(ASSETS))
            traded = (target - held) * value
            for asset in np.flatnonzero(np.abs(traded) > 1.0):
                notional = abs(traded[asset])
                fills.append(_fill(len(fills), session, ASSETS[asset], traded[asset], notional))
                cost += notional * (COMMISSION + HALF_SPREAD)
            for asset in np.flatnonzero((target > 0) & (held <= 0)):
                open_trades[asset] = (session, t, value)
            for asset in [asset for asset in open_trades if target[asset] <= 0]:
                trades.append(_trade(asset, open_trades.pop(asset), session, t, returns))
            turnover = float(np.abs(traded).sum() / value)
            held, value = target, value - cost
        weights.append(held)
        rows.append(
            (value, value * (1 - held.sum()), np.abs(held).sum(), held.sum(), turnover, cost, held_return, False)
        )
    columns = ["equity", "cash", "gross", "net", "turnover", "costs", "held_return", "halted"]
    frame = pd.DataFrame(rows, sessions, columns)
    trades += [_trade(asset, opened, None, len(sessions) - 1, returns) for asset, opened in open_trades.items()]
    fills = pd.DataFrame(fills)
    return {
        "frame": frame,
        "equity": frame["equity"],
        "weights": np.array(weights),
        "fills": fills,
        "trades": pd.DataFrame(trades).sort_values("entry").reset_index(drop=True),
    }


def _targets(window):
    spread = window.std(axis=0, ddof=1)
    chosen = np.argsort(spread)[:12]
    inverse = np.zeros(len(ASSETS))
    inverse[chosen] = 1 / spread[chosen]
    return np.minimum(inverse / inverse.sum(), 0.12)


def _fill(order, session, asset, signed, notional):
    return {
        "order": order,
        "session": session,
        "asset": asset,
        "rule": "monthly renewal",
        "quantity": signed / 50,
        "price": 50.0,
        "notional": notional,
        "commission": notional * COMMISSION,
        "spread": notional * HALF_SPREAD,
        "impact": 0.0,
        "cost": notional * (COMMISSION + HALF_SPREAD),
    }


def _trade(asset, opened, closed, end, returns):
    entry, start, value = opened
    growth = float(np.prod(1 + returns[start + 1 : end + 1, asset]) - 1)
    result = 0.08 * growth - 0.08 * 7e-4
    stopped = closed is not None and growth < -0.25
    return {
        "asset": ASSETS[asset],
        "entry": entry,
        "exit": pd.NaT if closed is None else closed,
        "bars": end - start,
        "pnl": result * value,
        "return_on_equity": result,
        "rule_in": "monthly renewal",
        "rule_out": "" if closed is None else "stop loss" if stopped else "monthly renewal",
        "open": closed is None,
    }


def _exposures(weights, sessions):
    return pd.DataFrame(
        {name: weights[:, [ASSETS.index(asset) for asset in group]].sum(axis=1) for name, group in SECTORS.items()},
        sessions,
    )


def _events(trades):
    stopped = trades[trades["rule_out"] == "stop loss"]
    rows = [
        (trade.exit, "sizing", "stop loss", f"{trade.asset}: loss of the trade beyond the stop")
        for trade in stopped.itertuples()
    ]
    rows += [(pd.Timestamp("2020-03-16"), "related_positions", "group cap", "Health care: 0.412 cut to 0.400")]
    rows += [(pd.Timestamp("2021-02-01"), "fast_exit", "participation", "RRC: order cut to 5 % of dollar volume")]
    return pd.DataFrame(rows, columns=["session", "item", "condition", "detail"]).sort_values("session")


def _conditions(equity, sessions):
    returns = equity.pct_change().fillna(0.0)
    return pd.DataFrame(
        {
            "drawdown": 1 - equity / equity.cummax(),
            "volatility": returns.rolling(21).std() * np.sqrt(252),
            "calibration": np.exp(np.abs(returns).rolling(10).sum().fillna(0) * 6),
        },
        sessions,
    )


def _risk(random, equity, sessions):
    loss = -equity.pct_change().to_numpy()
    scale = pd.Series(loss**2).ewm(alpha=0.06).mean().shift(1).pow(0.5).to_numpy()
    lines = []
    for level, quantile in ((0.95, 1.42), (0.99, 2.72)):
        predicted = scale * quantile
        frame = pd.DataFrame({"session": sessions, "level": level, "value_at_risk": predicted, "loss": loss})
        frame["expected_shortfall"] = predicted * 1.3
        frame["exception"] = loss > predicted
        lines.append(frame[22:])
    return pd.concat(lines).assign(source="transformer").reset_index(drop=True)


def _forecasts(random, log_returns, sessions):
    scale = pd.DataFrame(log_returns**2).ewm(alpha=0.06).mean().shift(1).pow(0.5).to_numpy()
    law = stats.t(4, scale=scale / np.sqrt(2) * 1.17)
    pit = law.cdf(log_returns)
    frame = pd.DataFrame({"session": np.repeat(sessions, len(ASSETS)), "asset": np.tile(ASSETS, len(sessions))})
    frame["window"] = "next_session"
    frame["target"], frame["pit"] = log_returns.ravel(), pit.ravel()
    frame["observed"] = frame["present"] = True
    frame["log_density"] = law.logpdf(log_returns).ravel()
    return frame[22 * len(ASSETS) :].reset_index(drop=True)


def _census():
    years = {asset: {str(year): 1.0 for year in range(1990, 2023)} for asset in ASSETS}
    years["RRC"] |= {str(year): 0.0 for year in range(1990, 1995)}
    years["GE"]["2001"] = 0.992
    coverage = {**dict.fromkeys(ASSETS, 1.0), "RRC": 0.848}
    return {**recorded("census"), "coverage": coverage, "traded_by_year": years}


def _metrics(frames, equity, baseline, regimes):
    sessions, costs = equity.index, frames["equity.parquet"]["costs"].sum()
    forecasts = frames["forecasts.parquet"]
    central = (2 * (forecasts["pit"] - 0.5)).abs()
    per_asset = forecasts.groupby("asset")["log_density"]
    strategy = to_plain(performance(equity, 252.0))
    spans = {}
    for regime in ("calm", "normal", "stressed"):
        held = regimes == regime
        spans[regime] = {}
        for book, curve in (("strategy", equity.to_numpy()), ("baseline", baseline)):
            returns = np.diff(curve) / curve[:-1]
            chosen = returns[held[1:]]
            spans[regime][book] = {
                "sessions": len(chosen),
                "pnl": float(np.diff(curve)[held[1:]].sum()),
                "return": float(np.prod(1 + chosen) - 1),
                "volatility": float(chosen.std(ddof=1)),
                "worst_session": float(chosen.min()),
            }
    crash = slice("2020-02-20", "2020-04-30")
    stress = {
        "strategy": {
            "sessions": 50.0,
            "return": float(equity[crash].iloc[-1] / equity[crash].iloc[0] - 1),
            "pnl": -180_300.0,
            "volatility": 0.021,
            "worst_session": -0.061,
        },
        "baseline": {
            "sessions": 50.0,
            "return": -0.22,
            "pnl": -204_000.0,
            "volatility": 0.028,
            "worst_session": None,
        },
    }
    return {
        "strategy": strategy,
        "baseline": to_plain(performance(pd.Series(baseline, sessions), 252.0)),
        "forecast": {
            "model": "transformer",
            "window": "next_session",
            "n": len(forecasts),
            "nll": float(-forecasts["log_density"].mean()),
            "joint_nll": -2.913,
            "crps": 0.00981,
            "coverage": [
                {"level": level, "observed": float((central < level).mean()), "n": len(forecasts)}
                for level in (0.5, 0.8, 0.9, 0.98)
            ],
            "pit": {"test": "Kolmogorov-Smirnov, one outcome per session", "statistic": 0.031, "p_value": 0.284},
            "assets": [
                {"asset": asset, "n": int(scores.count()), "nll": float(-scores.mean()), "crps": 0.0098}
                for asset, scores in per_asset
            ],
        },
        "value_at_risk": [_var_test(frames["risk.parquet"], level) for level in (0.95, 0.99)],
        "regimes": spans,
        "stress_windows": {"crash of 2020": stress},
        "costs": {
            "total": float(costs),
            "commission": float(costs) / 3.5,
            "spread": float(costs) * 2.5 / 3.5,
            "impact": 0.0,
            "share_of_initial_equity": float(costs) / INITIAL,
            "annual_turnover": 7.9,
            "stated_bps": 3.5,
            "break_even": {
                "bps": 41.2,
                "lower_bps": 41.2,
                "statement": "The profit is gone at 41.2 bps each way, by rerun.",
            },
            "capacities": [{"coefficient": 1.0, "equity": None, "statement": "undefined: liquidity is waived"}],
            "exit": {},
        },
        "contexts": [
            {"context": "trend", "state": "rising", "sessions": 702, "pnl": 512_300.0},
            {"context": "trend", "state": "falling", "sessions": 339, "pnl": 84_100.0},
            {"context": "volatility", "state": "calm", "sessions": 642, "pnl": 610_000.0},
            {"context": "volatility", "state": "stressed", "sessions": 44, "pnl": -13_600.0},
        ],
        "stamps": [
            "Decided at a close, filled at the next traded close.",
            "Liquidity is waived (signed: M. Okafor, head of desk): One million dollars in the most traded stocks. "
            "Fills are unlimited and capacity is undefined.",
            "The assets were picked knowing that they survived: only differences between books count.",
        ],
        "halted_on": None,
        "halt_reason": "",
        "further": _further(equity, pd.Series(baseline, sessions)),
    }


def _further(equity, baseline):
    own, other = (MeasuredCurve.of(curve, 252.0) for curve in (equity, baseline))
    active = (active_risk(own, other, "equal weight"),)
    return to_plain(FurtherMetrics(further_figures(own), further_figures(other), active))


def _var_test(risk, level):
    hits = risk.loc[risk["level"] == level, "exception"].to_numpy(bool)
    found = christoffersen(hits, level)
    return {
        "level": level,
        "n": len(hits),
        "expected": (1 - level) * len(hits),
        "exceptions": int(hits.sum()),
        "kupiec_p": found.coverage.p_value,
        "independence_p": found.independence.p_value,
        "christoffersen_p": found.conditional_coverage.p_value,
        "z2": -0.41 if level == 0.99 else -0.18,
        "z2_p": 0.21 if level == 0.99 else 0.33,
        "basel_zone": basel_zone(int(hits[-250:].sum())).zone if level == 0.99 else None,
        "undefined": {} if level == 0.99 else {"basel_zone": "defined at 99 %"},
    }


@pytest.fixture(scope="session")
def _originals() -> dict[int, RunFiles]:
    return {}


@pytest.fixture
def simulated(_originals):
    """Simulate a run; each call gives a copy of its own."""

    def build(seed: int = 7) -> RunFiles:
        if seed not in _originals:
            _originals[seed] = simulate(seed)
        original = _originals[seed]
        return RunFiles(deepcopy(original.records), dict(original.frames), dict(original.texts))

    return build


@pytest.fixture
def files(simulated) -> RunFiles:
    return simulated()


@pytest.fixture
def without_model():
    return strip_model


@pytest.fixture
def write(tmp_path):
    return lambda files, name="calm-twelve", root=None: write_run(root or tmp_path / "runs", files, name)
