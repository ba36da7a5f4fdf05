"""Strategies, features and plans that have raised false alarms elsewhere, and look at nothing but what was known.

Delays, sizes that depend on the whole cross-section or on how many positions are open, protections after losses, books
that stand aside, orders that wait for a price, memory from session to session, random draws with a seed of the session,
files and whole panels that are read up to now.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from quantdl.audit import Pipeline
from quantdl.backtest import Decision, Hold
from quantdl.backtest.plan.friction import Friction, MeasuredVolume
from quantdl.backtest.plan.horizon import EveryBars, PeriodEnd
from quantdl.backtest.plan.invalidation import DrawdownLimit
from tests.leaks.market import frame, momentum, pipeline, true_world


@dataclass(frozen=True)
class Clean:
    name: str
    make: Callable[[Path], Pipeline]

    def __str__(self) -> str:
        return self.name


class Views:
    """A strategy made of one function of the view, which is asked every third session, or as often as it says."""

    def __init__(self, weights, every: int = 3):
        self.weights, self.every = weights, every

    def decide(self, view):
        if len(view.sessions) % self.every:
            return None
        weights = self.weights(view)
        return weights if weights is None or isinstance(weights, Hold) else Decision(weights * view.listed, "rebalance")


def of_view(name: str, weights, every: int = 3, **items) -> Clean:
    return Clean(name, lambda folder: pipeline(strategy=lambda world: Views(weights, every), **items))


def of_class(name: str, build, **items) -> Clean:
    return Clean(name, lambda folder: pipeline(strategy=lambda world: build(), **items))


def spread(scores: np.ndarray, view) -> np.ndarray:
    scores = np.where(view.listed, np.nan_to_num(scores, nan=-1e9), -1e9)
    share = np.exp(np.clip(scores - scores.max(), -50, 0))
    return 0.6 * share / share.sum()


def logs(view) -> pd.DataFrame:
    return pd.DataFrame(np.log(view.continuous_closes)).ffill()


def late(bars: int):
    """Follows prices of some bars ago: a delay, which is no leak."""
    return lambda view: spread(10 * (logs(view).iloc[-1 - bars] - logs(view).iloc[-6 - bars]).to_numpy(), view)


def ranked(view):
    moves = (logs(view).iloc[-1] - logs(view).iloc[-10]).rank().fillna(0).to_numpy()
    return 0.6 * moves / max(moves.sum(), 1)


def calm(view):
    return spread(-100 * pd.DataFrame(view.simple_returns(20)).std().to_numpy(), view)


def z_score_so_far(view):
    so_far = logs(view)
    return spread(-((so_far.iloc[-1] - so_far.mean()) / so_far.std()).to_numpy(), view)


def centred_in_the_past(view):
    """A centred window of what the view gives ends at now."""
    smooth = logs(view).rolling(5, center=True, min_periods=1).mean()
    return spread(10 * (smooth.iloc[-1] - smooth.iloc[-8]).to_numpy(), view)


def filled_in_the_past(view):
    return spread(logs(view).bfill().diff(5).iloc[-1].to_numpy(), view)


def waves_of_the_past(view):
    spectrum = np.fft.rfft(np.nan_to_num(logs(view).diff().to_numpy()), axis=0)
    spectrum[8:] = 0
    return spread(50 * np.fft.irfft(spectrum, n=len(view.sessions), axis=0)[-1], view)


def components_of_the_past(view):
    values = np.nan_to_num(logs(view).diff().to_numpy())
    _, _, loadings = np.linalg.svd(values - values.mean(axis=0), full_matrices=False)
    return spread(np.abs(loadings[0]), view)


def weeks_that_have_ended(view):
    closes = logs(view)
    ended = closes[: len(closes) // 7 * 7]
    weeks = ended.groupby(np.arange(len(ended)) // 7).last()
    return spread(10 * weeks.diff().iloc[-1].to_numpy(), view)


def seeded(view):
    return spread(np.random.default_rng(view.session.value % 2**32).standard_normal(len(view.assets)), view)


def by_law(view):
    return spread(30 * np.nan_to_num(view.draws).mean(axis=0), view)


def tail_of_law(view):
    return spread(20 * np.nan_to_num(np.quantile(view.draws, 0.1, axis=0)), view)


def scaled_by_volatility(view):
    recent = pd.DataFrame(view.simple_returns(20)).std().fillna(1).to_numpy()
    weights = np.where(view.listed, 0.002 / np.maximum(recent, 1e-6), 0.0)
    return 0.8 * weights / max(weights.sum(), 1.0)


def by_open_positions(view):
    """As much as there are free places: what is decided depends on what is held."""
    free = 4 - int((view.weights > 0).sum())
    return np.where(view.weights > 0, view.weights, 0.05 * max(free, 0))


def by_equity(view):
    return np.full(len(view.assets), 0.1 + 0.05 * np.tanh(view.equity / 1e6 - 1))


def protected(view):
    """Half the size after a fall of the book's market."""
    recent = logs(view).diff().iloc[-5:].mean(axis=None)
    return np.full(len(view.assets), 0.08 if recent < 0 else 0.16)


