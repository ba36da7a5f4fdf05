"""Assets with the prices of another one are named; those that agree by chance, or of one index, are not."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from quantdl.calendars import trading_calendar
from quantdl.market.inspection.census import take_census
from quantdl.market.inspection.policies import Policies
from quantdl.market.inspection.same_prices import FEWEST_MOVES, same_prices
from quantdl.market.inspection.treatment import apply_policies
from quantdl.market.sources.frames import panel_from_frame

DAYS = trading_calendar("XNYS").sessions("2020-01-02", "2020-12-31")


def walk(seed, days=DAYS, start=50.0):
    steps = 0.01 * np.random.default_rng(seed).standard_normal(len(days))
    return pd.Series(np.round(start * np.exp(np.cumsum(steps)), 2), days)


@pytest.fixture
def panel_of(declaration):
    """A panel of named series of closes."""
    return lambda **series: panel_from_frame(pd.DataFrame(series).rename_axis("date"), declaration)


def test_a_copy_is_named_with_both_symbols_its_span_and_its_bars(panel_of):
    original = walk(1)
    (fault,) = same_prices(panel_of(AA=original, BB=walk(2), CC=original))
    assert (fault.kind, fault.symbol, fault.count) == ("same_prices", "CC", len(DAYS))
    assert (fault.first, fault.last) == (date(2020, 1, 2), date(2020, 12, 31))
    moves = np.count_nonzero(np.diff(original))
    assert fault.detail == f"Every close is that of AA: {len(DAYS)} bars, {moves} of which moved the price."


def test_bars_that_one_of_both_lacks_do_not_count(panel_of):
    original = walk(1)
    copy = original.drop(DAYS[[100, 101, 150]])[40:]
    (fault,) = same_prices(panel_of(AA=original.drop(DAYS[[60, 61]]), BB=copy))
    assert (fault.symbol, fault.count) == ("BB", len(DAYS) - 40 - 3 - 2)


def test_every_further_copy_is_named_and_the_first_is_not(panel_of):
    original = walk(1)
    faults = same_prices(panel_of(AA=original, BB=original, CC=walk(3), DD=original))
    assert [fault.symbol for fault in faults] == ["BB", "DD"]


@pytest.mark.parametrize(("moves", "found"), [(FEWEST_MOVES - 1, 0), (FEWEST_MOVES, 1)])
def test_prices_that_stand_still_agree_by_chance_and_sixty_moves_do_not(panel_of, moves, found):
    steps = np.zeros(len(DAYS))
    steps[1 : 2 * moves : 2] = 0.01  # moves, each with a bar of rest behind it
    closes = pd.Series(10 + np.cumsum(steps), DAYS)
    assert len(same_prices(panel_of(AA=closes, BB=closes))) == found


def test_one_other_close_is_another_price(panel_of):
    original, other = walk(1), walk(1)
    other.iloc[130] += 0.01
    assert same_prices(panel_of(AA=original, BB=other)) == ()


def test_funds_of_one_index_and_classes_of_one_share_are_not_copies(panel_of):
    """Forty funds follow an index to a cent at fees of 1 to 40 basis points a year; two classes differ by noise."""
    index = 50 * np.exp(np.cumsum(0.01 * np.random.default_rng(1).standard_normal(len(DAYS))))
    years = np.arange(len(DAYS)) / 252
    funds = {f"F{fee:02d}": pd.Series(np.round(index * np.exp(-fee * 1e-4 * years), 2), DAYS) for fee in range(1, 41)}
    noise = 5e-4 * np.random.default_rng(7).standard_normal(len(DAYS))
    classes = {"GA": pd.Series(np.round(index, 2), DAYS), "GB": pd.Series(np.round(index * np.exp(noise), 2), DAYS)}
    assert same_prices(panel_of(**funds, **classes)) == ()


def test_many_cheap_assets_of_a_coarse_tick_are_not_copies(panel_of):
    """Three hundred walks between one and two in steps of a tenth meet all the time."""
    generator = np.random.default_rng(11)
    walks = {}
    for number in range(300):
        tenths = 10 + np.abs((np.cumsum(generator.integers(-1, 2, len(DAYS))) + 10) % 20 - 10)
        walks[f"A{number:03d}"] = pd.Series(tenths / 10, DAYS)
    assert same_prices(panel_of(**walks)) == ()
    walks["ZZ"] = walks["A123"]
    (fault,) = same_prices(panel_of(**walks))
    assert fault.symbol == "ZZ" and "that of A123:" in fault.detail


def test_it_is_in_the_census_and_reported_unless_the_policies_say_otherwise(panel_of):
    original = walk(1)
    panel = panel_of(AA=original, BB=original)
    census = take_census(panel)
    assert census.counts()["same_prices"] == len(DAYS) and census.assets_affected()["same_prices"] == 1
    assert apply_policies(panel, census, Policies()).assets == ("AA", "BB")
    assert apply_policies(panel, census, Policies(same_prices="drop_asset")).assets == ("AA",)
