"""Which points of a long series are drawn: more of them than a screen has columns would only make the page larger.

Of a line the lowest and the highest point of every stretch are kept, so that no peak and no fall is lost, and its ends.
Where series must share their sessions (bands that are stacked, the columns of a heat map) every n-th one is kept.
"""

import numpy as np
import pandas as pd

MOST_POINTS = 1_500
"""Points of a line that are drawn, all of them where there are no more; about two for each column of a screen."""

MOST_MARKS = 5_000
MOST_COLUMNS = 1_500


def extremes(series: pd.Series, most: int = MOST_POINTS) -> pd.Series:
    """Keep the first and the last point, and the lowest and the highest of each of equally long stretches.

    Args:
        series: In the order of time; NaN is a gap, and of a stretch of nothing else one is kept.
        most: Points that are kept about.

    Example:
        >>> extremes(pd.Series([0.0, 5.0, 1.0, 2.0, -3.0, 2.5, 2.0, 2.0]), most=4).tolist()
        [0.0, 5.0, -3.0, 2.5, 2.0]
    """
    n = len(series)
    if n <= most:
        return series
    stretch = -(-n // max(1, most // 2))
    values = np.full(-(-n // stretch) * stretch, np.nan)
    values[:n] = series.to_numpy(dtype=np.float64)
    rows = values.reshape(-1, stretch)
    starts = np.arange(len(rows)) * stretch
    lowest = starts + np.where(np.isnan(rows), np.inf, rows).argmin(axis=1)
    highest = starts + np.where(np.isnan(rows), -np.inf, rows).argmax(axis=1)
    return series.iloc[np.unique(np.concatenate([[0, n - 1], lowest, highest]))]


def spaced(n: int, most: int) -> np.ndarray:
    """Return the positions of every n-th of ``n`` points so that no more than ``most`` and the last one are kept.

    Example:
        >>> spaced(10, 4).tolist(), spaced(3, 4).tolist()
        ([0, 3, 6, 9], [0, 1, 2])
    """
    step = -(-n // most)
    return np.unique(np.append(np.arange(0, n, step), n - 1)) if n else np.arange(0)
