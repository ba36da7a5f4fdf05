"""Statistics of windows against plain definitions, and bits that know nothing outside the window."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as arrays

from quantdl.errors import LookAheadError
from quantdl.features.windows import earlier, window_mean, window_moments, window_peak, window_sum

GAPPED = arrays.arrays(
    np.float64, st.integers(1, 40), elements=st.one_of(st.floats(-1e6, 1e6), st.just(np.nan), st.just(0.0))
)
WINDOWS = st.integers(1, 45)


def windows_of(values: np.ndarray, window: int) -> list[np.ndarray]:
    return [values[max(bar - window + 1, 0) : bar + 1] for bar in range(len(values))]


@given(GAPPED, WINDOWS)
def test_the_sum_adds_the_last_bars(values, window):
    values = np.nan_to_num(values)
    expected = [part.sum() for part in windows_of(values, window)]
    np.testing.assert_allclose(window_sum(values, window), expected, rtol=1e-12, atol=1e-7)


@given(GAPPED, WINDOWS, st.integers(1, 5))
def test_the_mean_is_that_of_the_known_values_if_there_are_enough(values, window, minimum):
    known = [part[~np.isnan(part)] for part in windows_of(values, window)]
    expected = [part.mean() if len(part) >= minimum else np.nan for part in known]
    np.testing.assert_allclose(window_mean(values, window, minimum), expected, rtol=1e-9, atol=1e-7)


def test_by_default_half_of_the_window_must_be_known():
    values = np.array([1.0, np.nan, np.nan, 4.0, 5.0, 6.0])
    np.testing.assert_allclose(window_mean(values, 4), [np.nan, np.nan, np.nan, 2.5, 4.5, 5.0])
    np.testing.assert_allclose(window_mean(values, 5), [np.nan, np.nan, np.nan, np.nan, 10 / 3, 5.0])


@given(GAPPED, WINDOWS)
def test_the_variance_is_the_sample_variance_of_the_known_values(values, window):
    known = [part[~np.isnan(part)] for part in windows_of(values, window)]
    expected = [part.var(ddof=1) if len(part) >= 2 else np.nan for part in known]
    np.testing.assert_allclose(window_moments(values, window).variance(2), expected, rtol=1e-6, atol=1e-3)


def test_the_deviation_of_small_moves_around_a_large_level_keeps_eight_digits():
    """NIST's StRD NumAcc4: 1001 values around 10000000.2, standard deviation 0.1."""
    values = np.concatenate([[10000000.2], np.tile([10000000.1, 10000000.3], 500)])
    moments = window_moments(values, 1001)
    assert moments.mean[-1] == pytest.approx(10000000.2, rel=1e-15)
    assert np.sqrt(moments.variance(2)[-1]) == pytest.approx(0.1, rel=1e-8)


@given(GAPPED, WINDOWS)
def test_the_peak_is_the_maximum_and_its_age_that_of_the_last_bar_there(values, window):
    peak, age = window_peak(values, window)
    for bar, part in enumerate(windows_of(values, window)):
        if np.isnan(part).all():
            assert np.isnan(peak[bar]) and np.isnan(age[bar])
        else:
            assert peak[bar] == np.nanmax(part)
            assert age[bar] == np.flatnonzero(part[::-1] == np.nanmax(part))[0]


@given(GAPPED, st.integers(0, 45))
def test_earlier_values_stand_so_many_bars_later(values, bars):
    expected = np.concatenate([np.full(min(bars, len(values)), np.nan), values])[: len(values)]
    np.testing.assert_array_equal(earlier(values, bars), expected)


@pytest.mark.parametrize("window", [1, 2, 3, 5, 21, 63, 64, 100])
def test_no_bit_depends_on_what_stood_before_the_window(window):
    generator = np.random.default_rng(window)
    values = generator.standard_normal((200, 3)) * 10.0 ** generator.integers(-8, 8, (200, 3))
    values[generator.random(values.shape) < 0.1] = np.nan
    elsewhere = values.copy()
    elsewhere[: 200 - window] = generator.choice([1e300, -1e300, np.nan, 0.0, 3.3], (200 - window, 3))

    def statistics(series: np.ndarray) -> list[np.ndarray]:
        moments = window_moments(series, window)
        return [
            window_sum(np.nan_to_num(series), window),
            window_mean(series, window),
            *window_peak(series, window),
        ] + [
            moments.count,
            moments.mean,
            moments.squares,
        ]

    with np.errstate(over="ignore", invalid="ignore"):
        for one, other in zip(statistics(values), statistics(elsewhere), strict=True):
            assert one[-1].tobytes() == other[-1].tobytes()


@pytest.mark.parametrize("window", [1, 3, 21, 64])
def test_no_bit_depends_on_the_number_of_bars_or_of_assets(window):
    values = np.random.default_rng(0).standard_normal((150, 7))
    whole = window_moments(values, window).squares
    for bars in (1, 2, 21, 63, 64, 65, 149):
        assert window_moments(values[:bars], window).squares.tobytes() == whole[:bars].tobytes()
    assert window_moments(values[:, 4:5], window).squares.tobytes() == np.ascontiguousarray(whole[:, 4:5]).tobytes()


@pytest.mark.parametrize("window", [0, -1])
def test_a_window_without_a_bar_is_refused(window):
    with pytest.raises(ValueError, match=f"one bar or more, got {window}"):
        window_sum(np.ones(3), window)


def test_a_negative_look_back_is_a_look_ahead():
    with pytest.raises(LookAheadError, match="-1 bars before a bar lie after it"):
        earlier(np.ones(3), -1)