def if_it_trades_below(view):
    """A limit in words: buys what closed below its low of the last week."""
    lows = view.fields["low"][-8:-1].min(axis=0)
    return np.where(view.closes[-1] < np.nan_to_num(lows) * 1.02, 0.15, 0.02)


def by_volume(view):
    volume = np.nan_to_num(view.fields["volume"][-5:].mean(axis=0))
    return 0.7 * volume / max(volume.sum(), 1.0)


def holds_by_turns(view):
    if len(view.sessions) % 2:
        return Hold("rebalance")
    return np.full(len(view.assets), 0.12)


def when_told_to(view):
    return np.full(len(view.assets), 0.1) if view.rebalance_due else None


class Remembers:
    """Smooths its own weights: what it decides depends on all that it has decided."""

    def __init__(self, share: float):
        self.share, self.before = share, None

    def decide(self, view):
        wanted = ranked(view)
        self.before = wanted if self.before is None else self.share * self.before + (1 - self.share) * wanted
        return None if len(view.sessions) % 3 else Decision(self.before * view.listed, "rebalance")


class CoolsDown:
    """Stands aside for some sessions after a loss: a protection, of its own state."""

    def __init__(self, sessions: int):
        self.sessions, self.left, self.peak = sessions, 0, 0.0

    def decide(self, view):
        self.peak = max(self.peak, view.equity)
        if view.equity < 0.99 * self.peak and not self.left:
            self.left, self.peak = self.sessions, view.equity
        self.left = max(self.left - 1, 0)
        if len(view.sessions) % 3:
            return None
        return Decision((0.02 if self.left else 0.15) * view.listed, "rebalance")


class Delayed:
    """Decides today what it found some sessions ago."""

    def __init__(self, bars: int):
        self.bars, self.queue = bars, []

    def decide(self, view):
        self.queue.append(calm(view))
        if len(self.queue) <= self.bars or len(view.sessions) % 3:
            return None
        return Decision(self.queue[-1 - self.bars] * view.listed, "rebalance")


class Trails:
    """A trailing stop kept by the strategy: the highest close since it bought."""

    def __init__(self, fall: float):
        self.fall, self.peak = fall, None

    def decide(self, view):
        now = np.nan_to_num(view.closes[-1])
        self.peak = now if self.peak is None else np.maximum(self.peak, now)
        if len(view.sessions) % 3:
            return None
        held = now > (1 - self.fall) * self.peak
        return Decision(0.15 * held * view.listed, "rebalance")


class RandomWalks:
    """Its own generator, seeded once."""

    def __init__(self):
        self.generator = np.random.default_rng(3)

    def decide(self, view):
        scores = self.generator.standard_normal(len(view.assets))
        return None if len(view.sessions) % 3 else Decision(spread(scores, view) * view.listed, "rebalance")


class Counts:
    def __init__(self, every: int):
        self.every, self.asked = every, 0

    def decide(self, view):
        self.asked += 1
        return None if self.asked % self.every else Decision(0.14 * view.listed, "rebalance")


class Learns:
    """Fits a line on what it has seen so far, again at each decision."""

    def decide(self, view):
        if len(view.sessions) % 3:
            return None
        moves = np.nan_to_num(logs(view).diff().to_numpy())
        slope = float((moves[1:] * moves[:-1]).sum() / (moves[:-1] ** 2).sum())
        return Decision(spread(50 * slope * moves[-1], view) * view.listed, "rebalance")


def whole_panel_until_now(world):
    """Has the whole panel and asks it for what was known only."""
    return Views(lambda view: spread(np.log(world.panel.until(view.session).closes[-1] / 100), view))


def memo(folder):
    """A cache that outlives it, of what the views themselves say."""
    kept: dict = {}

    def weights(view):
        if view.session not in kept:
            kept[view.session] = ranked(view)
        return kept[view.session]

    return pipeline(strategy=lambda world: Views(weights))


def file_until_now(folder):
    path = folder / "closes.csv"
    frame(true_world().panel).rename_axis("date").to_csv(path)

    def weights(view):
        closes = pd.read_csv(path, index_col=0, parse_dates=True).loc[: view.session]
        return spread(np.log(closes.iloc[-1] / closes.iloc[-6]).to_numpy(), view)

    return replace(pipeline(strategy=lambda world: Views(weights)), built_from_world=False)


def parameters_from_file(folder):
    """Reads its parameters from a file when it is built; the rows are dated, so that later ones can be left out."""
    path = folder / "limits.csv"
    path.write_text("2018-01-01,0.1\n2018-01-02,0.12\n")

    def build(world):
        share = float(pd.read_csv(path, header=None).iloc[0, 1])
        return Views(lambda view: np.full(len(view.assets), share))

    return replace(pipeline(strategy=build), built_from_world=False)


