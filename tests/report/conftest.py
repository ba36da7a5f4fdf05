"""A run folder as a run leaves it: twenty stocks, 2019 to 2022, simulated here, in the files that a run writes.

Prices follow one market factor with Student-t shocks whose volatility jumps in March 2020. The book holds the twelve
calmest stocks in inverse proportion to their volatility, renewed each month and filled at the next close.
"""

from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from quantdl.risk import basel_zone, christoffersen, performance
from quantdl.runs import RunFolder, RunWriter, open_run
from scipy import stats

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
FILLS_PER_MONTH = 21
INITIAL = 1_000_000.0
COMMISSION, HALF_SPREAD = 1e-4, 2.5e-4

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
    """What will be written, to be changed by a test first."""

    records: dict[str, object] = field(default_factory=dict)
    frames: dict[str, pd.DataFrame] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)


def write_run(root: Path, files: RunFiles, name: str = "calm-twelve") -> RunFolder:
    """Write the files as a published run."""
    with RunWriter(root, name) as writer:
        for file, record in files.records.items():
            writer.write_json(file, record)
        for file, frame in files.frames.items():
            frame.to_parquet(writer.path(file))
        for file, text in files.texts.items():
            writer.write_text(file, text)
        target = writer.target
    return open_run(target)


def simulate(seed: int = 7) -> RunFiles:
    """Simulate a run with a model."""
    random = np.random.default_rng(seed)
    sessions = pd.bdate_range("2019-01-02", "2022-12-28", name="session")
    log_returns, volatility = _market(random, sessions)
    book = _book(np.expm1(log_returns), sessions)
    files = RunFiles(texts={"config.yaml": CONFIG_TEXT, "log.txt": "done\n"})
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
    files.records = {
        "config.json": CONFIG,
        "card.json": CARD,
        "census.json": CENSUS,
        "environment.json": ENVIRONMENT,
        "checklist.json": CHECKLIST,
        "selection.json": SELECTION,
        "model/model.json": MODEL,
        "training.json": TRAINING,
        "metrics.json": _metrics(files.frames, equity, baseline, regimes, book["frame"]["costs"].sum()),
    }
    return files


def strip_model(files: RunFiles) -> RunFiles:
    """Turn a simulated run into one whose strategy needs no model."""
    del files.frames["forecasts.parquet"]
    files.records["config.json"] = {**CONFIG, "model": None}
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
        rows.append((value, value * (1 - held.sum()), np.abs(held).sum(), held.sum(), turnover, cost, held_return, False))
    columns = ["equity", "cash", "gross", "net", "turnover", "costs", "held_return", "halted"]
    frame = pd.DataFrame(rows, sessions, columns)
    trades += [_trade(asset, opened, None, len(sessions) - 1, returns) for asset, opened in open_trades.items()]
    fills = pd.DataFrame(fills)
    return {
        "frame": frame, "equity": frame["equity"], "weights": np.array(weights), "fills": fills,
        "trades": pd.DataFrame(trades).sort_values("entry").reset_index(drop=True),
    }  # fmt: skip


def _targets(window):
    spread = window.std(axis=0, ddof=1)
    chosen = np.argsort(spread)[:12]
    inverse = np.zeros(len(ASSETS))
    inverse[chosen] = 1 / spread[chosen]
    return np.minimum(inverse / inverse.sum(), 0.12)


def _fill(order, session, asset, signed, notional):
    return {
        "order": order, "session": session, "asset": asset, "rule": "monthly renewal", "quantity": signed / 50, "price": 50.0,
        "notional": notional, "commission": notional * COMMISSION, "spread": notional * HALF_SPREAD, "impact": 0.0,
        "cost": notional * (COMMISSION + HALF_SPREAD),
    }  # fmt: skip


def _trade(asset, opened, closed, end, returns):
    entry, start, value = opened
    growth = float(np.prod(1 + returns[start + 1 : end + 1, asset]) - 1)
    result = 0.08 * growth - 0.08 * 7e-4
    stopped = closed is not None and growth < -0.25
    return {
        "asset": ASSETS[asset], "entry": entry, "exit": pd.NaT if closed is None else closed, "bars": end - start,
        "pnl": result * value, "return_on_equity": result, "rule_in": "monthly renewal",
        "rule_out": "" if closed is None else "stop loss" if stopped else "monthly renewal", "open": closed is None,
    }  # fmt: skip


def _exposures(weights, sessions):
    return pd.DataFrame(
        {name: weights[:, [ASSETS.index(asset) for asset in group]].sum(axis=1) for name, group in SECTORS.items()}, sessions
    )


