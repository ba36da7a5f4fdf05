"""Spans of bars by date, against brute force over labels."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from quantdl.errors import DataError
from quantdl.sequences import NEXT_SESSION, build_histories, position_window
from quantdl.simulation import panel_of_closes
from quantdl.training.settings import SplitDates
from quantdl.training.splits import (
    FitSpans,
    SplitBars,
    fit_bars,
    forecast_bars,
    refit_bars,
    split_bars,
    walk_forward_spans,
)
from tests.panels import closes_of, heavy_tailed_returns

SESSIONS = pd.DatetimeIndex(np.busday_offset("2015-01-01", np.arange(1300), roll="forward").astype("datetime64[ns]"))
DATES = SplitDates(date(2017, 6, 30), date(2017, 12, 29), date(2018, 1, 1), date(2019, 6, 28))

FIT = FitSpans(range(0, 1), range(0, 1))  # where only the test span matters


def label_ends(bars: range, starts_after: int, length: int) -> np.ndarray:
    return np.array(bars) + starts_after + length


def test_spans_end_at_the_sessions_named():
    bars = split_bars(SESSIONS, DATES)
    assert SESSIONS[bars.fit.train[-1]] == pd.Timestamp("2017-06-30")
    assert SESSIONS[bars.fit.validation[-1]] == pd.Timestamp("2017-12-29")
    assert SESSIONS[bars.test[-1]] == pd.Timestamp("2019-06-28")


def test_the_first_forecast_concerns_the_first_test_session():
    bars = split_bars(SESSIONS, DATES)
    assert (
        SESSIONS[bars.test[0]] == pd.Timestamp("2017-12-29") and SESSIONS[bars.test[0] + 1].date() == DATES.test_start
    )


def test_a_date_without_a_session_means_the_one_before_for_an_end_and_the_one_after_for_a_start():
    weekend = SplitDates(date(2017, 7, 2), date(2017, 12, 31), date(2018, 1, 6), date(2019, 6, 30))
    bars = split_bars(SESSIONS, weekend)
    assert SESSIONS[bars.fit.train[-1]] == pd.Timestamp("2017-06-30")
    assert SESSIONS[bars.fit.validation[-1]] == pd.Timestamp("2017-12-29")
    assert SESSIONS[bars.test[0] + 1] == pd.Timestamp("2018-01-08")
    assert SESSIONS[bars.test[-1]] == pd.Timestamp("2019-06-28")


@settings(max_examples=300)
@given(st.lists(st.integers(1, 1825), min_size=4, max_size=4, unique=True), st.integers(0, 5), st.integers(1, 40))
def test_labels_of_the_spans_never_overlap(days, starts_after, length):
    """Brute force: a label is used by a span when it ends by the span's last bar, whatever its window."""
    train_end, validation_end, test_start, test_end = sorted(date(2015, 1, 1) + pd.Timedelta(days=day) for day in days)
    try:
        bars = split_bars(SESSIONS, SplitDates(train_end, validation_end, test_start, test_end))
    except DataError:
        return
    train, validation = bars.fit.train, bars.fit.validation
    used = [end for end in label_ends(train, starts_after, length) if end <= train[-1]]
    assert all(SESSIONS[end].date() <= train_end for end in used)
    begins = np.array(validation) + starts_after
    assert begins.min() >= train[-1]  # a validation return begins at or after the close that ended training
    used = [end for end in label_ends(validation, starts_after, length) if end <= validation[-1]]
    assert all(SESSIONS[end].date() <= validation_end for end in used)
    assert bars.test[0] >= validation[-1]
    assert SESSIONS[bars.test[0] + 1].date() >= test_start
    assert SESSIONS[bars.test[-1]].date() <= test_end


@pytest.mark.parametrize("horizon", [1, 5, 21])
def test_no_label_of_a_training_batch_ends_after_train_end(horizon):
    panel = panel_of_closes(closes_of(heavy_tailed_returns(499, 2, seed=0)))
    windows = (NEXT_SESSION, position_window(horizon))
    dates = SplitDates(date(2001, 1, 31), date(2001, 4, 30), date(2001, 5, 1), date(2001, 12, 20))
    bars = split_bars(panel.sessions, dates)
    train = bars.fit.train
    batch = build_histories(panel, windows).batch([train], 30, labels_through=train[-1])
    lengths = np.array([window.ends_after for window in windows])[batch.window]
    ends = panel.sessions[np.minimum(batch.bar.numpy() + lengths, len(panel.sessions) - 1)]
    observed = batch.target_observed.any(dim=1).numpy()
    assert (ends[observed] <= pd.Timestamp(dates.train_end)).all()
    # And nothing more is lost than those: every later label but the warm-up is there.
    assert observed.sum() == sum(len(train) - 20 - window.ends_after for window in windows)


