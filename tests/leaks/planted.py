"""Leaks as they are written in earnest, by family; of each it is known where it shows and how far it looks.

A family is a mechanism; its members differ by a parameter. The last two columns are the fewest bars ahead that
suffice and the most that it looks, ANY where they depend on the prices, None where no change of some bars shows it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from quantdl.audit import Pipeline
from quantdl.backtest import Decision
from tests.leaks.market import FIRST, FIT, N_BARS, ended_on, frame, pipeline, true_world

ANY = -1


@dataclass(frozen=True)
class Planted:
    family: str
    name: str
    make: Callable[[Path], Pipeline]
    stage: str
    nearest: int | None = ANY
    furthest: int | None = ANY

    def __str__(self) -> str:
        return f"{self.family}, {self.name}"


def of_feature(compute) -> Callable[[Path], Pipeline]:
    """A leak in a feature of the panel."""
    return lambda folder: pipeline(feature=lambda world, panel: {"feature": np.asarray(compute(panel), dtype=float)})


def of_strategy(strategy, **items) -> Callable[[Path], Pipeline]:
    """A leak in a strategy that is built in a world."""
    return lambda folder: pipeline(strategy=strategy, **items)


class Knowing:
    """Holds, every third session, what a function of (number of the bar) likes best; the function knows too much."""

    def __init__(self, likes):
        self.likes = likes

    def decide(self, view):
        if len(view.sessions) % 3:
            return None
        liked = np.nan_to_num(np.asarray(self.likes(len(view.sessions) - 1), dtype=float), nan=-1e9)
        share = np.exp(liked - liked.max())
        weights = 0.8 * share / share.sum() * view.listed
        return Decision(weights, "rebalance")


def knowing(likes_in) -> Callable:
    """A strategy whose likes come from the whole panel of the world in which it is built."""
    return lambda world: Knowing(likes_in(world.panel))


def row(values: np.ndarray, at: int) -> np.ndarray:
    return np.nan_to_num(values[at]) if at < len(values) else np.zeros(values.shape[1])


# --- features


def returns(panel) -> pd.DataFrame:
    return np.log(frame(panel)).diff()


def in_weeks(panel, days: int, how: str) -> np.ndarray:
    """Bars of several days dated by their first day and carried on: known before they have ended."""
    closes = frame(panel).set_axis(range(len(panel.sessions)))
    whole = closes.groupby(closes.index // days).agg(how)
    return whole.reindex(closes.index // days).to_numpy()


def every(panel, step: int) -> pd.DataFrame:
    closes = frame(panel)
    return closes[np.arange(len(closes)) % step == 0].reindex(closes.index)


def peaks(panel, width: int) -> np.ndarray:
    closes = frame(panel)
    return (closes == closes.rolling(2 * width + 1, center=True, min_periods=1).max()).astype(float)


def smoothed(panel, kept: int) -> np.ndarray:
    spectrum = np.fft.rfft(np.nan_to_num(returns(panel).to_numpy()), axis=0)
    spectrum[kept:] = 0
    return np.fft.irfft(spectrum, n=len(panel.sessions), axis=0)


def haar(panel, depth: int) -> np.ndarray:
    """Soft thresholds of Haar's wavelets over blocks of whole days."""
    size = 2**depth
    values = np.nan_to_num(returns(panel).to_numpy())
    padded = np.vstack([values, np.zeros((-len(values) % size, values.shape[1]))])
    means = padded.reshape(-1, size, values.shape[1]).mean(axis=1)
    return np.repeat(means, size, axis=0)[: len(values)]


def principal(panel, count: int) -> np.ndarray:
    values = np.nan_to_num(returns(panel).to_numpy())
    _, _, loadings = np.linalg.svd(values - values.mean(axis=0), full_matrices=False)
    return values @ loadings[:count].T @ loadings[:count]


