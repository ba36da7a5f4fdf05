"""Size and power of every test of risk forecasts, by simulation: JSON lines, and with --markdown their table.

    python benchmarks/bench_risk_tests.py [--paths 50000] [--power-paths 5000] [--sessions 250 500 1000] [--markdown]

Losses and forecasts of the worlds, all of unit variance, forecasts constant over time:

* right: Student-t losses with 5 degrees of freedom, and their true law.
* small: the same, with a law whose scale is 25 % too small: so are value-at-risk and expected shortfall.
* clusters: GARCH(1, 1) losses (0.09, 0.90, normal shocks), and the true law over the long run.
* gaussian: Student-t losses with 4 degrees of freedom, and a normal law of the same variance.

A test rejects at p <= 0.05. "stated" is the p-value that the functions return, where all ties count as at least as
extreme; "broken" breaks ties by chance, which the functions do not, and shows that what is missing to 5 % is
discreteness alone. A test that is undefined on a path (fewer than two exceptions for durations, none for Z1) counts as
not rejecting. E-processes reject where their money reaches 20 in any session.
"""

import argparse
import json
import time
from collections.abc import Iterator

import numpy as np
from scipy import special, stats

from quantdl.risk.backtests import berkowitz, simulate_z1, simulate_z2
from quantdl.risk.backtests.coverage import coverage_ratios, kupiec_counts
from quantdl.risk.backtests.durations import weibull_ratios
from quantdl.risk.backtests.dynamic_quantile import dynamic_quantile_statistics
from quantdl.risk.backtests.independence import independence_law, independence_ratios
from quantdl.risk.backtests.monitoring import CELLS, RESTART, stakes, transform_densities
from quantdl.risk.backtests.simulated import bernoulli_hits, scattered_hits
from quantdl.scoring.comparisons import diebold_mariano

WORLDS = ("right", "small", "clusters", "gaussian")
LEVELS, ES_LEVEL = (0.95, 0.99), 0.975
NULL, BLOCK, ALARM, SIZE = 19_999, 5_000, 20.0, 0.05
Rejections = dict[str, np.ndarray]


class World:
    """Draws losses, and knows the law that was forecast for all of them."""

    def __init__(self, name: str) -> None:
        """Fix the forecast law; that of the clusters' long run is read off ten million sessions."""
        self.name = name
        self.scale = {"small": 0.75}.get(name, 1.0)
        self.law = {"gaussian": stats.norm()}.get(name, stats.t(5, scale=np.sqrt(3 / 5)))
        self.long_run = None
        if name == "clusters":
            drawn = garch(10_000, 1_000, np.random.default_rng(99))
            self.long_run = np.sort(drawn.ravel())

    def losses(self, n_paths: int, n: int, random: np.random.Generator) -> np.ndarray:
        """Draw (n_paths, n)."""
        if self.name == "clusters":
            return garch(n_paths, n, random)
        df = 4 if self.name == "gaussian" else 5
        return random.standard_t(df, (n_paths, n)) * np.sqrt((df - 2) / df)

    def value_at_risk(self, level: float) -> float:
        """The forecast at a level."""
        if self.long_run is not None:
            return float(np.quantile(self.long_run, level))
        return self.scale * float(self.law.ppf(level))

    def expected_shortfall(self, level: float) -> float:
        """The forecast at a level."""
        if self.long_run is not None:
            return float(self.long_run[int(level * len(self.long_run)) :].mean())
        return self.scale * float(self.law.expect(lambda x: x, lb=self.law.ppf(level))) / (1 - level)

    def transforms(self, losses: np.ndarray) -> np.ndarray:
        """Predicted probability of a loss this small or smaller."""
        if self.long_run is not None:
            return (np.searchsorted(self.long_run, losses) + 0.5) / (len(self.long_run) + 1)
        if self.name == "gaussian":
            return special.ndtr(losses)
        return special.stdtr(5, losses / self.scale * np.sqrt(5 / 3))


def garch(n_paths: int, n: int, random: np.random.Generator, burn: int = 250) -> np.ndarray:
    """Draw (n_paths, n) of variance one."""
    variance, found = np.ones(n_paths), np.empty((n_paths, n))
    for t in range(-burn, n):
        loss = np.sqrt(variance) * random.standard_normal(n_paths)
        variance = 0.01 + 0.09 * loss**2 + 0.90 * variance
        if t >= 0:
            found[:, t] = loss
    return found


