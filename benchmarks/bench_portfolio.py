"""Weights from draws: how long they take beside skfolio, and what they are worth beside its books out of sample.

    python benchmarks/bench_portfolio.py [speed | sp500 | nasdaq] [--first DATE --last DATE --universes N]

speed: CPU seconds of weights of least shortfall for 500 assets and 5,000 draws, and of 1,006 daily rebalances of 20
assets, and what skfolio takes for one. sp500 and nasdaq: monthly books net of 5 bp, of the twenty bundled stocks, and
of random universes of 20 stocks (seed 7) of the NASDAQ file in the folder that QUANTDL_DATABANK names, 2016-2017.
Prints JSON lines; one thread.
"""

import argparse
import json
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from quantdl.portfolio import (
    Limits,
    TradingTerms,
    least_shortfall_weights,
    minimum_variance_weights_of,
)

ROOT = Path(__file__).resolve().parents[1]
SEED, STOCKS, COST, LEVEL = 7, 20, 5e-4, 0.95
MEMORY = 1000  # sessions that the model reads
Rule = Callable[["Market", int, np.ndarray], np.ndarray]


def main() -> None:
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("section", nargs="?", choices=("speed", "sp500", "nasdaq"), default="speed")
    parser.add_argument("--first", default=None)
    parser.add_argument("--last", default=None)
    parser.add_argument("--universes", type=int, default=200)
    asked = parser.parse_args()
    if asked.section == "speed":
        speed()
    elif asked.section == "sp500":
        market = Market.of(sp500(), asked.first or "2019-01-02", asked.last or "2022-12-28")
        judge(market, [np.arange(STOCKS)])
    else:
        closes = nasdaq()
        if closes is None:
            print(json.dumps({"skipped": "QUANTDL_DATABANK names no folder with nasdaq_ohlcv.parquet"}))
            return
        market = Market.of(closes, asked.first or "2016-01-04", asked.last or "2017-12-07")
        generator, count = np.random.default_rng(SEED), market.returns.shape[1]
        judge(market, [generator.choice(count, STOCKS, replace=False) for _ in range(asked.universes)])


def speed() -> None:
    """CPU seconds of one large program, of a year by year of small ones, and of skfolio's."""
    draws, trading = drawn(5000, 500), TradingTerms(np.full(500, 1 / 500), COST, 0.0)
    timed("500 assets x 5,000 draws", lambda: least_shortfall_weights(draws, LEVEL, caps(500, 0.05), trading))
    for count in (1000, 5000):
        timed(f"1,006 rebalances of 20 assets x {count:,} draws", lambda count=count: rebalances(count))
        timed(f"skfolio, one of 20 assets x {count:,} draws", lambda count=count: skfolio_shortfall(drawn(count, 20)))


def timed(what: str, run: Callable[[], object]) -> None:
    begun = time.process_time()
    run()
    print(json.dumps({"what": what, "cpu_s": round(time.process_time() - begun, 3)}), flush=True)


def drawn(n_draws: int, n_assets: int, seed: int = 3) -> np.ndarray:
    """Log returns with a common shock and fat tails."""
    generator = np.random.default_rng(seed)
    common, own = generator.standard_t(4, (n_draws, 1)), generator.standard_t(4, (n_draws, n_assets))
    return 0.01 * (common + own) * generator.uniform(0.5, 2, n_assets)


def caps(n_assets: int, most: float) -> Limits:
    groups = np.arange(n_assets) % 5
    return Limits(True, most, 1.0, 1.0, groups, tuple("abcde"), 0.4, 0.4)


def rebalances(n_draws: int) -> None:
    """Each from the book before, as a daily strategy does."""
    held, limits = np.full(STOCKS, 1 / STOCKS), caps(STOCKS, 0.2)
    for day in range(1006):
        held = least_shortfall_weights(drawn(n_draws, STOCKS, day), LEVEL, limits, TradingTerms(held, COST, 0.0))


def skfolio_shortfall(draws: np.ndarray) -> None:
    from skfolio import RiskMeasure
    from skfolio.optimization import MeanRisk

    MeanRisk(risk_measure=RiskMeasure.CVAR, cvar_beta=LEVEL, max_weights=0.2).fit(np.expm1(draws))


def sp500() -> pd.DataFrame:
    from skfolio.datasets import load_sp500_dataset

    return load_sp500_dataset()


