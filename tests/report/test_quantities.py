"""A quantity is written in its unit, or its reason where it is undefined; every figure of a record is shown."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import pytest

from quantdl.backtest.judging.periods import PeriodResult
from quantdl.report import calibration, regimes
from quantdl.report.formatting import COUNT, MONEY, PERCENT, RATIO
from quantdl.report.quantities import Quantity, reason_of
from quantdl.risk.scores.forecast_scores import AssetScores, ForecastScores


@dataclass(frozen=True)
class Measured:
    growth: float | None = 0.07125
    trough: date | None = date(2020, 3, 23)
    zone: str = "green"
    undefined: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Bare:
    growth: float | None = None


GROWTH = Quantity("growth", "Return a year", PERCENT)


def test_a_figure_is_scaled_to_its_unit_and_set_flush_right():
    cell = GROWTH.cell(Measured())
    assert (cell.text, cell.numeric, cell.tone) == ("7.12", True, "plain")
    assert GROWTH.label == "Return a year [%]"
    assert Quantity("growth", "Sharpe ratio", RATIO).label == "Sharpe ratio"


def test_days_and_words_are_written_as_they_are():
    assert Quantity("trough", "Trough", COUNT).cell(Measured()).text == "2020-03-23"
    assert Quantity("zone", "Zone", COUNT).cell(Measured()).text == "green"


def test_the_value_is_a_number_or_none():
    assert GROWTH.value(Measured()) == 0.07125
    assert GROWTH.value(Measured(growth=None)) is None
    assert GROWTH.value(Measured(growth=3)) == 3.0


def test_why_a_figure_is_undefined_comes_from_the_caller_then_from_the_record():
    silent, told = Measured(growth=None), Measured(growth=None, undefined={"growth": "one session"})
    assert GROWTH.cell(silent).text == "undefined"
    assert GROWTH.cell(told).text == "undefined: one session"
    assert GROWTH.cell(told, "too few sessions").text == "too few sessions"
    assert GROWTH.cell(told).tone == "muted"


def test_a_record_without_reasons_is_plainly_undefined():
    assert reason_of(Bare(), "growth") == "undefined"
    assert reason_of(Measured(undefined={"other": "one session"}), "growth") == "undefined"


def test_a_field_that_the_record_lacks_is_refused():
    with pytest.raises(AttributeError, match="moon"):
        Quantity("moon", "Moon phase", COUNT).cell(Bare())


def test_zero_is_a_figure_and_no_gap():
    assert GROWTH.cell(Measured(growth=0.0)).text == "0.00"


@pytest.mark.parametrize(
    ("shown", "record", "elsewhere"),
    [
        (calibration.SCORES, ForecastScores, {"model", "window", "coverage", "assets", "pit", "horizons", "fits"}),
        (calibration.ASSET_SCORES, AssetScores, {"asset"}),
        (regimes.period_figures(MONEY), PeriodResult, {"sessions"}),
    ],
)
def test_every_figure_of_a_record_has_its_quantity(shown, record, elsewhere):
    """What stands elsewhere: labels, tables of their own, and the sessions in the heading of a period."""
    fields = [quantity.field for quantity in shown]
    assert len(fields) == len(set(fields))
    assert set(fields) == {one.name for one in dataclasses.fields(record)} - elsewhere