def encoded_target(panel, groups: int) -> np.ndarray:
    """Mean of the next return by day of the week: the target, spread over all rows of its group."""
    ahead = returns(panel).shift(-1).set_axis(range(len(panel.sessions)))
    return ahead.groupby(ahead.index % groups).transform("mean").to_numpy()


def until_event(panel, size: float) -> np.ndarray:
    """Bars until the next large move: a calendar of results that was written down afterwards."""
    large = (returns(panel).abs() > size).to_numpy()
    left = np.full(large.shape, 99.0)
    for bar in range(len(left) - 2, -1, -1):
        left[bar] = np.where(large[bar + 1], 1.0, left[bar + 1] + 1.0)
    return left


def without_trend(panel) -> np.ndarray:
    logs = np.log(frame(panel)).ffill().bfill().to_numpy()
    time = np.arange(len(logs))
    return logs - np.polynomial.polynomial.polyval(time, np.polynomial.polynomial.polyfit(time, logs, 1)).T


def forward_joined(panel, step: int, direction: str) -> np.ndarray:
    closes = every(panel, step).dropna(how="all")
    left = pd.DataFrame({"at": panel.sessions})
    right = closes.assign(at=closes.index).reset_index(drop=True)
    return pd.merge_asof(left, right, on="at", direction=direction)[list(panel.assets)].to_numpy()


def by_observed_day(kind: str) -> Callable[[Path], Pipeline]:
    """A series that is read by the day that it is dated, not by when it was known, five days later."""

    def feature(world, panel):
        series = world.series["rate"]
        dated = pd.Series(series.values, series.observed_on).reindex(panel.sessions).ffill()
        values = {"level": dated, "change": dated.diff(), "mean": dated.rolling(3).mean()}[kind]
        return {"rate": np.repeat(values.to_numpy()[:, None], len(panel.assets), axis=1)}

    return lambda folder: pipeline(feature=feature)