def nasdaq() -> pd.DataFrame | None:
    """Closes of the panel as a run of configs/nasdaq.yaml loads it, or None where it is not here."""
    from quantdl.config import load_config
    from quantdl.experiment.preparation import load_data

    config = load_config(ROOT / "configs" / "nasdaq.yaml")
    if not config.locate_data(config.data.path, "data", "path").is_file():
        return None
    panel = load_data(config, keep_ingest=False).learnt
    return pd.DataFrame(np.asarray(panel.fields["close"]), index=panel.sessions, columns=list(panel.assets))


@dataclass(eq=False)
class Market:
    """Simple returns (T, A), the sessions judged, and moments of all assets as of a rebalance, computed once each."""

    returns: np.ndarray
    first: int
    last: int
    rebalances: list[int]
    moments: dict[int, "Moments"] = field(default_factory=dict)

    @staticmethod
    def of(closes: pd.DataFrame, first: str, last: str) -> "Market":
        """Keep assets with closes on 99 % of sessions from ``MEMORY`` before the span to its end; fill the gaps."""
        begin, end = (
            closes.index.searchsorted(pd.Timestamp(first)),
            closes.index.searchsorted(pd.Timestamp(last), "right"),
        )
        span = closes.iloc[begin - MEMORY - 20 : end]
        filled = closes.ffill().iloc[begin - MEMORY - 20 : end]
        regular = (span.notna().mean() > 0.99) & filled.iloc[0].notna()
        returns = filled.loc[:, regular].pct_change().fillna(0.0).to_numpy()
        months = filled.index.to_period("M")
        first_bar = MEMORY + 20
        ends = [bar for bar in range(first_bar - 1, len(returns) - 1) if months[bar] != months[bar + 1]]
        return Market(returns, first_bar, len(returns), ends)

    def at(self, bar: int) -> "Moments":
        """Moments as of a bar; those of one bar are kept."""
        if bar not in self.moments:
            self.moments = {bar: Moments(self, bar)}
        return self.moments[bar]

    @cached_property
    def bent(self) -> np.ndarray:
        """(T, A) returns of at most a quarter, either way: a takeover is no risk of the months to come."""
        return np.clip(self.returns, -0.25, 0.25)

    @cached_property
    def standardised(self) -> np.ndarray:
        """(T, A) returns over their EWMA(.97) volatility as of the session before, of at most five, either way."""
        variance, found = (self.bent[:250] ** 2).mean(axis=0), np.empty_like(self.bent)
        for bar, row in enumerate(self.bent):
            found[bar] = row / np.sqrt(np.maximum(variance, 1e-10))
            variance = 0.97 * variance + 0.03 * row**2
        return np.clip(found, -5.0, 5.0)


@dataclass(eq=False)
class Moments:
    """What is known of all assets at the close of a bar."""

    market: Market
    bar: int

    @cached_property
    def ewma(self) -> np.ndarray:
        """(A, A) EWMA(.97) covariance about zero."""
        return decayed(self.market.returns[self.bar - 400 : self.bar + 1], 0.97)

    @cached_property
    def sample(self) -> np.ndarray:
        """(A, A) covariance of 252 sessions."""
        return np.cov(self.market.returns[self.bar - 251 : self.bar + 1], rowvar=False)

    @cached_property
    def correlation(self) -> np.ndarray:
        """(A, A) of standardised returns, of half-lives of 120 and 500 sessions, averaged."""
        recent = self.market.standardised[self.bar - MEMORY : self.bar + 1]
        found = [decayed(recent, 0.5 ** (1 / half_life)) for half_life in (120, 500)]
        scaled = [one / np.sqrt(np.outer(np.diag(one), np.diag(one))) for one in found]
        return sum(scaled) / len(scaled)

    @cached_property
    def deviations(self) -> np.ndarray:
        """(A,) from the mean of variances of half-lives of 40, 100 and 250 sessions."""
        recent = self.market.bent[self.bar - MEMORY : self.bar + 1]
        squares = [decay_weights(len(recent), 0.5 ** (1 / n)) @ recent**2 for n in (40, 100, 250)]
        return np.sqrt(sum(squares) / len(squares))


def decay_weights(count: int, decay: float) -> np.ndarray:
    weights = decay ** np.arange(count)[::-1]
    return weights / weights.sum()


def decayed(returns: np.ndarray, decay: float) -> np.ndarray:
    return (returns * decay_weights(len(returns), decay)[:, None]).T @ returns


LIMITS = Limits(True, 1.0, 1.0, 1.0, np.zeros(STOCKS, dtype=np.int64), ("all",), 1.0, 1.0)
FREE = TradingTerms(np.zeros(STOCKS), 0.0, 0.0)


def least_variance(covariance: np.ndarray) -> np.ndarray:
    return minimum_variance_weights_of(covariance, LIMITS, FREE)