def chances(statistics: np.ndarray, values: np.ndarray, weights: np.ndarray, u: np.ndarray) -> np.ndarray:
    """P-values (2, N) by a law of values with weights: with all ties, and with ties broken by u."""
    order = np.argsort(values)
    values, weights = values[order], weights[order]
    above = np.concatenate([np.cumsum(weights[::-1])[::-1], [0.0]])
    margin = 1e-9 * np.maximum(1.0, np.abs(statistics))
    low, high = (
        np.searchsorted(values, statistics + sign * margin, side) for sign, side in ((-1, "left"), (1, "right"))
    )
    return np.stack([above[low], above[high] + u * (above[low] - above[high])])


def by_simulation(statistics: np.ndarray, null: np.ndarray, u: np.ndarray) -> np.ndarray:
    """P-values (2, N) by simulated statistics, the observed one counted among them."""
    n = len(null)
    stated, broken = chances(statistics, null, np.full(n, 1.0 / n), u)
    return np.stack([(stated * n + 1) / (n + 1), (broken * n + u) / (n + 1)])


def by_count(statistics: np.ndarray, counts: np.ndarray, u: np.ndarray, law: "dict[int, object]", make) -> np.ndarray:  # noqa: ANN001
    """P-values (2, N) of tests whose law is known given the number of exceptions; 1 where there is none."""
    found = np.ones((2, len(statistics)))
    for x in np.unique(counts):
        if x not in law:
            law[x] = make(int(x))
        if law[x] is not None:
            chosen = counts == x
            found[:, chosen] = law[x](statistics[chosen], u[chosen])
    return found


class HitTests:
    """Tests of exceptions at one level over so many sessions, their laws kept from block to block."""

    def __init__(self, n: int, level: float) -> None:
        """Work out the laws that need no path."""
        self.n, self.tail, self.level = n, round(1 - level, 6), level
        counts = np.arange(n + 1)
        self.ratios, self.weights = coverage_ratios(counts, n, self.tail), stats.binom.pmf(counts, n, self.tail)
        likely = np.flatnonzero(self.weights > 1e-12)
        joint = [(independence_law(n, int(x)), self.ratios[x], self.weights[x]) for x in likely]
        self.both = np.concatenate([law[0] + ratio for law, ratio, _ in joint])
        self.both_weights = np.concatenate([law[1] * weight for law, _, weight in joint])
        drawn = bernoulli_hits(n, self.tail, NULL, np.random.default_rng(5))
        self.quantile = dynamic_quantile_statistics(drawn, self.tail, None, 4)
        self.alone: dict = {}
        self.waits: dict = {}
        exact = np.array([kupiec_counts(int(x), n, level, exact=True).p_value for x in likely[:3]])
        assert np.allclose(exact, chances(self.ratios[likely[:3]], self.ratios, self.weights, np.ones(3))[0])

    def run(self, hits: np.ndarray, random: np.random.Generator) -> Rejections:
        """P-values (2, N) of each test."""
        x, u = hits.sum(axis=1), random.random(len(hits))
        before, after = hits[:, :-1], hits[:, 1:]
        n11, n10, n01 = ((a & b).sum(axis=1) for a, b in ((before, after), (before, ~after), (~before, after)))
        alone = independence_ratios(self.n - 1 - n01 - n10 - n11, n01, n10, n11)
        waits = weibull_ratios(hits)
        return {
            "Kupiec, exact": chances(self.ratios[x], self.ratios, self.weights, u),
            "Independence, exact": by_count(alone, x, u, self.alone, self._independence),
            "Conditional coverage, exact": chances(self.ratios[x] + alone, self.both, self.both_weights, u),
            "Dynamic quantile, simulated": by_simulation(
                dynamic_quantile_statistics(hits, self.tail, None, 4), self.quantile, u
            ),
            "Durations, simulated": by_count(waits, x, u, self.waits, self._durations),
        }

    def _independence(self, x: int):  # noqa: ANN202
        values, weights = independence_law(self.n, x)
        return lambda statistics, u: chances(statistics, values, weights, u)

    def _durations(self, x: int):  # noqa: ANN202
        if x < 2 or x == self.n:
            return None
        null = weibull_ratios(scattered_hits(self.n, x, 4_999, np.random.default_rng(x)))
        return lambda statistics, u: by_simulation(statistics, null, u)