FEATURES = [
    *(
        Planted(
            "negative shift", f"by {k}", of_feature(lambda p, k=k: returns(p).shift(-k)), "features", max(k - 1, 1), k
        )
        for k in (1, 2, 5)
    ),
    Planted(
        "negative shift",
        "of a later change",
        of_feature(lambda p: frame(p).shift(-1).pct_change(fill_method=None)),
        "features",
        1,
        1,
    ),
    *(
        Planted(
            "centred window",
            f"of {w}",
            of_feature(lambda p, w=w: frame(p).rolling(w, center=True, min_periods=1).mean()),
            "features",
            1,
            (w - 1) // 2,
        )
        for w in (3, 5, 11)
    ),
    *(
        Planted("backfill", f"every {k}", of_feature(lambda p, k=k: every(p, k).bfill()), "features", ANY, ANY)
        for k in (2, 5)
    ),
    Planted(
        "backfill",
        "of a first price",
        of_feature(lambda p: frame(p, "open").shift(2).bfill(limit=1).shift(-3)),
        "features",
    ),
    *(
        Planted(
            "z-score of the whole sample",
            field,
            of_feature(lambda p, f=field: (frame(p, f) - frame(p, f).mean()) / frame(p, f).std()),
            "features",
            1,
        )
        for field in ("close", "volume", "high")
    ),
    *(
        Planted(
            "rank in the whole sample", field, of_feature(lambda p, f=field: frame(p, f).rank(pct=True)), "features"
        )
        for field in ("close", "volume")
    ),
    Planted(
        "rank in the whole sample",
        "as quartile",
        of_feature(lambda p: (frame(p) > frame(p).quantile(0.75)).astype(float)),
        "features",
    ),
    *(
        Planted(
            "longer bar dated by its start",
            f"{how} of {k}",
            of_feature(lambda p, k=k, h=how: in_weeks(p, k, h)),
            "features",
        )
        for k, how in ((5, "last"), (7, "max"), (21, "mean"), (2, "last"))
    ),
    *(
        Planted("peaks by a symmetric window", f"of {w}", of_feature(lambda p, w=w: peaks(p, w)), "features")
        for w in (1, 3, 10)
    ),
    *(
        Planted(
            "Fourier smoothing of the whole sample",
            f"{k} waves",
            of_feature(lambda p, k=k: smoothed(p, k)),
            "features",
            1,
        )
        for k in (4, 12, 40)
    ),
    *(Planted("wavelet smoothing", f"of depth {d}", of_feature(lambda p, d=d: haar(p, d)), "features") for d in (1, 3)),
    *(
        Planted(
            "principal components of the whole sample",
            f"{k} of them",
            of_feature(lambda p, k=k: principal(p, k)),
            "features",
            1,
        )
        for k in (1, 2)
    ),
    *(
        Planted(
            "label among the features", f"by {k} groups", of_feature(lambda p, k=k: encoded_target(p, k)), "features"
        )
        for k in (1, 5)
    ),
    *(
        Planted(
            "dates of results written down later",
            f"moves over {size}",
            of_feature(lambda p, s=size: until_event(p, s)),
            "features",
        )
        for size in (0.02, 0.035)
    ),
    *(
        Planted(
            "aligned off by one",
            field,
            of_feature(
                lambda p, f=field: np.vstack([np.diff(p.fields[f], axis=0), np.full((1, len(p.assets)), np.nan)])
            ),
            "features",
            1,
            1,
        )
        for field in ("close", "volume", "open")
    ),
    *(
        Planted("interpolated gaps", f"every {k}", of_feature(lambda p, k=k: every(p, k).interpolate()), "features")
        for k in (2, 7)
    ),
    *(
        Planted(
            "rolled round the end",
            f"by {k}",
            of_feature(lambda p, k=k: np.roll(p.closes, -k, axis=0)),
            "features",
            k,
            k,
        )
        for k in (1, 4)
    ),
    Planted("trend of the whole sample", "straight", of_feature(without_trend), "features", 1),
    *(
        Planted(
            "joined forward", f"{d} of every {k}", of_feature(lambda p, k=k, d=d: forward_joined(p, k, d)), "features"
        )
        for k, d in ((4, "forward"), (6, "nearest"))
    ),
    *(
        Planted("series read by its date", kind, by_observed_day(kind), "features", fewest, 5)
        for kind, fewest in (("level", 5), ("change", 4), ("mean", ANY))
    ),
    *(
        Planted(
            "decay run backwards",
            f"half-life {h}",
            of_feature(lambda p, h=h: returns(p)[::-1].ewm(halflife=h).mean()[::-1]),
            "features",
            1,
        )
        for h in (2, 20)
    ),
    Planted("over the last price", "ratio", of_feature(lambda p: frame(p) / frame(p).ffill().iloc[-1]), "features"),
    Planted(
        "length of the data",
        "share of the way",
        of_feature(lambda p: frame(p) * 0 + np.linspace(0, 1, len(p.sessions))[:, None]),
        "features",
        None,
        None,
    ),
]


# --- source, universe, scaler


def shifted_source(names: tuple[str, ...], bars: int = 1) -> Callable[[Path], Pipeline]:
    """Closes of a later bar beside the opens of this one: an order at the next open knows the close after it."""

    def source(world):
        panel = world.panel
        fields = dict(panel.fields)
        for name in names:
            later = np.vstack([panel.fields[name][bars:], panel.fields[name][-bars:]])
            fields[name] = np.where(panel.has_bar & np.isfinite(later), later, panel.fields[name])
        return replace(panel, fields=fields)

    return lambda folder: pipeline(source=source)


def filled_source(world):
    """Halts and gaps filled with the next price."""
    panel = world.panel
    holes = np.arange(len(panel.sessions))[:, None] % 6 == 5
    closes = frame(panel).mask(np.broadcast_to(holes, panel.has_bar.shape)).bfill().ffill().to_numpy()
    return replace(panel, fields={**panel.fields, "close": np.where(panel.has_bar, closes, np.nan)})


