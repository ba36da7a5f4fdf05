"""How far ahead a leak looks, by bisection over which later bars must change to show it."""

from collections.abc import Callable


def nearest(shows: Callable[[int], bool], most: int) -> int | None:
    """Return the fewest bars ahead whose change shows: the smallest k for which ``shows(k)``.

    Args:
        shows: Whether a change of the first k bars after the session, and of no later one, shows.
        most: Bars that there are.

    Example:
        >>> nearest(lambda bars: bars >= 5, 100), nearest(lambda bars: False, 100)
        (5, None)
    """
    if most < 1 or not shows(most):
        return None
    hidden, shown, step = 0, most, 1
    while step < shown and not shows(step):  # most leaks are near
        hidden, step = step, 2 * step
    shown = min(shown, step)
    while shown - hidden > 1:
        middle = (hidden + shown) // 2
        hidden, shown = (hidden, middle) if shows(middle) else (middle, shown)
    return shown


def furthest(shows: Callable[[int], bool], most: int) -> int | None:
    """Return the largest k for which ``shows(k)``.

    Args:
        shows: Whether a change that begins with the k-th bar after the session shows.
        most: Bars that there are.

    Example:
        >>> furthest(lambda bar: bar <= 7, 100), furthest(lambda bar: False, 100)
        (7, None)
    """
    if most < 1 or not shows(1):
        return None
    shown, hidden, step = 1, most + 1, 2
    while step < hidden and shows(step):
        shown, step = step, 2 * step
    hidden = min(hidden, step)
    while hidden - shown > 1:
        middle = (shown + hidden) // 2
        shown, hidden = (middle, hidden) if shows(middle) else (shown, middle)
    return shown