class ShortfallTests:
    """Z1 and Z2 with the tail that was forecast."""

    def __init__(self, n: int, df: float) -> None:
        """Draw the law of Z2."""
        self.n, self.df, self.by_number = n, df, {}
        self.z2 = -simulate_z2(n, ES_LEVEL, df, NULL, seed=6)

    def run(self, losses: np.ndarray, var: float, shortfall: float, random: np.random.Generator) -> Rejections:
        """P-values (2, N)."""
        hits, u = losses > var, random.random(len(losses))
        sums, x = (losses * hits).sum(axis=1) / shortfall, hits.sum(axis=1)
        z1 = by_count(sums / np.maximum(x, 1) - 1, x, u, self.by_number, self._z1)
        return {"Z1, simulated": z1, "Z2, simulated": by_simulation(sums / (self.n * (1 - ES_LEVEL)) - 1, self.z2, u)}

    def _z1(self, x: int):  # noqa: ANN202
        if x == 0:
            return None
        null = -simulate_z1(x, ES_LEVEL, self.df, 9_999, seed=x)
        return lambda statistics, u: by_simulation(statistics, null, u)


def alarms(factors: np.ndarray, restart: float = 0.0) -> np.ndarray:
    """Whether the money of each of (N, T, K) reaches the alarm."""
    logs, found = np.zeros((len(factors), factors.shape[2])), np.zeros(len(factors), dtype=bool)
    for t in range(factors.shape[1]):
        if restart:
            held = np.exp(logs)
            logs = np.log((1 - restart) * held + restart * held.mean(axis=1, keepdims=True))
        logs = logs + np.log(factors[:, t])
        found |= np.exp(logs).mean(axis=1) >= ALARM
    return found


