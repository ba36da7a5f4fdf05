"""The figures of docs/risk/metrics.md, written down from there in plain numpy: an oracle without the code under test.

Each takes simple returns, or excess returns where it says so, and is as close to its formula as Python allows.
"""

import numpy as np


def growth(returns):
    value = 1.0
    for one in returns:
        value *= 1.0 + one
    return value


def sharpe(excess):
    mean = sum(excess) / len(excess)
    variance = sum((x - mean) ** 2 for x in excess) / (len(excess) - 1)
    return mean / np.sqrt(variance)


def sortino(excess):
    return (sum(excess) / len(excess)) / np.sqrt(sum(min(x, 0.0) ** 2 for x in excess) / len(excess))


def omega(excess):
    return sum(x for x in excess if x > 0) / sum(-x for x in excess if x < 0)


def hit_rate(returns):
    gains, losses = [r for r in returns if r > 0], [r for r in returns if r < 0]
    return len(gains) / (len(gains) + len(losses))


def payoff(returns):
    gains, losses = [r for r in returns if r > 0], [-r for r in returns if r < 0]
    return (sum(gains) / len(gains)) / (sum(losses) / len(losses))


def profit_factor(returns):
    return sum(r for r in returns if r > 0) / sum(-r for r in returns if r < 0)


def gain_to_pain(returns):
    return sum(returns) / sum(-r for r in returns if r < 0)


def kelly(excess):
    return np.mean(excess) / np.var(excess, ddof=1)


def kelly_of_bets(returns):
    p, b = hit_rate(returns), payoff(returns)
    return (b * p - (1.0 - p)) / b


def quantile(returns, share):
    """Linear between order statistics at (n - 1) * share, Hyndman and Fan's type 7."""
    ordered = sorted(returns)
    place = (len(ordered) - 1) * share
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def tail_ratio(returns):
    return quantile(returns, 0.95) / -quantile(returns, 0.05)


def stability(returns):
    logs = np.cumsum(np.log1p(returns))
    return np.corrcoef(np.arange(len(logs)), logs)[0, 1] ** 2


def autocorrelation(returns):
    c = np.asarray(returns) - np.mean(returns)
    return sum(c[t] * c[t - 1] for t in range(1, len(c))) / sum(c * c)


def longest(marks):
    best = run = 0
    for mark in marks:
        run = run + 1 if mark else 0
        best = max(best, run)
    return best


def drawdowns(returns):
    """Return from the highest value so far after each return, the capital of 1 counted among the values."""
    value = high = 1.0
    found = []
    for one in returns:
        value *= 1.0 + one
        high = max(high, value)
        found.append(value / high - 1.0)
    return found


def spells(depths):
    """(depth, bars under water, whether it was regained) of each fall."""
    found, current = [], []
    for depth in depths:
        if depth < 0:
            current.append(depth)
        elif current:
            found.append((min(current), len(current), True))
            current = []
    if current:
        found.append((min(current), len(current), False))
    return found


def ulcer(returns):
    return np.sqrt(np.mean(np.square(drawdowns(returns))))


def pain(returns):
    return -np.mean(drawdowns(returns))


def expected_shortfall(losses, level):
    """Acerbi and Tasche: the integral of the quantile function over the tail."""
    ordered, tail = sorted(losses, reverse=True), (1.0 - level) * len(losses)
    whole = int(np.floor(tail + 1e-9))
    return (sum(ordered[:whole]) + (tail - whole) * (ordered[whole] if tail > whole else 0.0)) / tail


def value_at_risk(losses, level):
    """Smallest loss x with at least a share ``level`` of the losses at or below x."""
    ordered = sorted(losses)
    return next(x for rank, x in enumerate(ordered, 1) if rank >= level * len(ordered) - 1e-9)


def capture(returns, benchmark, up):
    chosen = [(r, b) for r, b in zip(returns, benchmark, strict=True) if (b > 0 if up else b < 0)]
    own, other = (growth(side) ** (1.0 / len(chosen)) - 1.0 for side in zip(*chosen, strict=True))
    return own / other


def least_squares(excess, of_benchmark):
    """(alpha of a bar, beta)."""
    x, b = np.asarray(excess), np.asarray(of_benchmark)
    beta = np.cov(x, b)[0, 1] / np.var(b, ddof=1)
    return x.mean() - beta * b.mean(), beta


def long_run_variance(series, width):
    """Bartlett kernel, by its autocovariances."""
    c = np.asarray(series) - np.mean(series)
    total = sum(c * c) / len(c)
    for lag in range(1, width):
        total += 2.0 * (1.0 - lag / width) * sum(c[lag:] * c[:-lag]) / len(c)
    return total


def sharpe_error(excess, width):
    s = sharpe(excess)
    z = (np.asarray(excess) - np.mean(excess)) / np.std(excess, ddof=1)
    return np.sqrt(long_run_variance(z - s / 2.0 * (z * z - 1.0), width) / len(z))


def mertens_error(excess):
    s, z = sharpe(excess), (np.asarray(excess) - np.mean(excess)) / np.std(excess)
    return np.sqrt((1.0 - np.mean(z**3) * s + (np.mean(z**4) - 1.0) / 4.0 * s * s) / len(z))


def turnover(weights, returns):
    """Sum of purchases and sales of each session over the value of the book, by following money."""
    money, found = np.zeros(len(weights[0])), []
    value = 1.0
    for target, moves in zip(weights, returns, strict=True):
        earned = money * np.asarray(moves)
        money, value = money + earned, value + earned.sum()
        wanted = np.asarray(target) * value
        found.append(np.abs(wanted - money).sum() / value)
        money = wanted
    return found