def series_as_known(world, panel):
    values, _ = world.series["rate"].as_of(panel.known_at)
    return {"rate": np.repeat(np.nan_to_num(values)[:, None], len(panel.assets), axis=1)}


def many_features(world, panel):
    closes = np.log(frame(panel))
    return {
        "momentum": closes.diff(5).to_numpy(),
        "decay": closes.diff().ewm(halflife=5).mean().to_numpy(),
        "rank": closes.diff(3).rank(axis=1).to_numpy(),
        "so far": ((closes - closes.expanding().mean()) / closes.expanding().std()).to_numpy(),
        "range": np.log(frame(panel, "high") / frame(panel, "low")).rolling(5).mean().to_numpy(),
    }


def large_members(world, panel):
    volume = frame(panel, "volume").rolling(10, min_periods=1).mean()
    return (volume.rank(axis=1) > 2).to_numpy()


MEASURED = {"friction": Friction(2.0, 2.0, None, MeasuredVolume("measured", 10, 0.02, 0.5), 0.7, None, "next_open")}
SAME_BAR = {"friction": {"fill_at": "decision_close"}}
ASIDE = {"abnormal_volatility": {"calm_below": 0.1, "stressed_above": 0.35, "in_stress": "flat"}}
REDUCE = {"abnormal_volatility": {"calm_below": 0.1, "stressed_above": 0.3, "in_stress": "reduce_only"}}
TIGHT = {"sizing": {"stop_loss": 0.01, "max_loss_per_trade": 0.02}, "invalidation": (DrawdownLimit("drawdown", 0.4),)}
MONTHLY = {"horizon": {"bars": 30, "rebalance": PeriodEnd("period_end", "week")}}
FOURTH = {"horizon": {"bars": 8, "rebalance": EveryBars("every_bars", 4)}}

CLEANS = [
    Clean("the pipeline as it is", lambda folder: pipeline()),
    *(of_view(f"delay of {k} bars", late(k)) for k in (0, 1, 2, 10)),
    of_view("cross-section by ranks", ranked),
    of_view("cross-section by ranks, every session", ranked, every=1),
    of_view("inverse volatility", calm),
    of_view("volatility scaling", scaled_by_volatility),
    of_view("z-score so far", z_score_so_far),
    of_view("centred window of the past", centred_in_the_past),
    of_view("backfill within the past", filled_in_the_past),
    of_view("Fourier transform of the past", waves_of_the_past),
    of_view("principal components of the past", components_of_the_past),
    of_view("weeks that have ended", weeks_that_have_ended),
    of_view("random by session", seeded),
    of_view("mean of the law", by_law),
    of_view("tail of the law", tail_of_law),
    of_view("count of open positions", by_open_positions),
    of_view("size by equity", by_equity),
    of_view("protection after a fall", protected),
    of_view("limit on the last low", if_it_trades_below),
    of_view("size by volume", by_volume),
    of_view("holds by turns", holds_by_turns),
    *(of_class(f"smoothed by {s}", lambda s=s: Remembers(s)) for s in (0.5, 0.9)),
    *(of_class(f"cools down {k}", lambda k=k: CoolsDown(k)) for k in (3, 10)),
    *(of_class(f"delayed by {k}", lambda k=k: Delayed(k)) for k in (1, 4)),
    *(of_class(f"trailing stop of {s}", lambda s=s: Trails(s)) for s in (0.02, 0.05)),
    of_class("random walk with a seed", RandomWalks),
    *(of_class(f"counts to {k}", lambda k=k: Counts(k)) for k in (2, 5)),
    of_class("learns as it goes", Learns),
    Clean("whole panel until now", lambda folder: pipeline(strategy=whole_panel_until_now)),
    Clean("cache of what views say", memo),
    Clean("file until now", file_until_now),
    Clean("parameters from a file", parameters_from_file),
    Clean("series as it was known", lambda folder: pipeline(feature=series_as_known)),
    Clean("many features", lambda folder: pipeline(feature=many_features)),
    Clean("members by volume so far", lambda folder: pipeline(members=large_members)),
    Clean("scaled anew from the same rows", lambda folder: pipeline(feature=momentum, rescaled=True)),
    of_view("participation caps, next open", by_volume, **MEASURED),
    of_view("participation caps with ranks", ranked, **MEASURED),
    of_view("filled at the close it is decided on", ranked, **SAME_BAR),
    of_view("plan stands aside in stress", ranked, **ASIDE),
    of_view("plan only reduces in stress", calm, **REDUCE),
    of_view("tight stops", ranked, **TIGHT),
    of_class("tight stops with memory", lambda: Remembers(0.8), **TIGHT),
    of_view("at the end of weeks", when_told_to, every=1, **MONTHLY),
    of_view("every fourth session", when_told_to, every=1, **FOURTH),
    of_class("cools down while the plan stands aside", lambda: CoolsDown(5), **ASIDE),
    of_view("law under participation caps", by_law, **MEASURED),
]