@pytest.mark.parametrize("name", ["train_end", "validation_end", "test_end"])
@pytest.mark.parametrize("day", [date(2015, 1, 1), date(1999, 1, 1), date(2030, 1, 1)])
def test_a_date_outside_the_data_is_named_with_the_span_of_the_data(name, day):
    dates: dict[str, date] = {}
    names = list(vars(DATES))
    place = names.index(name)
    for number, other in enumerate(names):  # the others keep their distance on the right side of it
        limit = day + timedelta(days=number - place)
        dates[other] = (max, min)[number < place](getattr(DATES, other), limit) if number != place else day
    with pytest.raises(DataError, match=rf"splits.{name} {day}.* outside .* 2015-01-01\.\.") as refused:
        split_bars(SESSIONS, SplitDates(**dates))
    assert refused.value.exit_code == 3


def test_all_dates_outside_the_data_are_named_at_once():
    with pytest.raises(DataError, match="splits.train_end .*splits.validation_end .*splits.test_end"):
        split_bars(SESSIONS, SplitDates(date(1990, 1, 1), date(1991, 1, 1), date(1992, 1, 1), date(1993, 1, 1)))


def test_a_span_without_sessions_is_refused():
    over_a_weekend = SplitDates(date(2017, 6, 30), date(2017, 7, 2), date(2018, 1, 1), date(2019, 6, 28))
    with pytest.raises(DataError, match="holds no session"):
        split_bars(SESSIONS, over_a_weekend)


def test_refits_come_before_the_test_and_at_the_end_of_each_of_its_years():
    bars = split_bars(SESSIONS, DATES)
    refits = SESSIONS[refit_bars(SESSIONS, bars, "yearly")]
    assert refits.strftime("%Y-%m-%d").tolist() == ["2017-12-29", "2018-12-31"]


@pytest.mark.parametrize(
    ("refit", "expected"),
    [
        ("quarterly", ["2017-12-29", "2018-03-30", "2018-06-29"]),
        ("monthly", ["2017-12-29", "2018-01-31", "2018-02-28", "2018-03-30", "2018-04-30", "2018-05-31", "2018-06-29"]),
        ("once", ["2017-12-29"]),
    ],
)
def test_refits_come_at_the_end_of_each_period(refit, expected):
    dates = SplitDates(date(2017, 6, 30), date(2017, 12, 29), date(2018, 1, 1), date(2018, 7, 27))
    refits = SESSIONS[refit_bars(SESSIONS, split_bars(SESSIONS, dates), refit)]
    assert refits.strftime("%Y-%m-%d").tolist() == expected


def test_each_refit_of_a_network_validates_on_the_last_bars_and_learns_from_all_before():
    bars = split_bars(SESSIONS, DATES)
    spans = walk_forward_spans(SESSIONS, bars, "quarterly")
    assert [own.validation[-1] for own in spans] == refit_bars(SESSIONS, bars, "quarterly")
    for own in spans:
        assert len(own.validation) == len(bars.fit.validation)
        assert own.train == range(0, own.validation[0] + 1)


@pytest.mark.parametrize(
    ("last", "told", "refits"), [("2018-12-31", True, 2), ("2018-12-31", False, 1), ("2018-12-28", True, 1)]
)
def test_the_last_bar_is_refitted_through_where_the_next_session_is_known_to_open_a_new_year(last, told, refits):
    """Cut off at a session, the axis has the refits of the whole one, if the calendar tells what comes next."""
    stop = SESSIONS.get_loc(last) + 1
    dates = SplitDates(DATES.train_end, DATES.validation_end, DATES.test_start, date.fromisoformat(last))
    bars = split_bars(SESSIONS[:stop], dates, SESSIONS[stop] if told else None)
    whole = refit_bars(SESSIONS, split_bars(SESSIONS, DATES), "yearly")
    assert refit_bars(SESSIONS[:stop], bars, "yearly") == whole[:refits]


def test_a_test_inside_one_year_is_fitted_once():
    test = range(SESSIONS.get_loc("2018-03-01"), SESSIONS.get_loc("2018-09-28") + 1)
    assert refit_bars(SESSIONS, SplitBars(FIT, test), "yearly") == [test.start]


@given(st.integers(0, 1200), st.integers(1, 1300))
def test_no_refit_comes_later_than_a_year_after_the_one_before(start, length):
    test = range(start, min(start + length, len(SESSIONS)))
    refits = refit_bars(SESSIONS, SplitBars(FIT, test), "yearly")
    assert refits[0] == test.start and refits == sorted(set(refits)) and refits[-1] <= test[-1]
    served = [max(refit for refit in refits if refit <= bar) for bar in test]
    assert all(
        SESSIONS[bar] - SESSIONS[refit] <= pd.Timedelta(days=366) for bar, refit in zip(test, served, strict=True)
    )


