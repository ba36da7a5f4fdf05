"""Histories of unequal length, gathered by index: nothing of the future, nothing lost, nothing split."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings, strategies as st

from quantdl.errors import DataError
from quantdl.features import feature_table
from quantdl.market.actions import CorporateActions, Delisting
from quantdl.market.status import CellStatus
from quantdl.relations.graphs import correlation_graph
from quantdl.sequences import (
    NEXT_SESSION,
    Histories,
    ReturnWindow,
    build_histories,
    position_window,
)
from quantdl.simulation import panel_of_closes
from quantdl.training.batches import bucketed, training_blocks
from tests.panels import closes_of, heavy_tailed_returns, in_hours, ragged_closes
from tests.training.waits import counted_waits

SESSIONS, LATE, GAP = 90, 30, range(50, 57)
WINDOWS = (NEXT_SESSION, position_window(5))
CLOSES = closes_of(heavy_tailed_returns(SESSIONS - 1, 3, seed=0))
CLOSES[:LATE, 1] = np.nan
CLOSES[GAP.start : GAP.stop, 2] = np.nan
PANEL = panel_of_closes(CLOSES)
TABLE = feature_table(PANEL)
RAGGED = panel_of_closes(ragged_closes(160, 4, seed=1))
RAGGED_TABLE = feature_table(RAGGED)
RAGGED_HISTORIES = build_histories(RAGGED, WINDOWS, table=RAGGED_TABLE)


@pytest.fixture(scope="module")
def histories() -> Histories:
    return build_histories(PANEL, WINDOWS, table=TABLE)


@pytest.fixture(scope="module")
def ragged() -> Histories:
    return build_histories(RAGGED, WINDOWS, table=RAGGED_TABLE)


blocks_of_bars = st.lists(
    st.tuples(st.integers(0, 155), st.integers(1, 12)).map(lambda pair: range(pair[0], min(sum(pair), 160))),
    min_size=1,
    max_size=4,
)


def test_histories_begin_after_twenty_returns_and_skip_what_did_not_trade(histories):
    batch = histories.batch([range(SESSIONS - 1, SESSIONS)], context=SESSIONS)
    first = 20  # the first return stands at bar 1, the twentieth at bar 20
    assert batch.lengths.tolist() == [[SESSIONS - first, SESSIONS - LATE - first, SESSIONS - first - len(GAP)]]
    bars = batch.bar_index[0]
    assert bars[0, : batch.lengths[0, 0]].tolist() == list(range(first, SESSIONS))
    assert bars[1, : batch.lengths[0, 1]].tolist() == list(range(LATE + first, SESSIONS))
    assert bars[2, : batch.lengths[0, 2]].tolist() == [bar for bar in range(first, SESSIONS) if bar not in GAP]


def test_a_gap_shows_as_a_jump_of_the_bar_index(histories):
    batch = histories.batch([range(SESSIONS - 1, SESSIONS)], context=SESSIONS)
    steps = batch.bar_index[0, 2, : batch.lengths[0, 2]].diff()
    assert sorted(steps.unique().tolist()) == [1, len(GAP) + 1]
    jump = int(steps.argmax()) + 1
    expected = np.log(CLOSES[GAP.stop, 2] / CLOSES[GAP.start - 1, 2])  # one return over the whole gap
    assert batch.returns[0, 2, jump].item() == pytest.approx(expected, rel=1e-5)


def test_padding_stands_right_and_is_neutral(histories):
    batch = histories.batch([range(60, 62), range(40, 41)], context=SESSIONS)
    assert (batch.padding.int().diff(dim=-1) >= 0).all()
    assert torch.equal((~batch.padding).sum(-1), batch.lengths)
    assert not batch.features[batch.padding].any() and not batch.returns[batch.padding].any()
    assert (batch.scale[batch.padding] == 1.0).all()
    assert batch.features.shape[2] == batch.lengths.max()


@settings(max_examples=60)
@given(blocks_of_bars, st.integers(1, 200))
def test_a_forecast_reads_exactly_the_last_observed_bars_up_to_its_own(blocks, context):
    batch = RAGGED_HISTORIES.batch(blocks, context)
    returns = RAGGED.log_returns()
    for forecast, (row, bar) in enumerate(zip(batch.row.tolist(), batch.bar.tolist(), strict=True)):
        assert bar in blocks[row]
        for asset in range(4):
            known = np.flatnonzero(RAGGED_TABLE.valid[: bar + 1, asset])
            assert batch.present[forecast, asset] == RAGGED_TABLE.valid[bar, asset]
            if not known.size:
                continue
            stop = int(batch.position[forecast, asset]) + 1
            bars = batch.bar_index[row, asset, :stop].numpy()
            before = np.flatnonzero(RAGGED_TABLE.valid[: blocks[row][0] + 1, asset])
            assert stop >= min(context, known.size) or before.size < context
            np.testing.assert_array_equal(bars, known[-stop:])
            np.testing.assert_array_equal(batch.features[row, asset, :stop], RAGGED_TABLE.values[bars, asset])
            np.testing.assert_allclose(batch.scale[row, asset, :stop], RAGGED_TABLE.scale[bars, asset], rtol=1e-6)
            np.testing.assert_allclose(batch.returns[row, asset, :stop], returns[bars, asset], rtol=1e-6)


@settings(max_examples=20)
@given(blocks_of_bars, st.integers(1, 200))
def test_context_bars_stand_before_the_first_forecast_of_a_block(blocks, context):
    batch = RAGGED_HISTORIES.batch(blocks, context)
    for row, block in enumerate(blocks):
        up_to_first = RAGGED_TABLE.valid[: block[0] + 1].sum(axis=0)
        whole = RAGGED_TABLE.valid[: block[-1] + 1].sum(axis=0)
        expected = np.minimum(up_to_first, context) + whole - up_to_first
        assert batch.lengths[row].tolist() == expected.tolist()


@settings(max_examples=20)
@given(blocks_of_bars, st.integers(1, 200))
def test_the_positions_that_a_batch_reads_hold_every_position_of_a_forecast(blocks, context):
    batch = RAGGED_HISTORIES.batch(blocks, context)
    if batch.reads is None:
        assert batch.features.shape[2] <= max(len(block) for block in blocks)
        return
    assert batch.reads.count < batch.features.shape[2]
    places = batch.reads.positions(batch.features.shape[2])
    assert torch.equal(batch.at_read(batch.bar_index.gather(2, places)), batch.at_position(batch.bar_index))


def test_every_bar_of_every_block_is_forecast_once_in_every_window(histories):
    blocks = [range(40, 45), range(70, 72)]
    batch = histories.batch(blocks, context=10)
    wanted = [(row, bar, window) for window in (0, 1) for row, block in enumerate(blocks) for bar in block]
    found = zip(batch.row.tolist(), batch.bar.tolist(), batch.window.tolist(), strict=True)
    assert list(found) == wanted
    assert batch.window_bars.tolist() == [1.0] * 7 + [5.0] * 7


def test_what_a_forecast_may_read_last_is_its_own_bar(histories):
    batch = histories.batch([range(40, 60)], context=10)
    last = batch.at_position(batch.bar_index)
    assert (last[batch.present] == batch.bar[:, None].expand_as(last)[batch.present]).all()
    assert batch.at_position(batch.features).shape == (40, 3, histories.n_features)


@pytest.mark.parametrize(("window", "begin", "end"), [(0, 0, 1), (1, 1, 6)])
def test_targets_are_log_returns_between_the_closes_of_the_window(histories, window, begin, end):
    for bar in (0, 31, 45, 83):
        for asset in range(3):
            expected = np.log(CLOSES[bar + end, asset] / CLOSES[bar + begin, asset])
            assert histories.observed[bar, window, asset] == np.isfinite(expected)
            if np.isfinite(expected):
                assert histories.targets[bar, window, asset].item() == pytest.approx(expected, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize(("window", "begin", "end"), [(0, 0, 1), (1, 1, 6)])
def test_a_target_is_observed_when_both_of_its_closes_exist_and_else_zero(histories, window, begin, end):
    exists = np.isfinite(CLOSES)
    expected = np.zeros(exists.shape, dtype=bool)
    expected[: SESSIONS - end] = exists[end:] & exists[begin : SESSIONS - end + begin]
    np.testing.assert_array_equal(histories.observed[:, window], expected)
    assert not histories.targets[:, window][~histories.observed[:, window]].any()
    assert torch.isfinite(histories.targets).all()


def test_a_target_across_a_gap_is_observed(histories):
    bar = GAP.start - 2  # begins before the gap ...
    across = build_histories(PANEL, [position_window(len(GAP) + 1)], table=TABLE)  # ... and ends after it
    expected = np.log(CLOSES[GAP.stop, 2] / CLOSES[GAP.start - 1, 2])
    assert across.targets[bar, 0, 2].item() == pytest.approx(expected, rel=1e-5)
    assert not histories.observed[bar, 1, 2]


def test_a_batch_observes_targets_of_present_assets_only(histories):
    batch = histories.batch([range(0, SESSIONS)], context=SESSIONS)
    assert not (batch.target_observed & ~batch.present).any()
    row = histories.observed[batch.bar, batch.window] & histories.present[batch.bar]
    assert torch.equal(batch.target_observed, row)


@settings(max_examples=60)
@given(st.integers(0, 159), st.integers(0, 30), st.integers(1, 40), st.integers(0, 200))
def test_labels_through_drops_the_labels_that_end_later_and_no_other(start, starts_after, bars, limit):
    window = ReturnWindow(starts_after, bars)
    histories = build_histories(RAGGED, [window, NEXT_SESSION], table=RAGGED_TABLE)
    block = range(start, min(start + 40, 160))
    free, purged = (histories.batch([block], 20, labels_through=end) for end in (None, limit))
    lengths = torch.tensor([starts_after + bars, 1])[purged.window]
    ends_in_time = (purged.bar + lengths <= limit)[:, None]
    assert torch.equal(purged.target_observed, free.target_observed & ends_in_time)


@settings(max_examples=4)
@given(st.integers(30, 158), st.integers(0, 10**6))
def test_the_future_is_not_in_the_batch(bar, seed):
    """Prices after a bar change the targets of that bar and nothing that a model may read."""
    closes = np.array(RAGGED.closes)
    noise = np.random.default_rng(seed).uniform(0.5, 2.0, closes[bar + 1 :].shape)
    closes[bar + 1 :] = np.where(np.isnan(closes[bar + 1 :]), 50.0, closes[bar + 1 :] * noise)
    changed = panel_of_closes(closes)
    before, after = (
        build_histories(panel, WINDOWS).batch([range(bar - 3, bar + 1)], 50) for panel in (RAGGED, changed)
    )
    targets = {"target", "target_observed"}
    for item in dataclasses.fields(before):
        if item.name == "reads":
            assert before.reads.count == after.reads.count
            assert torch.equal(before.reads.first, after.reads.first)
        elif item.name not in targets:
            assert torch.equal(getattr(before, item.name), getattr(after, item.name)), item.name


def test_features_through_a_bar_hold_no_later_row(histories):
    rows = histories.features_through(40)
    assert rows.shape[0] == TABLE.valid[:41].sum()
    np.testing.assert_array_equal(np.sort(rows[:, 0]), np.sort(TABLE.values[:41][TABLE.valid[:41]][:, 0]))


def test_bar_of_a_day_is_its_session_or_the_one_before(histories):
    # 2000-01-03 is the first session; the 17th is Martin Luther King Day, the 14th the Friday before.
    days = ["1999-12-31", "2000-01-03", "2000-01-08", "2000-01-14", "2000-01-17", "2000-01-18", "2030-01-01"]
    assert [histories.bar_of(day) for day in days] == [-1, 0, 4, 9, 9, 10, SESSIONS - 1]


def test_without_a_graph_there_is_no_edge_and_with_one_each_row_has_its_own(histories):
    assert histories.batch([range(60, 64)], 10).edge_index.shape == (2, 0)
    graph = correlation_graph(PANEL.log_returns(), n_neighbours=1, window_bars=40, refresh_bars=10)
    with_graph = build_histories(PANEL, WINDOWS, graph=graph, table=TABLE).batch([range(60, 64)], 10)
    nodes = with_graph.edge_index
    assert nodes.shape[1] == with_graph.edge_weight.shape[0] > 0
    assert torch.equal(nodes[0] // 3, nodes[1] // 3)
    assert (nodes[1] // 3).unique().tolist() == list(range(8))  # every forecast, in both windows


def test_a_bar_before_all_history_can_be_asked_for(histories):
    batch = histories.batch([range(0, 3)], context=5)
    assert not batch.present.any() and not batch.lengths.any()
    assert batch.padding.all() and not batch.features.any()


def test_a_panel_too_short_for_any_history_is_refused():
    with pytest.raises(DataError, match="from 2000-01-03 to 2000-01-24 no asset moved on 20 bars"):
        build_histories(panel_of_closes(CLOSES[:15]), WINDOWS)


def test_gathering_and_ordering_leave_the_global_random_states_alone(histories):
    torch_before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()
    blocks = training_blocks(range(40, 80), 8, 0, 0)
    for batch in bucketed(blocks, [1] * len(blocks), 2, 0, 0):
        histories.batch(batch, 10)
    assert torch.equal(torch.get_rng_state(), torch_before)
    assert (np.random.get_state()[1] == numpy_before).all()


# The states of cells


def test_an_asset_outside_the_universe_is_absent_and_keeps_its_history(histories):
    members = np.ones(CLOSES.shape, dtype=bool)
    members[40:60, 0] = False
    outside = build_histories(dataclasses.replace(PANEL, members=members), WINDOWS, table=TABLE)
    assert not outside.present[40:60, 0].any()
    assert torch.equal(outside.present[:, 1:], histories.present[:, 1:])
    one, other = (item.batch([range(45, 65)], context=30) for item in (outside, histories))
    assert torch.equal(one.features, other.features) and torch.equal(one.lengths, other.lengths)
    assert not one.target_observed[one.bar < 60, 0].any()
    assert torch.equal(one.target_observed[one.bar >= 60], other.target_observed[one.bar >= 60])


def test_a_batch_says_of_every_bar_whether_its_asset_could_be_forecast_there():
    members = np.ones(CLOSES.shape, dtype=bool)
    members[40:60, 0] = False
    outside = build_histories(dataclasses.replace(PANEL, members=members), WINDOWS, table=TABLE)
    batch = outside.batch([range(55, 75), range(80, 84)], 30)
    expected = torch.zeros_like(batch.padding)
    for row, asset, step in (~batch.padding).nonzero().tolist():
        expected[row, asset, step] = bool(members[batch.bar_index[row, asset, step], asset])
    assert batch.eligible is not None
    assert torch.equal(batch.eligible & ~batch.padding, expected)
    assert not expected[0, 0].all() and expected[0, 0].any()


@pytest.mark.parametrize("status", [CellStatus.HALTED, CellStatus.MISSING, CellStatus.DELISTED])
def test_a_cell_without_a_trade_is_neither_a_bar_nor_a_return_of_zero(status):
    closes, cells = PANEL.closes.copy(), PANEL.status.copy()
    closes[70:75, 0], cells[70:75, 0] = np.nan, status
    panel = dataclasses.replace(PANEL, fields={"close": closes}, status=cells)
    halted = build_histories(panel, WINDOWS)
    batch = halted.batch([range(65, 80)], context=80)
    bars = batch.bar_index[0, 0, : batch.lengths[0, 0]].tolist()
    assert bars == [bar for bar in range(20, 80) if bar not in range(70, 75)]
    assert not batch.present[(batch.bar >= 70) & (batch.bar < 75), 0].any()
    assert not halted.observed[69:75, 0, 0].any()
    after = batch.returns[0, 0, bars.index(75)].item()
    assert after == pytest.approx(np.log(CLOSES[75, 0] / CLOSES[69, 0]), rel=1e-5)


def test_a_delisting_ends_the_targets_of_a_batch_at_its_terminal_value():
    closes = CLOSES.copy()
    closes[70:, 0] = np.nan
    panel = panel_of_closes(closes)
    ended = CorporateActions(delistings=(Delisting(panel.sessions[69].date(), panel.assets[0], 42.0),))
    batch = build_histories(dataclasses.replace(panel, actions=ended), [NEXT_SESSION]).batch([range(66, 72)], 10)
    assert batch.target_observed[:, 0].tolist() == [True] * 4 + [False] * 2
    assert batch.target[3, 0].item() == pytest.approx(np.log(42.0 / CLOSES[69, 0]), rel=1e-5)


def test_bars_within_a_session_are_counted_as_bars():
    """Six bars a session: windows, targets and histories count bars, whatever session they are of."""
    sessions = PANEL.sessions[:15].repeat(6)
    instants = PANEL.known_at[:15].repeat(6) - pd.to_timedelta(np.tile(np.arange(6)[::-1], 15), unit="h")
    panel = dataclasses.replace(PANEL, sessions=sessions, known_at=instants, card=in_hours(PANEL.card))
    intraday, daily = build_histories(panel, WINDOWS), build_histories(PANEL, WINDOWS)
    assert torch.equal(intraday.present, daily.present)
    assert torch.equal(intraday.targets, daily.targets) and torch.equal(intraday.observed, daily.observed)
    assert intraday.bar_of(panel.bars[-1]) == SESSIONS - 1
    assert intraday.bar_of(panel.bars[5]) == 5
    assert intraday.bar_of(sessions[6]) == 5  # a day begins after the bars of the day before
    one, other = (item.batch([range(50, 55)], context=12) for item in (intraday, daily))
    assert torch.equal(one.bar_index, other.bar_index) and torch.equal(one.returns, other.returns)


def test_a_batch_is_planned_without_asking_the_device():
    """What was read once to plan by is kept, so a batch waits for nothing that a GPU is still doing."""
    panel = panel_of_closes(ragged_closes(120, 4, seed=5))
    histories = build_histories(panel, [NEXT_SESSION], graph=correlation_graph(panel.log_returns(), 2, 40))
    blocks = [range(60, 80), range(90, 97)]
    histories.batch(blocks, 16, labels_through=95)
    with counted_waits() as asked:
        histories.batch(blocks, 16, labels_through=95)
    assert asked == []