def survivors(last_bars: int) -> Callable:
    def members(world, panel):
        alive = panel.traded[-last_bars:].any(axis=0)
        return np.broadcast_to(alive, panel.traded.shape)

    return members


def later_winners(count: int) -> Callable:
    def members(world, panel):
        gain = frame(panel).ffill().iloc[-1] / frame(panel).bfill().iloc[FIRST]
        best = gain.rank(ascending=False).to_numpy() <= count
        return np.broadcast_to(best, panel.traded.shape)

    return members


def fit_for_life(world, panel):
    """Members only if they trade for another ten bars."""
    lives = pd.DataFrame(panel.traded[::-1]).rolling(10, min_periods=1).min().to_numpy()[::-1]
    return lives > 0


OTHER_STAGES = [
    Planted("close of the bar with an earlier fill", "closes", shifted_source(("close",)), "source", 1, 1),
    Planted("close of the bar with an earlier fill", "highs and lows", shifted_source(("high", "low")), "source", 1, 1),
    Planted("close of the bar with an earlier fill", "three bars", shifted_source(("close",), 3), "source", 3, 3),
    Planted("gaps filled at the source", "next price", lambda folder: pipeline(source=filled_source), "source", 1, 1),
    Planted("universe of survivors", "last bar", lambda folder: pipeline(members=survivors(1)), "universe"),
    Planted("universe of survivors", "last month", lambda folder: pipeline(members=survivors(20)), "universe"),
    Planted("universe of survivors", "later winners", lambda folder: pipeline(members=later_winners(2)), "universe"),
    Planted("universe of survivors", "members that live on", lambda folder: pipeline(members=fit_for_life), "universe"),
    Planted(
        "scaler fitted on everything",
        "all rows",
        lambda folder: pipeline(fit_rows=lambda rows: rows),
        "scaler",
        1,
        N_BARS - 1 - FIT,
    ),
    Planted(
        "scaler fitted on everything",
        "one bar too many",
        lambda folder: pipeline(fit_rows=lambda rows: rows[: FIT + 2]),
        "scaler",
        1,
        1,
    ),
    Planted(
        "scaler fitted on everything",
        "anew in every world",
        lambda folder: pipeline(fit_rows=lambda rows: rows, rescaled=True),
        "scaled",
        1,
    ),
]


# --- strategies


def extremes(panel, bars: int):
    """A stop that knows the lowest low of the next bars."""
    lows, closes = panel.fields["low"], panel.closes

    def likes(at):
        ahead = lows[at + 1 : at + 1 + bars]
        worst = np.nan_to_num(ahead, nan=1e9).min(axis=0) if len(ahead) else closes[at]
        return np.nan_to_num(worst / closes[at], nan=1.0) * 20

    return likes


def later_volume(panel, bars: int):
    volume = np.nan_to_num(panel.fields["volume"])
    return lambda at: volume[at + 1 : at + 1 + bars].sum(axis=0) / 1e6


def whole_volume(panel):
    volume = np.nanmean(panel.fields["volume"], axis=0)
    return lambda at: np.nan_to_num(volume) / 1e5


def next_move(panel, bars: int):
    logs = np.log(frame(panel)).ffill().bfill().to_numpy()
    return lambda at: 20 * (logs[min(at + bars, len(logs) - 1)] - logs[at])


def to_the_end(panel):
    logs = np.log(frame(panel)).ffill().bfill().to_numpy()
    return lambda at: logs[-1] - logs[at]


def leaves_before_it_ends(bars: int):
    """Does not hold what ends soon: it has read until when each asset lives."""

    def build(world):
        panel = world.panel
        last = len(panel.sessions) - 1 - panel.traded[::-1].argmax(axis=0)
        return Knowing(lambda at: np.where(last - at <= bars, -50.0, 0.0))

    return build


