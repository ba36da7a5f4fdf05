"""Makes `simulated_hours/`: a year and a half of hourly bars of three made-up stocks in New York.

Run it from the repository's root with ``python data/simulate_hours.py FOLDER``; the same numbers come out every time.
A bar begins at 09:30, 10:30 ... and is dated by its beginning. The last one of a session is half an hour long, and so
is the last one of a session that closes at 13:00. Returns have one common factor, Student-t tails, more volatility at
the open than at noon, and a gap over night. The price of a stock follows its own trend, which changes its sign every
few weeks, so that a rule that follows trends has something to find. Volume is U-shaped over the session.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from quantdl.calendars import trading_calendar

_SYMBOLS = ("HAWK", "KITE", "LARK")
_SPAN = ("2022-07-01", "2023-12-29")
_SHAPE = np.array([1.6, 1.0, 0.8, 0.7, 0.8, 1.1, 0.9])  # of volatility and volume over the bars of a session
_PATH = 60  # steps within a bar, of which the bar keeps four prices
_FIRST = (60.0, 25.0, 140.0)
_BAR = 0.004  # volatility of an average bar
_NIGHT = 0.006
_TREND = 0.0006  # drift of a bar, up or down
_TURNS = 1 / 120  # of the trend, a bar


def main(folder: Path) -> None:
    """Write one CSV file for each stock."""
    generator = np.random.default_rng(20240102)
    schedule = trading_calendar("XNYS").schedule(*_SPAN)
    begins, in_session = [], []
    for opens, closes in zip(schedule["open"], schedule["close"], strict=True):
        bars = pd.date_range(opens, closes, freq="60min", inclusive="left")
        begins += list(bars)
        in_session += range(len(bars))
    place, n_bars, n_assets = np.array(in_session), len(begins), len(_SYMBOLS)
    turns = np.where(generator.random((n_bars, n_assets)) < _TURNS, -1.0, 1.0)
    trend = _TREND * np.cumprod(turns, axis=0)
    common = generator.standard_t(5, (n_bars, _PATH, 1))
    own = generator.standard_t(5, (n_bars, _PATH, n_assets))
    scale = _BAR * _SHAPE[place, None, None] / np.sqrt(_PATH * 5 / 3)
    steps = scale * (0.6 * common + 0.8 * own) + trend[:, None] / _PATH
    steps[place == 0, 0] += _NIGHT * generator.standard_t(4, (int((place == 0).sum()), n_assets)) / np.sqrt(2)
    paths = np.log(_FIRST) + np.cumsum(steps.reshape(-1, n_assets), axis=0)
    prices = np.exp(paths).reshape(n_bars, _PATH, n_assets).round(2)
    volume = 40_000 * _SHAPE[place, None] * np.exp(0.3 * generator.standard_normal((n_bars, n_assets)))
    dates = pd.DatetimeIndex(begins).tz_convert("America/New_York").strftime("%Y-%m-%d %H:%M")
    folder.mkdir(parents=True, exist_ok=True)
    for number, symbol in enumerate(_SYMBOLS):
        bars = prices[:, :, number]
        columns = {"open": bars[:, 0], "high": bars.max(axis=1), "low": bars.min(axis=1), "close": bars[:, -1]}
        frame = pd.DataFrame({"date": dates, **columns, "volume": volume[:, number].round().astype(int)})
        frame.to_csv(folder / f"{symbol}.csv", index=False, float_format="%.2f")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
