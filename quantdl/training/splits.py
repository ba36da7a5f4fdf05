"""From dates to bars: the spans to train on, to validate on and to forecast, which do not overlap."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from quantdl.errors import DataError
from quantdl.models.settings import Refit
from quantdl.training.settings import SplitDates

_PERIODS = {"yearly": "Y", "quarterly": "Q", "monthly": "M"}


@dataclass(frozen=True)
class FitSpans:
    """Bars to train on and bars to validate on; the last bar of ``validation`` is the first that may forecast."""

    train: range
    validation: range

    def moved_to(self, last: int) -> "FitSpans":
        """The spans as they are once ``last`` is the last bar known: validation of equal length, training up to it."""
        later = last - self.validation[-1]
        train_end = self.train[-1] + later
        return FitSpans(range(self.train.start, train_end + 1), range(train_end, last + 1))

    @property
    def without_choice(self) -> "FitSpans":
        """The spans of a fit that chooses nothing by validation, so that it may learn from all of its bars."""
        return FitSpans(range(self.train.start, self.validation.stop), self.validation)


@dataclass(frozen=True)
class SplitBars:
    """The spans as bar numbers at whose close a forecast is made.

    Attributes:
        fit: Training and validation.
        test: From the bar before the first test session, whose forecast concerns it, to the last test session.
        following: Session after the last one of the axis, where it is known: whether the last bar of ``test`` ends a
            period, after which a model is fitted anew, cannot be told from the axis then. None where nothing follows.
    """

    fit: FitSpans
    test: range
    following: pd.Timestamp | None = None

    def among(self, trades: np.ndarray) -> "SplitBars":
        """Number the bars among those on which anything trades, which models are fitted and forecast on.

        A span that ends on a bar without a trade ends at the last one before it that has one: all that was known at its
        close was known there.

        Args:
            trades: (T,) whether any asset traded on the bar.

        Raises:
            DataError: If a span is left without a bar.
        """
        if trades.all():
            return self
        number = np.cumsum(trades) - 1
        ends = (self.fit.train[-1], self.fit.validation[-1], self.test[0], self.test[-1])
        train, validation, before_test, test_end = number[list(ends)].tolist()
        ends_with_fit = self.test[0] == self.test[-1]  # nothing is forecast but what follows the data
        if not 0 < train < validation <= before_test < test_end + ends_with_fit:
            raise DataError(
                "A span of splits holds no session in which any asset trades. Every span needs some: choose other days."
            )
        spans = FitSpans(range(0, train + 1), range(train, validation + 1))
        return SplitBars(spans, range(before_test, test_end + 1), self.following)


def split_bars(sessions: pd.DatetimeIndex, dates: SplitDates, following: pd.Timestamp | None = None) -> SplitBars:
    """Turn dates into bars.

    A label is the property of the span that its *end* falls in: a training label that ends after ``train_end`` is
    dropped (purged), however long its window. A forecast made at the close of a span's last bar belongs to the next
    span.

    Args:
        sessions: (T,) of the panel.
        dates: First and last sessions of the spans.
        following: Session after the last one of ``sessions``, see `SplitBars`.

    Raises:
        DataError: If a date lies outside the data or a span holds no session.
    """
    named = {"train_end": dates.train_end, "validation_end": dates.validation_end, "test_end": dates.test_end}
    refuse_outside(sessions, {f"splits.{name}": day for name, day in named.items()})
    train, validation, test_end = (_last_bar(sessions, day) for day in named.values())
    before_test = bar_before(sessions, dates.test_start)
    if not 0 < train < validation <= before_test < test_end:
        first, last = sessions[0].date(), sessions[-1].date()
        raise DataError(
            f"a span of splits holds no session: train to {dates.train_end}, validate to {dates.validation_end}, test "
            f"{dates.test_start}..{dates.test_end}, data {first}..{last}. Every span needs sessions, in this order."
        )
    spans = FitSpans(range(0, train + 1), range(train, validation + 1))
    return SplitBars(spans, range(before_test, test_end + 1), following)


def fit_bars(sessions: pd.DatetimeIndex, train_end: date, validation_end: date) -> SplitBars:
    """Return the bars of a fit that is forecast with later: its test span is all that the data hold after it.

    Args:
        sessions: (T,) of the panel.
        train_end: Training labels end here.
        validation_end: Validation labels end here.

    Raises:
        DataError: If a date lies outside the data or a span holds no session.
    """
    refuse_outside(sessions, {"train_end": train_end, "validation_end": validation_end})
    train, validation = _last_bar(sessions, train_end), _last_bar(sessions, validation_end)
    if not 0 < train < validation:
        raise DataError(
            f"a span holds no session: train to {train_end}, validate to {validation_end}, data "
            f"{sessions[0].date()}..{sessions[-1].date()}. Every span needs sessions, in this order."
        )
    spans = FitSpans(range(0, train + 1), range(train, validation + 1))
    return SplitBars(spans, range(validation, len(sessions)))


def forecast_bars(sessions: pd.DatetimeIndex, start: date, end: date) -> range:
    """Return the bars at whose close the sessions from ``start`` to ``end`` are forecast, and the last of them itself.

    Args:
        sessions: (T,) of the panel.
        start: First session that is forecast, from the bar before it.
        end: Last one.

    Raises:
        DataError: If a date lies outside the data or no session in between.
    """
    refuse_outside(sessions, {"start": start, "end": end})
    before, last = bar_before(sessions, start), _last_bar(sessions, end)
    if not before < last:
        raise DataError(
            f"no session lies in {start}..{end}; the data runs {sessions[0].date()}..{sessions[-1].date()}. "
            "Give a first and a last session, in this order."
        )
    return range(before, last + 1)


def refuse_outside(sessions: pd.DatetimeIndex, named: Mapping[str, date]) -> None:
    """Refuse days that lie outside the data, all of them at once.

    Args:
        sessions: (T,) of the panel.
        named: Days by the names that a message gives them.

    Raises:
        DataError: Naming them.
    """
    first, last = sessions[0].date(), sessions[-1].date()
    outside = [f"{name} {day}" for name, day in named.items() if not first < day <= last]
    if outside:
        raise DataError(
            f"{', '.join(outside)} outside the data, which runs {first}..{last}. Choose sessions inside it, "
            "or bring more data."
        )


def bar_before(sessions: pd.DatetimeIndex, day: date) -> int:
    """Return the number of the last bar before a day; -1 where there is none."""
    return int(sessions.searchsorted(pd.Timestamp(day), side="left")) - 1


def refit_bars(sessions: pd.DatetimeIndex, bars: SplitBars, refit: Refit) -> list[int]:
    """Bars to refit through: the one before the test span, then the last of each calendar period inside it.

    The last bar of the test span ends a period only if it is known that the next session belongs to another one.

    Args:
        sessions: (T,) of the panel.
        bars: Spans; of the test span, bars at whose close a forecast is made.
        refit: How often.
    """
    test = bars.test
    if refit == "once":
        return [test.start]
    following = [] if bars.following is None else [bars.following]
    periods = pd.DatetimeIndex([*sessions[test.start : test.stop], *following]).to_period(_PERIODS[refit])
    ends = [test[number] for number in range(len(periods) - 1) if periods[number] != periods[number + 1]]
    return sorted({test.start, *ends})


def walk_forward_spans(sessions: pd.DatetimeIndex, bars: SplitBars, refit: Refit) -> tuple[FitSpans, ...]:
    """Spans of every fit of a network: the given ones, then, if it is refitted, those moved on to each refit.

    Each fit ends with the bar through which it is refitted, so it serves only forecasts of returns after that one.
    Labels that end later are purged from it, as from the first.
    """
    later = [bar for bar in refit_bars(sessions, bars, refit) if bar > bars.fit.validation[-1]]
    return (bars.fit, *(bars.fit.moved_to(bar) for bar in (later if refit != "once" else ())))


def _last_bar(sessions: pd.DatetimeIndex, day: date) -> int:
    return int(sessions.searchsorted(pd.Timestamp(day), side="right")) - 1