def _events(trades):
    stopped = trades[trades["rule_out"] == "stop loss"]
    rows = [(trade.exit, "sizing", "stop loss", f"{trade.asset}: loss of the trade beyond the stop") for trade in stopped.itertuples()]
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


def _metrics(frames, equity, baseline, regimes, costs):
    sessions = equity.index
    forecasts = frames["forecasts.parquet"]
    central = (2 * (forecasts["pit"] - 0.5)).abs()
    per_asset = forecasts.groupby("asset")["log_density"]
    strategy = performance(equity, 252.0).to_json()
    spans = {}
    for regime in ("calm", "normal", "stressed"):
        held = regimes == regime
        spans[regime] = {}
        for book, curve in (("strategy", equity.to_numpy()), ("baseline", baseline)):
            returns = np.diff(curve) / curve[:-1]
            chosen = returns[held[1:]]
            spans[regime][book] = {
                "sessions": len(chosen), "pnl": float(np.diff(curve)[held[1:]].sum()), "return": float(np.prod(1 + chosen) - 1),
                "volatility": float(chosen.std(ddof=1)), "worst_session": float(chosen.min()),
            }  # fmt: skip
    crash = slice("2020-02-20", "2020-04-30")
    stress = {
        "strategy": {"sessions": 50, "return": float(equity[crash].iloc[-1] / equity[crash].iloc[0] - 1), "pnl": -180_300.0},
        "baseline": {"sessions": 50, "return": -0.22, "pnl": -204_000.0},
    }
    return {
        "strategy": strategy,
        "baseline": performance(pd.Series(baseline, sessions), 252.0).to_json(),
        "forecast": {
            "model": "transformer", "window": "next_session", "n": len(forecasts), "nll": float(-forecasts["log_density"].mean()),
            "joint_nll": -2.913, "crps": 0.00981,
            "coverage": [
                {"level": level, "observed": float((central < level).mean()), "n": len(forecasts)} for level in (0.5, 0.8, 0.9, 0.98)
            ],
            "pit": {"test": "Kolmogorov-Smirnov, one outcome per session", "statistic": 0.031, "p_value": 0.284},
            "assets": [
                {"asset": asset, "n": int(scores.count()), "nll": float(-scores.mean()), "crps": 0.0098} for asset, scores in per_asset
            ],
            "compare": [
                {"model": "transformer", "nll": -2.6412, "joint_nll": -2.913, "crps": 0.00981},
                {"model": "garch_t", "nll": -2.6552, "joint_nll": None, "crps": 0.00979,
                 "undefined": {"joint_nll": "one asset at a time"}},
            ],
        },
        "value_at_risk": [_var_test(frames["risk.parquet"], level) for level in (0.95, 0.99)],
        "regimes": spans,
        "stress_windows": {"crash of 2020": {"first": "2020-02-20", "last": "2020-04-30", **stress}},
        "costs": {
            "total": float(costs), "commission": float(costs) / 3.5, "spread": float(costs) * 2.5 / 3.5, "impact": 0.0,
            "share_of_initial_equity": float(costs) / INITIAL, "annual_turnover": 7.9, "stated_bps": 3.5,
            "break_even": {"bps": 41.2, "lower_bps": 41.2, "statement": "The profit is gone at 41.2 bps each way, by rerun."},
            "capacities": [{"coefficient": 1.0, "equity": None, "statement": "undefined: liquidity is waived"}], "exit": {},
        },
        "contexts": [
            {"context": "trend", "state": "rising", "sessions": 702, "pnl": 512_300.0},
            {"context": "trend", "state": "falling", "sessions": 339, "pnl": 84_100.0},
            {"context": "volatility", "state": "calm", "sessions": 642, "pnl": 610_000.0},
            {"context": "volatility", "state": "stressed", "sessions": 44, "pnl": -13_600.0},
        ],
        "stamps": [
            "Decided at a close, filled at the next traded close.",
            "Liquidity is waived by M. Okafor, head of desk: One million dollars in the most traded stocks. Fills are unlimited and "
            "capacity is undefined.",
            "The assets were picked knowing that they survived: only differences between books count.",
        ],
        "halt_reason": "",
    }  # fmt: skip


def _var_test(risk, level):
    hits = risk.loc[risk["level"] == level, "exception"].to_numpy(bool)
    found = christoffersen(hits, level)
    return {
        "level": level, "n": len(hits), "expected": (1 - level) * len(hits), "exceptions": int(hits.sum()),
        "kupiec_p": found.coverage.p_value, "independence_p": found.independence.p_value,
        "christoffersen_p": found.conditional_coverage.p_value, "z2": -0.41 if level == 0.99 else -0.18, "z2_p": 0.21 if level == 0.99 else 0.33,
        "basel_zone": basel_zone(int(hits[-250:].sum())).zone if level == 0.99 else None,
        "undefined": {} if level == 0.99 else {"basel_zone": "defined at 99 %"},
    }  # fmt: skip