def told_of_ends(world):
    """Reads the end that the silence rule of the source states."""
    panel = world.panel
    stated = [ended_on(panel, name) if panel.status[-1, at] == 4 else None for at, name in enumerate(panel.assets)]
    return Knowing(lambda at: np.array([0.0 if day is None else -50.0 for day in stated]))


def best_parameter(grid: tuple[int, ...]):
    """A look-back chosen by what it would have earned over all bars, the test's included."""

    def build(world):
        logs = np.log(frame(world.panel)).ffill().bfill()
        earned = {k: float((logs.diff(k) * logs.diff().shift(-1)).to_numpy()[k:-1].sum()) for k in grid}
        best = max(earned, key=earned.get)
        size = 1.0 + earned[best]
        return Knowing(lambda at: logs.diff(best).to_numpy()[at] * size)

    return build


def best_threshold(share: float):
    def build(world):
        moves = returns(world.panel).to_numpy()
        limit = float(np.nanquantile(moves, share))
        return Knowing(lambda at: np.where(np.nan_to_num(moves[at]) > limit, 1.0, limit))

    return build


def fitted_on_everything(lags: int):
    """Least squares of the next return on the last ones, over the whole sample."""

    def build(world):
        moves = np.nan_to_num(returns(world.panel).to_numpy())
        past = np.stack([np.roll(moves, lag, axis=0)[lags:-1].ravel() for lag in range(lags)], axis=1)
        slopes, *_ = np.linalg.lstsq(past, moves[lags + 1 :].ravel(), rcond=None)
        return Knowing(lambda at: 1e3 * sum(slopes[lag] * moves[at - lag] for lag in range(lags)))

    return build


def fires_once(world):
    """Follows the draws, and is out of the market on one day: that before the largest fall of all."""
    closes = frame(world.panel).ffill().bfill().to_numpy()
    fall = (closes[1:] / closes[:-1] - 1).mean(axis=1)
    worst = FIRST + int(fall[FIRST:].argmin())

    class Once:
        def decide(self, view):
            at = len(view.sessions) - 1
            if at == worst:
                return Decision(np.zeros(len(view.assets)), "leave")
            return Decision(0.15 * view.listed, "rebalance") if at % 3 == 0 else None

    return Once()


def low_that_is_known(share: float):
    """A buy order at a limit, placed only where the next bar trades through it."""

    def likes_in(panel):
        lows, closes = panel.fields["low"], panel.closes
        return lambda at: np.where(row(lows, at + 1) < (1 - share) * np.nan_to_num(closes[at]), 2.0, -2.0)

    return likes_in


class KeepsExtremes:
    """Writes into a global what it sees at the newest session, and reads it at any other."""

    def __init__(self, kept, field):
        self.kept, self.field = kept, field

    def decide(self, view):
        known = self.kept.get(view.session + pd.Timedelta(days=1))
        self.kept[view.session] = np.nan_to_num(view.fields[self.field][-1])
        if len(view.sessions) % 3:
            return None
        weights = 0.1 * view.listed.astype(float)
        if known is not None:
            weights = weights * (1 + known / (1 + known.max()))
        return Decision(weights, "rebalance")


def keeps(field: str):
    def make(folder):
        kept: dict = {}
        return pipeline(strategy=lambda world: KeepsExtremes(kept, field))

    return make


def cached_result(bars: int):
    """Remembers what it computed for each session in a former pass, and takes the one of a later session."""

    def make(folder):
        cache: dict = {}

        class Cached:
            def decide(self, view):
                at = len(view.sessions) - 1
                cache[at] = np.nan_to_num(view.simple_returns(3)[-1])
                if at % 3:
                    return None
                guess = cache.get(at + bars)
                weights = 0.1 * view.listed * (1.0 if guess is None else 1.0 + 0.5 * np.tanh(50 * guess))
                return Decision(weights, "rebalance")

        return pipeline(strategy=lambda world: Cached())

    return make


