"""Runs of bars at a wrong scale: found as one fault, and no return that only the scale explains is left."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from quantdl.calendars import trading_calendar
from quantdl.market.inspection.census import take_census
from quantdl.market.inspection.policies import Policies
from quantdl.market.inspection.scale_breaks import scan_scales, suspected_split, wrong_scale, wrong_scale_ends
from quantdl.market.inspection.treatment import apply_policies
from quantdl.market.sources.frames import panel_from_frame
from tests.market.inspection.test_scale_breaks import market

PRICES = ["open", "high", "low", "close"]
N_SESSIONS = 200
SEEDS = (0, 1, 2, 3, 5)


@pytest.fixture(scope="module")
def sessions():
    return trading_calendar("XNYS").sessions("2015-01-02", "2015-12-31")[:N_SESSIONS]


def scaled(frame, runs, *, volume=False, columns=PRICES):
    """A copy with the bars of each run (first, stop, factor) at another scale."""
    frame = frame.copy()
    for first, stop, factor in runs:
        bars = (frame.index >= first) & (frame.index < stop)
        frame.loc[bars, columns] *= factor
        if volume:
            frame.loc[bars, "volume"] /= factor
    return frame


def markets(sessions, seeds, volatility=0.02):
    """A stock for each seed, each with bars numbered from 0."""
    return pd.concat([market(sessions, seed, volatility).assign(symbol=f"S{seed:02}") for seed in seeds])


def checked(frame, declaration, policies=None, judged_through=None):
    panel = panel_from_frame(frame.reset_index(drop=True), replace(declaration, on_fault="record"))
    census = take_census(panel)
    return census, apply_policies(panel, census, policies or Policies(), judged_through)


def faults(census, *kinds):
    kinds = kinds or ("wrong_scale", "suspected_split", "close_off_scale")
    return [(fault.kind, fault.first, fault.last, fault.count) for fault in census.faults if fault.kind in kinds]


def faults_of_each(census):
    """Faults of each asset that has any."""
    assets = sorted({fault.symbol for fault in census.faults})
    own = {asset: replace(census, faults=tuple(f for f in census.faults if f.symbol == asset)) for asset in assets}
    return {asset: found for asset in assets if (found := faults(own[asset]))}


def scale_returns(clean, treated):
    """Returns of the treated panel that the market never made: over them its scale to the true closes changes.

    An asset that was cut into two is one of them under its symbol and one under that with an ending.
    """
    found = []
    for column, asset in enumerate(treated.assets):
        truth = clean[clean["symbol"] == asset[: len(clean["symbol"].iloc[0])]].set_index("date")["close"]
        rows = np.flatnonzero(treated.traded[:, column])
        scale = np.log(treated.closes[rows, column] / truth.loc[treated.sessions[rows]].to_numpy())
        found += rows[1:][np.abs(np.diff(scale)) > 1e-9].tolist()
    return found


@pytest.mark.parametrize("volume", [True, False])
@pytest.mark.parametrize("factor", [10, 1 / 10, 100, 1 / 100, 1000, 2, 1 / 2, 3, 1 / 4])
@pytest.mark.parametrize(("first", "length"), [(120, 1), (120, 5), (100, 30), (60, 90)])
def test_a_run_inside_a_history_is_one_fault_and_is_masked(sessions, declaration, first, length, factor, volume):
    clean = markets(sessions, SEEDS)
    census, treated = checked(scaled(clean, [(first, first + length, factor)], volume=volume), declaration)
    days = sessions[first].date(), sessions[first + length - 1].date()
    assert faults_of_each(census) == {asset: [("wrong_scale", *days, length)] for asset in treated.assets}
    assert scale_returns(clean, treated) == []
    assert treated.assets == tuple(f"S{seed:02}" for seed in SEEDS)
    assert (treated.traded.sum(axis=0) == N_SESSIONS - length).all()


@pytest.mark.parametrize("factor", [10, 1 / 10, 100, 1 / 100, 2, 1 / 2, 3])
@pytest.mark.parametrize(("first", "length"), [(0, 1), (0, 10), (0, 40), (180, 20), (199, 1)])
def test_a_run_at_an_end_of_a_history_is_one_fault(sessions, declaration, first, length, factor):
    clean = markets(sessions, SEEDS[:4], volatility=0.01)
    census, treated = checked(scaled(clean, [(first, first + length, factor)], volume=True), declaration)
    assert {asset: len(found) for asset, found in faults_of_each(census).items()} == {
        f"S{seed:02}": 1 for seed in SEEDS[:4]
    }
    assert scale_returns(clean, treated) == []


def test_one_day_that_was_right_already_and_six_days_before_the_rest(declaration):
    """The history of the report: a hundred sessions around 100, ten times too high before 2023-05-15 but for a day."""
    sessions = trading_calendar("XNYS").sessions("2023-01-03", "2023-12-29")[:150]
    for seed in SEEDS:
        clean = market(sessions, seed, volatility=0.01)
        right, change = sessions.get_loc("2023-05-09"), sessions.get_loc("2023-05-15")
        census, treated = checked(scaled(clean, [(0, right, 10), (right + 1, change, 10)]), declaration)
        assert sorted(faults(census)) == [
            ("suspected_split", sessions[change].date(), sessions[change].date(), 1),
            ("wrong_scale", sessions[right].date(), sessions[right].date(), 1),
        ]
        assert scale_returns(clean, treated) == []
        assert np.nanmax(np.abs(treated.log_returns())) < 0.2


def test_several_runs_of_different_factors_are_a_fault_each(sessions, declaration):
    clean = market(sessions, 1)
    runs = [(40, 41, 100), (70, 75, 1 / 10), (110, 130, 3), (160, 162, 1 / 2)]
    census, treated = checked(scaled(clean, runs), declaration)
    spans = [("wrong_scale", sessions[a].date(), sessions[b - 1].date(), b - a) for a, b, _ in runs]
    assert faults(census) == spans
    assert scale_returns(clean, treated) == []


def test_scales_that_follow_each_other_are_one_run_until_the_first_is_back(sessions, declaration):
    clean = market(sessions, 2)
    census, treated = checked(scaled(clean, [(100, 110, 10), (110, 115, 1 / 10)]), declaration)
    assert faults(census) == [("wrong_scale", sessions[100].date(), sessions[114].date(), 15)]
    assert scale_returns(clean, treated) == []


def test_sessions_may_be_missing_within_a_run_and_beside_it(sessions, declaration):
    clean = market(sessions, 3).drop(index=[99, 104, 105, 106, 110])
    census, treated = checked(scaled(clean, [(100, 110, 10)]), declaration)
    assert faults(census) == [("wrong_scale", sessions[100].date(), sessions[109].date(), 7)]
    assert scale_returns(clean, treated) == []


def test_three_for_two_is_seen_by_the_way_back_only(sessions, declaration):
    clean = market(sessions, 0, volatility=0.01)
    census, treated = checked(scaled(clean, [(100, 110, 1 / 1.5)], volume=True), declaration)
    assert faults(census) == [("wrong_scale", sessions[100].date(), sessions[109].date(), 10)]
    assert scale_returns(clean, treated) == []
    assert faults(checked(scaled(clean, [(100, N_SESSIONS, 1 / 1.5)], volume=True), declaration)[0]) == []


@pytest.mark.parametrize(("first", "length"), [(120, 1), (120, 5), (0, 20), (195, 5), (100, 60)])
@pytest.mark.parametrize("columns", [["close"], ["high", "low", "close", "volume"], PRICES])
def test_without_volumes_or_ranges_a_calm_stock_shows_runs_of_common_factors(
    sessions, declaration, columns, first, length
):
    for factor in (10, 1 / 100, 2, 1 / 10):
        clean = market(sessions, 1, volatility=0.005)
        frame = scaled(clean, [(first, first + length, factor)])[["date", "symbol", *columns]]
        census, treated = checked(frame, declaration)
        assert len(faults(census)) == 1
        assert scale_returns(clean, treated) == []


@pytest.mark.parametrize("length", [1, 4])
@pytest.mark.parametrize("factor", [10, 1 / 10, 100, 2, 1 / 2])
def test_a_close_at_another_scale_than_its_own_bar_is_masked(sessions, declaration, length, factor):
    clean = market(sessions, 1)
    census, treated = checked(scaled(clean, [(100, 100 + length, factor)], columns=["close"]), declaration)
    assert faults(census) == [("close_off_scale", sessions[100].date(), sessions[99 + length].date(), length)]
    assert scale_returns(clean, treated) == []


def test_a_week_of_closes_at_another_scale_than_their_bars_is_refused(sessions, declaration):
    frame = scaled(market(sessions, 1), [(100, 105, 10)], columns=["close"])
    census = take_census(panel_from_frame(frame, declaration))
    assert faults(census, "mixed_adjustment", "close_off_scale") == [
        ("mixed_adjustment", sessions[100].date(), sessions[104].date(), 1)
    ]
    assert Policies().mixed_adjustment == "refuse"


@pytest.mark.parametrize("factor", [1 / 2, 1 / 3, 1 / 10, 4])
def test_a_change_that_lasts_stays_a_split(sessions, declaration, factor):
    clean, day = markets(sessions, SEEDS), sessions[120].date()
    census, treated = checked(scaled(clean, [(120, N_SESSIONS, factor)], volume=True), declaration)
    assert faults_of_each(census) == {f"S{seed:02}": [("suspected_split", day, day, 1)] for seed in SEEDS}
    assert scale_returns(clean, treated) == []


def test_a_run_longer_than_what_stands_around_it_is_two_changes(sessions, declaration):
    clean = market(sessions, 0)
    census, treated = checked(scaled(clean, [(30, 170, 10)], volume=True), declaration)
    assert [fault[:2] for fault in faults(census)] == [("suspected_split", sessions[day].date()) for day in (30, 170)]
    assert len(treated.assets) == 3
    assert scale_returns(clean, treated) == []


@pytest.mark.parametrize("factor", [0.5, 0.3, 2.0])
def test_a_crash_and_the_recovery_from_it_are_no_change_of_scale(sessions, declaration, factor):
    """Everybody trades on the day of the news; months of trading at the new price change nothing about that."""
    frame = scaled(markets(sessions, range(20)), [(100, 130, factor)])
    frame.loc[frame.index == 100, "volume"] *= 14 / factor
    frame.loc[frame.index == 130, "volume"] *= 14 * factor
    census, treated = checked(frame, declaration)
    assert faults(census) == []
    assert treated.traded.all() and len(treated.assets) == 20


def test_a_fight_on_the_first_day_or_the_last_is_no_run(sessions, declaration):
    for day in (100, 103):
        frame = scaled(market(sessions, 1), [(100, 103, 2)])
        reach = ["high", "low"][day == 100]
        frame.loc[day, reach] = frame.loc[day - 1, "close"]  # it traded at the other price, too
        panel = panel_from_frame(frame, declaration)
        assert not wrong_scale(scan_scales(panel)).any()


def test_noise_alone_is_never_a_run(sessions, declaration):
    census, treated = checked(markets(sessions, range(40), volatility=0.06), declaration)
    assert faults(census) == [] and len(treated.assets) == 40


@pytest.mark.parametrize("factor", [10, 1 / 10, 2])
@pytest.mark.parametrize("judged", [80, 104, 160])
def test_a_run_that_had_not_ended_before_the_test_span_is_cut_and_not_masked(sessions, declaration, factor, judged):
    clean = market(sessions, 1)
    frame = scaled(clean, [(100, 110, factor)], volume=True)
    _, treated = checked(frame, declaration, judged_through=sessions[judged])
    assert scale_returns(clean, treated) == []
    assert treated.traded.sum() == (N_SESSIONS - 10 if judged == 160 else N_SESSIONS)
    assert len(treated.assets) == (1 if judged == 160 else 3)


def test_the_ends_of_a_run_are_known_at_their_own_close(sessions, declaration):
    panel = panel_from_frame(scaled(market(sessions, 1), [(100, 110, 10)]), declaration)
    assert np.flatnonzero(wrong_scale_ends(scan_scales(panel))[:, 0]).tolist() == [100, 110]
    for end in range(100, 130, 3):
        view = panel.until(sessions[end])
        changes = scan_scales(view)
        known = np.flatnonzero((wrong_scale_ends(changes) | suspected_split(changes))[:, 0]).tolist()
        assert known == [day for day in (100, 110) if day <= end]


def parts_until(panel, row):
    """The closes of every asset up to a row, those that trade by then, in an order that names do not decide."""
    closes = panel.closes[: row + 1, panel.traded[: row + 1].any(axis=0)]
    return sorted(np.nan_to_num(closes).T.tolist())


@pytest.mark.parametrize("judged", [80, 104, 112])
@pytest.mark.parametrize(
    "policies",
    [
        Policies(),
        Policies(wrong_scale="keep"),
        Policies(wrong_scale="split_at_gap"),
        Policies(suspected_split="keep"),
        Policies(suspected_split="keep", wrong_scale="split_at_gap"),
    ],
)
@pytest.mark.parametrize("runs", [[(100, 110, 10)], [(100, 110, 10), (110, 115, 1 / 10)], [(0, 106, 10)]])
def test_bars_after_a_session_of_the_test_span_change_nothing_up_to_it(sessions, declaration, runs, policies, judged):
    """A jump counts as a split until a later one undoes it, so a cut by what came later would be look-ahead."""
    panel = panel_from_frame(scaled(market(sessions, 2), runs, volume=True), declaration)
    whole = apply_policies(panel, take_census(panel), policies, sessions[judged])
    for end in (judged, 105, 109, 110, 113, 115, 120):
        if end >= judged:
            view = panel.until(sessions[end])
            known = apply_policies(view, take_census(view), policies, sessions[judged])
            assert parts_until(whole, end) == parts_until(known, end)


def test_other_actions_do_what_they_say(sessions, declaration):
    clean = market(sessions, 1)
    frame = scaled(clean, [(100, 110, 10)])
    _, cut = checked(frame, declaration, Policies(wrong_scale="split_at_gap"))
    assert len(cut.assets) == 3
    assert scale_returns(clean, cut) == []
    _, kept = checked(frame, declaration, Policies(wrong_scale="keep"))
    assert scale_returns(clean, kept) == [100, 110]


def test_bars_within_sessions_are_drawn_together(sessions, declaration):
    from quantdl.market.card import IntradayBars

    rows = []
    clean = market(sessions[:120], 1)
    for bar in clean.itertuples():
        for hour in range(3):
            time = f"{bar.date:%Y-%m-%d} {10 + hour}:30"
            rows.append((time, "A", bar.open, bar.high, bar.low, bar.close, bar.volume / 3))
    frame = pd.DataFrame(rows, columns=["date", "symbol", *PRICES, "volume"])
    cut = IntradayBars("end", "open", "America/New_York")
    frame.loc[240:254, PRICES] *= 10
    panel = panel_from_frame(frame, replace(declaration, frequency="60min", intraday=cut, as_of=sessions[-1].date()))
    marked = wrong_scale(scan_scales(panel))[:, 0]
    assert sorted({panel.sessions[row] for row in np.flatnonzero(marked & panel.traded[:, 0])}) == list(sessions[80:85])


def test_the_words_name_the_closes_and_the_length(sessions, declaration):
    panel = panel_from_frame(scaled(market(sessions, 1), [(100, 110, 10)]), declaration)
    (fault,) = [fault for fault in take_census(panel).faults if fault.kind == "wrong_scale"]
    old, new = panel.closes[99:101, 0]
    assert fault.detail == f"Close {old:g} to {new:g} (x {new / old:.4g}), and back after 10 bars."
    begun = panel_from_frame(scaled(market(sessions, 1), [(0, 3, 10)], volume=True), declaration)
    (fault,) = [fault for fault in take_census(begun).faults if fault.kind == "wrong_scale"]
    assert fault.detail.startswith("The history begins with 3 bars at another scale: close ")


def test_a_run_as_long_as_what_stands_around_it_is_still_the_wrong_one(sessions, declaration):
    """A hundred sessions inside of two hundred: the scale around them has not been outlasted."""
    for seed in SEEDS:
        census, treated = checked(scaled(market(sessions, seed), [(50, 150, 10)]), declaration)
        assert faults(census) == [("wrong_scale", sessions[50].date(), sessions[149].date(), 100)]
        assert treated.traded[:, 0].sum() == 100