CONFIG = {
    "name": "calm-twelve",
    "seed": 7,
    "data": {"kind": "sp500"},
    "model": {"kind": "transformer", "horizon": 21, "width": 32},
    "splits": {"train_end": "2016-12-30", "validation_end": "2018-12-31", "test_start": "2019-01-02", "test_end": "2022-12-28"},
    "strategy": {"file": "../strategies/inverse_volatility.py", "parameters": {"window": 60, "hold": 12}},
    "backtest": {"initial_equity": INITIAL, "draws": 2000},
    "plan": {
        "hypothesis": {
            "statement": "Stocks that moved least over the last quarter keep moving least over the next month, so a book of them loses "
            "less in bad months than equal weight, for at most a fifth of its return.",
            "market_context": "Large US stocks; any regime, but the claim is about falls.",
            "refuted_by": "An expected shortfall at 99 % no lower than equal weight's over the test span.",
            "yardstick": "expected_shortfall",
            "other_explanations": {
                "trend": "Defensive sectors may simply have risen.",
                "volatility": "The book may simply hold less risk; its Sharpe ratio would then be no higher.",
                "liquidity": "None; these stocks are among the most traded.",
            },
        },
        "horizon": {"bars": 21, "timeframe": "1D", "rebalance": {"kind": "period_end", "period": "month"}},
        "rules": [
            {"name": "monthly renewal", "purpose": "rebalance",
             "text": "At the first session of a month hold the twelve stocks of least 60-day volatility, weighted by its inverse."},
            {"name": "stop loss", "purpose": "exit", "text": "Close a trade whose loss at a close exceeds 2 % of equity."},
        ],
        "sizing": {
            "method": "Inverse volatility under the caps.", "long_only": True, "max_weight": 0.15, "max_gross": 1.02, "max_net": None,
            "stop_loss": 0.02, "max_loss_per_trade": 0.03,
        },
        "related_positions": {"groups": {"kind": "sector"}, "max_group_gross": 0.4, "max_group_net": None},
        "friction": {
            "commission_bps": 1.0, "half_spread_bps": 2.5, "borrow": None, "fill_at": "next_close", "delisting_recovery": 0.7,
            "liquidity": {"kind": "waiver", "signed_by": "M. Okafor, head of desk", "reason": "One million dollars in the most traded stocks."},
        },
        "invalidation": [
            {"kind": "drawdown", "limit": 0.4},
            {"kind": "volatility", "annualised": 0.9, "window_bars": 21},
            {"kind": "stale_data", "bars": 5},
            {"kind": "calibration", "level": 0.99, "false_halt_probability": 0.05},
        ],
        "fast_exit": {"max_sessions": 5},
        "sample": {"first": "2019-01-02", "last": "2022-12-28", "minimum_sessions": 500, "purge_bars": 22},
        "abnormal_volatility": {"window_bars": 63, "calm_below": 0.14, "stressed_above": 0.3, "in_stress": "trade", "stress_windows": []},
        "documentation": {"author": "R. Lindqvist, quantitative research", "run_folder": "runs"},
    },
}  # fmt: skip
MODEL = {
    "schema_version": 1, "settings": CONFIG["model"], "features": [["return", 1.0], ["volatility", 20.0]], "assets": list(ASSETS),
    "windows": [{"starts_after": 0, "bars": 1}, {"starts_after": 1, "bars": 21}], "context": 250, "fitted_through": ["2018-12-31"],
}  # fmt: skip
TRAINING = {
    "best_epoch": 9,
    "epochs": [
        {"epoch": n, "train_loss": -2.2 - 0.75 * (1 - 0.8**n), "validation_loss": -2.15 - 0.74 * (1 - 0.75**n) + 0.002 * n} for n in range(1, 18)
    ],
}  # fmt: skip
CARD = {
    "source": "S&P 500 set bundled with skfolio 1.12.2", "timezone": "America/New_York", "frequency": "1D", "adjustment": "total_return",
    "calendar": "XNYS", "as_of": "2022-12-28", "licence": "BSD-3-Clause, as part of skfolio", "fields": ["close"],
    "fingerprint": "sha256:5d1c7f0a5e0c0b4a8c3d3b4c6b1f7e8a9d2c4e6f8091a2b3c4d5e6f708192a3b", "universe": "survivors",
    "notes": ["RRC: masked before 1995-01-03, its prices were stale (policy stale_year: mask).", "Closes only: fills at the next close."],
}  # fmt: skip
CENSUS = {
    "n_sessions": 8313, "n_assets": 20,
    "first": "1990-01-02", "last": "2022-12-28", "universe": "survivors",
    "counts": {"session_missing_for_all": 2, "stale_year": 775, "return_above_50pct": 2, "missing_session": 0, "zero_close": 0,
               "negative_close": 0, "repeated_row": 0, "assumed_delisted": 0},
    "traded_by_year": {
        asset: {str(year): 0.0 if asset == "RRC" and year < 1995 else 0.992 if asset == "GE" and year == 2001 else 1.0
                for year in range(1990, 2023)}
        for asset in ASSETS
    },
    "survivorship": "All twenty stocks were picked knowing that they are still listed in 2022: results are better than they could have been.",
    "coverage": {asset: 1.0 if asset != "RRC" else 0.848 for asset in ASSETS},
    "faults": [
        {"kind": "stale_year", "symbol": "RRC", "first": "1990-01-02", "last": "1994-12-30", "count": 775,
         "detail": "Years 1990, 1991, 1992, 1993, 1994."},
        {"kind": "return_above_50pct", "symbol": "RRC", "first": "1990-04-10", "last": "1990-04-10", "count": 1, "detail": "+200 % in a day"},
        {"kind": "return_above_50pct", "symbol": "AMD", "first": "2016-04-22", "last": "2016-04-22", "count": 1, "detail": "+52.3 % in a day"},
        {"kind": "session_missing_for_all", "symbol": None, "first": "2012-10-29", "last": "2012-10-30", "count": 2, "detail": "exchange closed, storm"},
    ],
}  # fmt: skip
ENVIRONMENT = {
    "quantdl": "0.1.0", "python": "3.11.7", "system": "Linux-6.1-x86_64", "processor": "x86_64", "cores": 2, "threads": 2,
    "thread_variables": {"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": ""}, "packages": {"numpy": "2.4.6", "pandas": "3.1.1", "torch": "2.13.0", "quantdl": "0.1.0"},
}  # fmt: skip
SELECTION = {
    "n_records": 17, "n_trials": 14, "effective_trials": 14.0, "sharpe": 0.0421, "sharpe_variance": 0.00031, "probabilistic_sharpe": 0.911,
    "expected_maximum_sharpe": 0.0383, "deflated_sharpe": 0.548, "overfitting_probability": None,
    "undefined": {"overfitting_probability": "needs the returns of all trials over one span"},
    "notes": ["A deflated Sharpe ratio below 0.95 does not exclude luck of the search."],
}  # fmt: skip