def ewma(market: Market, bar: int, assets: np.ndarray) -> np.ndarray:
    return least_variance(market.at(bar).ewma[np.ix_(assets, assets)])


def least_shortfall(market: Market, bar: int, assets: np.ndarray) -> np.ndarray:
    """Least shortfall by an elliptical law with the mean covariance of three members.

    They are EWMA(.97), the last 252 sessions, and correlations of standardised returns with deviations of several
    half-lives. With mean zero the shortfall of an elliptical law is the same multiple of the deviation for every book
    (McNeil, Frey and Embrechts, 2015, section 8.3), so the book of least shortfall, at any level, is that of least
    variance: no draws are needed, and no noise of theirs is fitted.
    """
    now, inside = market.at(bar), np.ix_(assets, assets)
    joined = now.correlation[inside] * np.outer(now.deviations[assets], now.deviations[assets])
    return least_variance((now.ewma[inside] + now.sample[inside] + joined) / 3.0)


def of_skfolio(name: str) -> Rule:
    import skfolio.optimization as peers

    def rule(market: Market, bar: int, assets: np.ndarray) -> np.ndarray:
        return getattr(peers, name)().fit(market.returns[bar - 251 : bar + 1][:, assets]).weights_

    return rule


def judge(market: Market, universes: Iterable[np.ndarray]) -> None:
    """Print the mean figures of each rule, and in what share of universes ours is below each other."""
    figures = figures_of(market, universes)
    ours = figures["least shortfall, mean of three laws"]
    for name, found in figures.items():
        volatility, shortfall, turnover = found.mean(axis=0).round(5).tolist()
        below = (ours[:, :2] < found[:, :2]).mean(axis=0).round(3).tolist()
        line = {"rule": name, "universes": len(found), "assets": market.returns.shape[1], "volatility": volatility}
        line |= {"shortfall_5": shortfall, "turnover": turnover}
        line |= {"ours_calmer": below[0], "ours_less_shortfall": below[1]}
        line["ours_both"] = round(float((ours[:, :2] < found[:, :2]).all(axis=1).mean()), 3)
        print(json.dumps(line), flush=True)


def figures_of(market: Market, universes: Iterable[np.ndarray]) -> dict[str, np.ndarray]:
    """Volatility, shortfall and turnover (U, 3) of each rule in each universe."""
    rules: dict[str, Rule] = {
        "least shortfall, mean of three laws": least_shortfall,
        "EWMA(.97) minimum variance": ewma,
        "skfolio minimum variance": of_skfolio("MeanRisk"),
        "skfolio HRP": of_skfolio("HierarchicalRiskParity"),
        "skfolio inverse volatility": of_skfolio("InverseVolatility"),
    }
    universes = list(universes)
    books = {name: [Book() for _ in universes] for name in rules}
    for number, bar in enumerate(market.rebalances):
        last = number + 1 == len(market.rebalances)
        until = len(market.returns) - 1 if last else market.rebalances[number + 1]
        for name, rule in rules.items():
            for book, assets in zip(books[name], universes, strict=True):
                book.hold(rule(market, bar, assets), market.returns[bar + 1 : until + 1][:, assets])
    return {name: np.array([book.figures for book in of_rule]) for name, of_rule in books.items()}


@dataclass(eq=False)
class Book:
    """What one rule earned in one universe, a session at a time, after costs."""

    held: np.ndarray | None = None
    traded: list[float] = field(default_factory=list)
    net: list[np.ndarray] = field(default_factory=list)

    def hold(self, weights: np.ndarray, returns: np.ndarray) -> None:
        """Move to weights at a close, and hold them as they drift; the first book is bought from cash."""
        before = np.zeros(len(weights)) if self.held is None else self.held
        traded = float(np.abs(weights - before).sum())
        values = np.cumprod(1.0 + returns, axis=0) * weights
        wealth = values.sum(axis=1)
        earned = wealth / np.concatenate([[1.0], wealth[:-1]]) - 1.0
        earned[0] -= COST * traded
        if self.held is not None:
            self.traded.append(traded)
        self.net.append(earned)
        self.held = values[-1] / wealth[-1]

    @property
    def figures(self) -> tuple[float, float, float]:
        """Volatility a year, shortfall of the worst 5 % of sessions, and turnover of a month."""
        net = np.concatenate(self.net)
        losses, tail = np.sort(-net)[::-1], (1 - LEVEL) * len(net)
        whole = int(tail)
        shortfall = (losses[:whole].sum() + (tail - whole) * losses[whole]) / tail
        return float(net.std(ddof=1) * 252**0.5), float(shortfall), float(np.mean(self.traded))


if __name__ == "__main__":
    main()
