"""Months, quarters and years against pandas' own resampling, and by hand."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from arch.data import sp500

from quantdl.records import to_plain
from quantdl.risk.curves.calendar_returns import calendar_returns, month_table
from quantdl.risk.curves.equity_curves import MeasuredCurve
from tests.risk.curves.made_curves import heavy_returns, measured


@pytest.fixture(scope="module")
def index():
    close = sp500.load()["Close"].astype(float)
    return close, calendar_returns(MeasuredCurve.of(close, 252))


def by_pandas(close, frequency):
    last = close.resample(frequency).last()
    return last.to_numpy() / np.concatenate([[close.iloc[0]], last.to_numpy()[:-1]]) - 1


@pytest.mark.parametrize(("which", "frequency"), [("months", "ME"), ("years", "YE")])
def test_periods_are_those_of_pandas(index, which, frequency):
    close, found = index
    assert [one.value for one in getattr(found, which)] == pytest.approx(by_pandas(close, frequency), rel=1e-12)


def test_all_months_compound_to_the_total_return(index):
    close, found = index
    total = math.prod(1 + one.value for one in found.months)
    assert total == pytest.approx(close.iloc[-1] / close.iloc[0], rel=1e-12)
    assert math.prod(1 + one.value for one in found.years) == pytest.approx(total, rel=1e-12)


def test_october_2008_was_the_worst_month(index):
    """S&P 500: 1166.36 on 30 September to 968.75 on 31 October 2008, -16.94 %; 2008 as a whole lost 38.49 %."""
    _, found = index
    worst = min(found.months, key=lambda month: month.value)
    assert (worst.year, worst.month) == (2008, 10)
    assert found.worst_month == pytest.approx(968.75 / 1166.36 - 1, abs=1e-5)
    assert found.worst_year == pytest.approx(903.25 / 1468.36 - 1, abs=1e-5)


def test_summaries_are_those_of_the_periods(index):
    close, found = index
    months, quarters, years = (by_pandas(close, frequency) for frequency in ("ME", "QE", "YE"))
    assert (found.best_month, found.best_year) == pytest.approx((months.max(), years.max()))
    for rate, values in (
        (found.month_hit_rate, months),
        (found.quarter_hit_rate, quarters),
        (found.year_hit_rate, years),
    ):
        assert rate == pytest.approx((values > 0).sum() / (values != 0).sum())
    assert found.average_up_month == pytest.approx(months[months > 0].mean())
    assert found.average_down_month == pytest.approx(months[months < 0].mean())
    assert found.month_gain_to_pain == pytest.approx(months.sum() / -months[months < 0].sum())
    assert (1 + found.month_growth) ** len(months) == pytest.approx(close.iloc[-1] / close.iloc[0])


def test_the_last_months_are_measured_from_the_session_before_them(index):
    close, found = index
    trailing = {one.months: one for one in found.trailing}
    for months, day in ((1, "2018-11-30"), (12, "2017-12-29"), (36, "2015-12-31"), (120, "2008-12-31")):
        expected = close.iloc[-1] / close[day] - 1
        assert trailing[months].value == pytest.approx(expected, rel=1e-12)
    assert trailing[6].annual is None
    assert trailing[36].annual == pytest.approx((close.iloc[-1] / close["2015-12-31"]) ** (1 / 3) - 1, rel=1e-12)


def test_months_before_the_beginning_are_not_made_up():
    found = calendar_returns(measured(heavy_returns(100)))
    assert {one.months: one.value is None for one in found.trailing} == {
        1: False,
        3: False,
        6: True,
        12: True,
        36: True,
        60: True,
        120: True,
    }
    assert "needs a whole year" in found.undefined["best_year"]


def test_a_month_without_a_session_is_not_there():
    days = pd.to_datetime(["2024-01-31", "2024-02-15", "2024-04-30"])
    found = calendar_returns(MeasuredCurve.of(pd.Series([100.0, 110.0, 121.0], days), 252))
    assert [(one.year, one.month, round(one.value, 12)) for one in found.months] == [(2024, 2, 0.1), (2024, 4, 0.1)]
    table = month_table(found)
    assert table.loc[2024, 2] == pytest.approx(0.1) and math.isnan(table.loc[2024, 3])
    assert table.loc[2024, "year"] == pytest.approx(0.21)


def test_the_table_has_a_row_a_year(index):
    _, found = index
    table = month_table(found)
    assert list(table.index) == list(range(1999, 2019)) and table.shape == (20, 13)
    assert table.loc[2008, 10] == found.worst_month


@pytest.mark.parametrize("returns", [[], [0.0] * 400, [0.01] * 400, [-0.01] * 400])
def test_a_figure_is_a_number_or_has_a_reason(returns):
    curve = measured(returns) if returns else MeasuredCurve.of(pd.Series([1.0], pd.to_datetime(["2024-01-02"])), 252)
    rendered = to_plain(calendar_returns(curve))
    assert {name for name, value in rendered.items() if value is None} == set(rendered["undefined"])
    json.dumps(rendered, allow_nan=False)