def _item(item, passed, statement, figure, cause=""):
    return {"item": item, "passed": passed, "statement": statement, "figure": figure, "cause": cause}


CHECKLIST = {
    "verdict": "not defended",
    "items": [
        _item("hypothesis", True, "Expected shortfall at 99 % is below equal weight's", "3.41 % against 4.12 %"),
        _item("horizon", True, "No position outlives 21 bars without a decision", "longest 21 bars"),
        _item("trusted_data", None, "The data is what the plan trusts", "card and fingerprint agree",
              "The universe was chosen among survivors, so every figure is relative to it."),
        _item("rules", True, "Every order carries a written rule", "1,126 orders, 2 rules"),
        _item("sizing", True, "No trade loses more than 3 % of equity", "worst trade -2.61 %"),
        _item("related_positions", True, "No sector above 40 % at a decision", "largest 39.8 %"),
        _item("friction", True, "Break-even cost above the stated 3.5 bp", "41.2 bp"),
        _item("invalidation", True, "Conditions evaluated every session, none fired", "drawdown 34 % of 40 %"),
        _item("fast_exit", None, "The book is flat within 5 sessions", "undefined", "Liquidity is waived, so days to liquidate are undefined."),
        _item("sample", True, "At least 500 sessions out of sample", "1,041 sessions"),
        _item("abnormal_volatility", True, "Results per regime are reported", "3 regimes, 1 stress window"),
        _item("forecast_calibration", False, "no test rejects the forecasts at 5% over all 3 tests (1.67% each)",
              "Kupiec, 95 % value at risk of the book: 78 exceptions in 1019 sessions, 51.0 expected, p = 0.0003; Kupiec, 99 %: 11 "
              "exceptions in 1019 sessions, 10.2 expected, p = 0.8; PIT of the book: p = 0.28",
              "Kupiec, 95 % value at risk of the book: 78 exceptions in 1019 sessions, 51.0 expected, p = 0.0003"),
        _item("documentation", True, "Author and run folder are recorded", "R. Lindqvist"),
    ],
}  # fmt: skip


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