def from_file(how: str, bars: int):
    """Reads the closes of the true market from a file, and looks further than the view."""

    def make(folder):
        panel = true_world().panel
        path = folder / ("closes.csv.gz" if how == "gzip" else "closes.csv")
        frame(panel).rename_axis("date").to_csv(path)

        def read() -> np.ndarray:
            if how == "lines":
                with open(path, encoding="utf-8") as lines:
                    rows = [line.strip().split(",")[1:] for line in lines][1:]
                return np.array([[float(cell or "nan") for cell in cells] for cells in rows])
            return pd.read_csv(path, index_col=0).to_numpy()

        class Reader:
            def __init__(self):
                self.closes = read() if how == "at once" else None

            def decide(self, view):
                closes = read() if self.closes is None and len(view.sessions) % 3 == 0 else self.closes
                if len(view.sessions) % 3:
                    return None
                later = row(closes, len(view.sessions) - 1 + bars)
                weights = 0.1 * view.listed * (1.0 + later / (1.0 + later.max()))
                return Decision(weights, "rebalance")

        return replace(pipeline(strategy=lambda world: Reader()), built_from_world=False)

    return make


STRATEGIES = [
    *(
        Planted(
            "later lows for stops",
            f"{k} bars",
            of_strategy(knowing(lambda p, k=k: extremes(p, k))),
            "strategy",
            ANY,
            ANY,
        )
        for k in (1, 3, 10)
    ),
    *(
        Planted(
            "later volume for sizes",
            f"{k} bars",
            of_strategy(knowing(lambda p, k=k: later_volume(p, k))),
            "strategy",
            1,
            k,
        )
        for k in (1, 5)
    ),
    Planted("later volume for sizes", "mean of all", of_strategy(knowing(whole_volume)), "strategy", 1),
    *(
        Planted(
            "closure over the whole panel",
            f"{k} bars",
            of_strategy(knowing(lambda p, k=k: next_move(p, k))),
            "strategy",
            k,
            k,
        )
        for k in (1, 2, 7)
    ),
    Planted("closure over the whole panel", "to the end", of_strategy(knowing(to_the_end)), "strategy"),
    *(
        Planted("ends known in advance", f"{k} bars", of_strategy(leaves_before_it_ends(k)), "strategy")
        for k in (1, 5, 30)
    ),
    Planted("ends known in advance", "as the source states them", of_strategy(told_of_ends), "strategy"),
    *(
        Planted(
            "parameter chosen by the whole sample",
            f"{len(grid)} look-backs",
            of_strategy(best_parameter(grid)),
            "strategy",
            1,
        )
        for grid in ((1, 2), (1, 5, 10), (2, 3, 4, 20))
    ),
    *(
        Planted("threshold of the whole sample", f"share {share}", of_strategy(best_threshold(share)), "strategy")
        for share in (0.5, 0.9)
    ),
    *(
        Planted("fitted on everything", f"{k} lags", of_strategy(fitted_on_everything(k)), "strategy", 1)
        for k in (1, 3)
    ),
    Planted("a signal that fires once", "before the largest fall", of_strategy(fires_once), "strategy"),
    *(
        Planted(
            "limit order at a low that is known",
            f"{share}",
            of_strategy(knowing(low_that_is_known(share))),
            "strategy",
            1,
            1,
        )
        for share in (0.005, 0.02)
    ),
    *(
        Planted("global written in later sessions", field, keeps(field), "strategy", None, None)
        for field in ("close", "high")
    ),
    *(Planted("cache of a former pass", f"{k} bars", cached_result(k), "strategy", None, None) for k in (1, 3)),
    *(
        Planted("reading the file again", f"{how}, {k} bars", from_file(how, k), "strategy", None, k)
        for how, k in (("pandas", 1), ("gzip", 1), ("lines", 2), ("gzip", 5), ("at once", 3))
    ),
]

LEAKS = [*FEATURES, *OTHER_STAGES, *STRATEGIES]