def e_alarms(world: World, losses: np.ndarray, pit: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Alarms of the three e-processes."""
    var, shortfall = world.value_at_risk(0.99), None
    staked = stakes(0.99)
    yield "E-process of exceptions, 99 %", alarms(1 - staked + staked * (losses > var)[:, :, None] / 0.01)
    var, shortfall, staked = world.value_at_risk(ES_LEVEL), world.expected_shortfall(ES_LEVEL), stakes(ES_LEVEL)
    e = np.maximum(losses - var, 0) / ((1 - ES_LEVEL) * (shortfall - var))
    yield "E-process of the shortfall, 97.5 %", alarms(1 - staked + staked * e[:, :, None])
    cells = np.minimum((pit * CELLS).astype(int), CELLS - 1)
    yield "E-process of transforms", alarms(transform_densities().T[cells], RESTART)


def scores(losses: np.ndarray, var: np.ndarray, shortfall: np.ndarray) -> np.ndarray:
    """FZ0 at 97.5 %."""
    excess = np.maximum(losses - var, 0.0)
    return excess / ((1 - ES_LEVEL) * shortfall) + var / shortfall + np.log(shortfall) - 1


def compared(world: World, losses: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """P-values of Diebold and Mariano: the forecast against the truth or, if it is the truth, two that are as noisy."""
    n, var, shortfall = losses.shape, world.value_at_risk(ES_LEVEL), world.expected_shortfall(ES_LEVEL)
    if world.name == "right":
        noise = [np.exp(0.2 * random.standard_normal(n)) for _ in range(2)]
        tables = [scores(losses, var * x, shortfall * x) for x in noise]
    else:
        truth = World("right") if world.name == "small" else None
        if truth is None:
            law = stats.t(4, scale=np.sqrt(0.5))
            right = float(law.ppf(ES_LEVEL)), float(law.expect(lambda x: x, lb=law.ppf(ES_LEVEL))) / (1 - ES_LEVEL)
        else:
            right = truth.value_at_risk(ES_LEVEL), truth.expected_shortfall(ES_LEVEL)
        tables = [scores(losses, np.asarray(v), np.asarray(e)) for v, e in ((var, shortfall), right)]
    return np.array([diebold_mariano(row).p_value for row in tables[0] - tables[1]])


def measured(world: World, n: int, n_paths: int, seed: int) -> dict[str, list[float]]:
    """Share of the paths that each test rejects: as stated, and with ties broken."""
    random = np.random.default_rng([seed, n, WORLDS.index(world.name)])
    hit_tests = {level: HitTests(n, level) for level in LEVELS}
    df = {"gaussian": np.inf}.get(world.name, 5.0)
    shortfall_tests = ShortfallTests(n, df)
    totals: dict[str, np.ndarray] = {}
    done = 0
    while done < n_paths:
        losses = world.losses(min(BLOCK, n_paths - done), n, random)
        pit = np.clip(world.transforms(losses), 1e-12, 1 - 1e-12)
        found: Rejections = {}
        for level, tests in hit_tests.items():
            ran = tests.run(losses > world.value_at_risk(level), random)
            found |= {f"{name}, {100 * level:g} %": p for name, p in ran.items()}
        var, shortfall = world.value_at_risk(ES_LEVEL), world.expected_shortfall(ES_LEVEL)
        ran = shortfall_tests.run(losses, var, shortfall, random)
        found |= {f"{name}, 97.5 %": p for name, p in ran.items()}
        ordered = np.sort(pit, axis=1)
        places = np.arange(n + 1) / n
        distance = np.maximum((places[1:] - ordered).max(axis=1), (ordered - places[:-1]).max(axis=1))
        found["Kolmogorov-Smirnov, exact"] = np.stack([np.where(distance >= stats.kstwo.isf(SIZE, n), 0.0, 1.0)] * 2)
        found["Berkowitz, asymptotic"] = np.stack([np.array([berkowitz(row).p_value for row in pit])] * 2)
        if world.name != "clusters":
            found["Diebold-Mariano of FZ0, 97.5 %"] = np.stack([compared(world, losses, random)] * 2)
        shares = {name: (p <= SIZE).sum(axis=1) for name, p in found.items()}
        shares |= {name: np.array([hit.sum()] * 2) for name, hit in e_alarms(world, losses, pit)}
        for name, count in shares.items():
            totals[name] = totals.get(name, 0) + count
        done += len(losses)
    return {name: (100 * count / n_paths).round(2).tolist() for name, count in totals.items()}


def markdown(lines: list[dict]) -> str:
    """The table of size and power, a row a test."""
    sessions = sorted({line["sessions"] for line in lines})
    at = {(line["world"], line["sessions"]): line["rejects"] for line in lines}
    shown = [f"size {n}" for n in sessions] + ["size, ties broken"] + [f"{w} {n}" for w in WORLDS[1:] for n in sessions]
    rows = ["| test | " + " | ".join(shown) + " |", "|---|" + "---:|" * len(shown)]
    for name in at["right", sessions[-1]]:
        cells = [f"{at['right', n][name][0]:.2f}" for n in sessions] + [f"{at['right', sessions[-1]][name][1]:.2f}"]
        cells += [f"{at[w, n][name][0]:.1f}" if name in at[w, n] else "-" for w in WORLDS[1:] for n in sessions]
        rows.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def main() -> None:
    """Run every world and number of sessions."""
    parser = argparse.ArgumentParser(description="Size and power of the tests of risk forecasts.")
    parser.add_argument("--paths", type=int, default=50_000)
    parser.add_argument("--power-paths", type=int, default=5_000)
    parser.add_argument("--sessions", type=int, nargs="+", default=[250, 500, 1000])
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--markdown", action="store_true")
    chosen, lines = parser.parse_args(), []
    for name in WORLDS:
        world = World(name)
        for n in chosen.sessions:
            began, paths = time.process_time(), chosen.paths if name == "right" else chosen.power_paths
            line = {"world": name, "sessions": n, "paths": paths, "rejects": measured(world, n, paths, chosen.seed)}
            line["cpu_s"] = round(time.process_time() - began, 1)
            lines.append(line)
            print(json.dumps(line), flush=True)
    if chosen.markdown:
        print(markdown(lines))


if __name__ == "__main__":
    main()