def test_spans_keep_their_live_sessions_where_dead_ones_are_left_out():
    """With Sundays added on which nothing trades, the spans are those of the weekdays, wherever their borders fall."""
    sundays = SESSIONS[SESSIONS.day_of_week == 4] + pd.Timedelta(days=2)
    wide = SESSIONS.append(sundays).sort_values()
    trades = np.asarray(wide.day_of_week < 5)
    on_sundays = SplitDates(date(2017, 7, 2), date(2017, 12, 31), date(2018, 1, 1), date(2019, 6, 30))
    for dates in (DATES, on_sundays):
        bars = split_bars(wide, dates)
        assert bars.among(trades) == split_bars(SESSIONS, DATES)
        assert bars.among(np.ones(len(wide), dtype=bool)) == bars


def test_a_span_without_a_live_session_is_refused():
    trades = np.asarray((SESSIONS <= pd.Timestamp("2017-06-30")) | (SESSIONS > pd.Timestamp("2017-12-29")))
    with pytest.raises(DataError, match="no session in which any asset trades"):
        split_bars(SESSIONS, DATES).among(trades)


def test_a_network_that_is_fitted_once_has_the_given_spans():
    bars = split_bars(SESSIONS, DATES)
    assert walk_forward_spans(SESSIONS, bars, "once") == (bars.fit,)


def test_each_refit_ends_with_its_year_and_validates_on_as_many_bars_as_the_first():
    bars = split_bars(SESSIONS, DATES)
    first, second = walk_forward_spans(SESSIONS, bars, "yearly")
    assert first == bars.fit
    assert SESSIONS[second.validation[-1]] == pd.Timestamp("2018-12-31")
    assert SESSIONS[second.validation[-1] + 1] == pd.Timestamp("2019-01-01")
    assert len(second.validation) == len(first.validation)
    assert second.train[0] == 0 and second.train[-1] == second.validation[0]


def test_a_test_that_begins_later_than_validation_ends_is_fitted_for_anew():
    later = SplitDates(date(2016, 6, 30), date(2016, 12, 30), date(2018, 3, 1), date(2018, 6, 28))
    spans = walk_forward_spans(SESSIONS, split_bars(SESSIONS, later), "yearly")
    assert [SESSIONS[own.validation[-1]].date() for own in spans] == [date(2016, 12, 30), date(2018, 2, 28)]


def test_spans_without_a_choice_learn_from_validation_too():
    assert FitSpans(range(0, 50), range(49, 80)).without_choice == FitSpans(range(0, 80), range(49, 80))


def test_a_fit_that_is_forecast_with_later_ends_where_its_validation_does():
    sessions = pd.bdate_range("2019-01-01", periods=10)
    bars = fit_bars(sessions, sessions[3].date(), sessions[6].date())
    assert (bars.fit.train, bars.fit.validation, bars.test) == (range(4), range(3, 7), range(6, 10))


def test_a_fit_may_end_with_the_data_whether_or_not_every_session_trades():
    sessions = pd.bdate_range("2019-01-01", periods=6)
    trades = np.array([True, True, False, True, True, True])
    bars = fit_bars(sessions, sessions[2].date(), sessions[5].date()).among(trades)
    assert (bars.fit.train, bars.fit.validation, bars.test) == (range(2), range(1, 5), range(4, 5))


@pytest.mark.parametrize(
    ("ends", "expected"), [((3, 3), "a span holds no session"), ((0, 4), "train_end 2019-01-01 outs")]
)
def test_a_fit_without_sessions_is_refused(ends, expected):
    sessions = pd.bdate_range("2019-01-01", periods=6)
    with pytest.raises(DataError, match=expected):
        fit_bars(sessions, *(sessions[end].date() for end in ends))


def test_sessions_are_forecast_from_the_bar_before_the_first_one():
    sessions = pd.bdate_range("2019-01-01", periods=10)
    assert forecast_bars(sessions, date(2019, 1, 5), date(2019, 1, 8)) == range(3, 6)  # a weekend, then the Tuesday
    with pytest.raises(DataError, match="end 2030-01-01 outside the data"):
        forecast_bars(sessions, date(2019, 1, 5), date(2030, 1, 1))
    with pytest.raises(DataError, match="no session lies in 2019-01-05..2019-01-06"):
        forecast_bars(sessions, date(2019, 1, 5), date(2019, 1, 6))
