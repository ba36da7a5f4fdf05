"""What a fit passes over: every session or window once, nothing beyond a span, and a mapped panel as one in memory."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st

from quantdl.features import FeatureTable, feature_table
from quantdl.market.panel import Panel
from quantdl.market.sources import load_sp500
from quantdl.market.storage.store import open_panel, save_panel
from quantdl.models.flow import FlowForecaster
from quantdl.models.graph import GraphForecaster
from quantdl.models.settings import FlowSettings, GraphSettings, TransformerSettings
from quantdl.models.transformer import TransformerForecaster
from quantdl.sequences import NEXT_SESSION, ObservedBars, Shard, build_histories, open_bars, position_window, store_bars
from quantdl.simulation import panel_of_closes
from quantdl.training.batches import AssetBatches, SessionBatches, bucketed, scored_windows, training_blocks
from quantdl.training.fit import fit
from quantdl.training.loss import mean_log_loss
from quantdl.training.settings import LossShares, TrainingSettings
from quantdl.training.splits import FitSpans
from tests.panels import ragged_closes

WINDOWS = (NEXT_SESSION, position_window(5))
SPANS = FitSpans(range(30, 120), range(119, 170))
SETTINGS = TrainingSettings(block=8, rows=6, warm_up_steps=5, epochs=2)
CONTEXT = 16


def by_asset(panel: Panel) -> FeatureTable:
    """Features that compare no assets, as a panel in blocks of assets needs them."""
    return feature_table(panel, ("own_history", "days_closed"))


@pytest.fixture(scope="module")
def panel() -> Panel:
    return panel_of_closes(ragged_closes(180, 5, seed=1))


@pytest.fixture(scope="module")
def bars(panel) -> ObservedBars:
    return ObservedBars.of(panel, WINDOWS, by_asset(panel))


@pytest.fixture
def sessions_of(panel):
    histories = build_histories(panel, WINDOWS, table=by_asset(panel))
    return SessionBatches(histories, SPANS, CONTEXT, SETTINGS, seed=0)


@pytest.fixture
def windows_of(panel, bars):
    return AssetBatches(bars, panel.sessions, SPANS, CONTEXT, 2, SETTINGS, seed=0)


def test_a_pass_over_sessions_holds_each_of_the_training_span_once(sessions_of):
    for epoch in range(3):
        seen = torch.cat([batch.bar[batch.window == 0] for batch in sessions_of.training(epoch)])
        assert sorted(seen.tolist()) == list(SPANS.train)
    orders = [[batch.bar.tolist() for batch in sessions_of.training(epoch)] for epoch in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]


def test_validation_holds_each_session_once_and_in_order(sessions_of):
    seen = torch.cat([batch.bar[batch.window == 0] for batch in sessions_of.validation()])
    assert seen.tolist() == list(SPANS.validation)


@pytest.mark.parametrize("lane", ["sessions_of", "windows_of"])
def test_no_observed_label_leaves_its_span(lane, request):
    batches = request.getfixturevalue(lane)
    ends_after = torch.tensor([window.ends_after for window in WINDOWS])
    for part, span in ((batches.training(0), SPANS.train), (batches.validation(), SPANS.validation)):
        n_observed = 0
        for batch in part:
            made = batch.bar[batch.target_observed.any(dim=1)]
            ends = (batch.bar + ends_after[batch.window])[batch.target_observed.any(dim=1)]
            assert (made >= span.start).all() and (ends < span.stop).all()
            n_observed += int(batch.target_observed.sum())
        assert n_observed > 0


def test_windows_take_as_many_passes_as_forecasts_to_be_seen_once(windows_of):
    def last_bars(epoch: int) -> list[tuple[int, int]]:
        found = []
        for batch in windows_of.training(epoch):
            newest = batch.bar_index[torch.arange(len(batch.lengths)), 0, batch.lengths[:, 0] - 1]
            found += list(zip(batch.scale[:, 0].sum(dim=1).tolist(), newest.tolist(), strict=True))
        return found

    per_pass = [last_bars(epoch) for epoch in range(SETTINGS.block)]
    seen = [key for keys in per_pass for key in keys]
    assert len(set(seen)) >= 0.9 * windows_of.loader.n_windows  # the last steps of a pass, and what fills up, are left
    assert last_bars(SETTINGS.block) != per_pass[0]  # the next round has an order of its own
    assert last_bars(0) == per_pass[0]


def test_validation_gives_the_same_windows_after_every_pass(windows_of):
    first, second = ([batch.bar.tolist() for batch in windows_of.validation()] for _ in range(2))
    assert first == second


def test_moments_are_those_of_all_rows_up_to_the_end_of_the_training_span(windows_of, sessions_of, bars):
    rows = bars.features[bars.bar <= SPANS.train[-1]].double().numpy()
    for batches in (windows_of, sessions_of):
        mean, deviation = batches.feature_moments()
        np.testing.assert_allclose(mean, rows.mean(axis=0), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(deviation, rows.std(axis=0, ddof=1), rtol=1e-4)


def test_moments_of_a_feature_far_from_zero_keep_their_digits(panel, bars):
    shifted = replace(bars, features=bars.features + torch.tensor(1000.0))
    rows = shifted.features[bars.bar <= SPANS.train[-1]].double().numpy()
    _, deviation = AssetBatches(shifted, panel.sessions, SPANS, CONTEXT, 2, SETTINGS, 0).feature_moments()
    np.testing.assert_allclose(deviation, rows.std(axis=0, ddof=1), rtol=1e-6)


def test_scored_windows_ask_for_each_target_of_the_span_once(bars, sessions_of):
    span, histories = range(100, 150), sessions_of.histories
    counted = sum(int(batch.target_observed.sum()) for batch in scored_windows(bars, span, CONTEXT, 2, 32))
    expected = histories.batch([span], CONTEXT, labels_through=span[-1])
    assert counted == int(expected.target_observed.sum())


NETWORKS = [
    (TransformerForecaster, TransformerSettings(5, width=16, heads=2)),
    (FlowForecaster, FlowSettings(5, width=16, heads=2)),
    (GraphForecaster, GraphSettings(5, width=16, heads=2)),
]


@pytest.mark.parametrize(("network", "settings"), NETWORKS, ids=["transformer", "flow", "graph"])
def test_every_network_scores_windows_as_it_scores_a_panel_of_that_asset(network, settings, panel):
    alone = panel.select(panel.assets[:1])
    histories = build_histories(alone, WINDOWS, table=by_asset(alone))
    torch.manual_seed(0)
    model = network(histories.n_features, len(WINDOWS), settings)
    for parameter in model.parameters():  # heads begin at zero, which would hide what they read
        torch.nn.init.normal_(parameter, std=0.1)
    span = SPANS.validation
    by_window = mean_log_loss(model, scored_windows(histories.bars, span, CONTEXT, 6), LossShares(1.0, book_share=0.0))
    by_session = [histories.batch([range(bar, bar + 1)], CONTEXT, labels_through=span[-1]) for bar in span]
    assert by_window == pytest.approx(mean_log_loss(model, by_session, LossShares(1.0, book_share=0.0)), abs=1e-5)
    joint = mean_log_loss(model, scored_windows(histories.bars, span, CONTEXT, 6), LossShares(0.0, book_share=0.0))
    assert joint == pytest.approx(by_window, abs=1e-5)  # of one asset, joint and marginal law are the same


@pytest.mark.parametrize(("network", "settings"), NETWORKS, ids=["transformer", "flow", "graph"])
def test_every_network_learns_from_windows(network, settings, panel, bars):
    batches = AssetBatches(bars, panel.sessions, SPANS, CONTEXT, 6, SETTINGS, 0)
    torch.manual_seed(0)
    model = network(bars.features.shape[1], len(WINDOWS), settings)
    for parameter in model.parameters():  # far from any sensible law
        torch.nn.init.normal_(parameter, std=0.6)
    before = mean_log_loss(model, batches.validation(), LossShares(1.0, book_share=0.0))
    report = fit(model, batches, replace(SETTINGS, epochs=4, learning_rate=1e-2), 0)
    assert report.fitted_through == SPANS.validation[-1]
    assert report.epochs[report.best_epoch].validation_loss < before - 0.1


def test_a_mapped_panel_trains_to_the_score_of_the_ordinary_path(tmp_path):
    """Ten stocks, 1990 to 1998: trained on six years, judged on the last nine months.

    The ordinary path learns the joint law of all stocks, the windows one stock at a time. Both must come out within
    0.01 nats a target of each other, and both must beat the untrained network.
    """
    panel = load_sp500().until(date(1998, 1, 30))
    panel = panel.select(panel.assets[:10])
    spans, test = FitSpans(range(30, 1500), range(1499, 1850)), range(1849, len(panel.sessions))
    histories = build_histories(panel, WINDOWS, table=by_asset(panel))
    store_bars(open_panel(save_panel(panel, tmp_path / "panel")), by_asset, WINDOWS, tmp_path / "bars", block_assets=4)
    mapped = open_bars(tmp_path / "bars").bars
    settings = TrainingSettings(epochs=2, patience=2, learning_rate=1e-2)
    small = TransformerSettings(5, width=8, heads=2, layers=1)
    one_asset = replace(settings, rows=20)  # as many targets a step as 2 blocks of 10 stocks
    lanes = {
        "sessions": (SessionBatches(histories, spans, 64, settings, seed=0), settings),
        "windows": (AssetBatches(mapped, panel.sessions, spans, 64, 6, one_asset, seed=0), one_asset),
    }
    blocks = [[range(bar, min(bar + 32, test.stop))] for bar in range(test.start, test.stop, 32)]
    losses, marginal = {}, LossShares(1.0, book_share=0.0)
    for name, (batches, loop) in lanes.items():
        torch.manual_seed(0)
        model = TransformerForecaster(histories.n_features, len(WINDOWS), small)
        if name == "sessions":
            losses["untrained"] = mean_log_loss(
                model, scored_windows(mapped, test, 64, 6), LossShares(1.0, book_share=0.0)
            )
        fit(model, batches, loop, seed=0)
        ordinary = (histories.batch(block, 64, labels_through=test[-1]) for block in blocks)
        scored = ordinary if name == "sessions" else scored_windows(mapped, test, 64, 6)
        losses[name] = mean_log_loss(model, scored, marginal)
    assert losses["windows"] == pytest.approx(losses["sessions"], abs=0.01)
    assert max(losses["windows"], losses["sessions"]) < losses["untrained"] - 0.005


# Blocks of sessions: nothing lost, nothing split, little padded.


@given(st.integers(0, 300), st.integers(1, 700), st.integers(1, 90), st.integers(0, 2**31), st.integers(0, 1000))
def test_blocks_partition_the_bars(start, length, block, seed, epoch):
    bars = range(start, start + length)
    blocks = training_blocks(bars, block, seed, epoch)
    assert [bar for item in blocks for bar in item] == list(bars)
    assert all(0 < len(item) <= block for item in blocks)


def test_blocks_are_a_function_of_seed_and_epoch():
    bars = range(10, 500)
    once = training_blocks(bars, 32, seed=3, epoch=5)
    np.random.default_rng(0).normal(size=10)
    assert training_blocks(bars, 32, seed=3, epoch=5) == once
    starts = {training_blocks(bars, 32, seed=3, epoch=epoch)[0].stop for epoch in range(64)}
    assert len(starts) > 20  # borders move with the epoch


block_lengths = st.lists(st.integers(1, 512), min_size=1, max_size=60)


@given(block_lengths, st.integers(1, 9), st.integers(0, 2**31), st.integers(0, 1000))
def test_every_block_is_in_one_batch_and_whole(lengths, rows, seed, epoch):
    blocks = [range(10 * number, 10 * number + 10) for number in range(len(lengths))]
    batches = list(bucketed(blocks, lengths, rows, seed, epoch))
    assert sorted((block for batch in batches for block in batch), key=lambda block: block.start) == blocks
    assert all(1 <= len(batch) <= rows for batch in batches)
    assert sum(len(batch) < rows for batch in batches) <= 1


@given(block_lengths, st.integers(1, 9), st.integers(0, 2**31), st.integers(0, 1000))
def test_no_grouping_of_these_rows_has_less_padding(lengths, rows, seed, epoch):
    """Consecutive runs of the sorted lengths are optimal, here against the sum of each run's longest."""
    blocks = [range(number, number + 1) for number in range(len(lengths))]
    padded = sum(
        len(batch) * max(lengths[block.start] for block in batch)
        for batch in bucketed(blocks, lengths, rows, seed, epoch)
    )
    ordered = sorted(lengths)
    expected = sum(
        len(ordered[start : start + rows]) * max(ordered[start : start + rows])
        for start in range(0, len(ordered), rows)
    )
    assert padded == expected


def test_batches_of_like_length_waste_little_on_padding():
    lengths = np.random.default_rng(0).integers(20, 512, size=200).tolist()
    blocks = [range(number, number + 1) for number in range(200)]
    padded = sum(4 * max(lengths[item.start] for item in batch) for batch in bucketed(blocks, lengths, 4, 0, 0))
    in_order = sum(4 * max(lengths[start : start + 4]) for start in range(0, 200, 4))
    assert padded < 1.03 * sum(lengths) < 1.4 * sum(lengths) < in_order


def test_the_order_of_batches_is_a_function_of_seed_and_epoch():
    blocks, lengths = [range(number, number + 1) for number in range(50)], [7] * 50
    orders = {
        (seed, epoch): tuple(item.start for batch in bucketed(blocks, lengths, 4, seed, epoch) for item in batch)
        for seed in (0, 1)
        for epoch in range(5)
    }
    assert len(set(orders.values())) == 10
    repeat = tuple(item.start for batch in bucketed(blocks, lengths, 4, 1, 3) for item in batch)
    assert repeat == orders[1, 3]


# Several processes, and a pass that is taken up again.


@pytest.mark.parametrize("lane", ["sessions_of", "windows_of"])
@pytest.mark.parametrize("epoch", [0, 3])
def test_a_pass_taken_up_at_a_step_gives_exactly_the_rest(lane, epoch, request):
    batches = request.getfixturevalue(lane)
    whole = [batch.target for batch in batches.training(epoch)]
    for start in range(len(whole) + 1):
        rest = [batch.target for batch in batches.training(epoch, start)]
        assert len(rest) == len(whole) - start
        assert all(torch.equal(a, b) for a, b in zip(rest, whole[start:], strict=True))


@pytest.mark.parametrize("world_size", [2, 3])
def test_processes_share_every_step_and_the_validation_span(world_size, panel, bars, sessions_of):
    def lanes(shard: Shard | None):
        yield SessionBatches(sessions_of.histories, SPANS, CONTEXT, SETTINGS, 0, shard)
        yield AssetBatches(bars, panel.sessions, SPANS, CONTEXT, 2, SETTINGS, 0, shard)

    def scored(batches) -> list[tuple[int, float]]:
        seen = batches.target_observed
        where = batches.bar[:, None].expand_as(seen)[seen]
        return list(zip(where.tolist(), batches.target[seen].tolist(), strict=True))

    alone, shares = list(lanes(None)), [list(lanes(Shard(rank, world_size))) for rank in range(world_size)]
    for lane, one in enumerate(alone):
        for step, batch in enumerate(one.training(2)):
            several = [list(share[lane].training(2))[step] for share in shares]
            assert sorted(scored(batch)) == sorted(item for part in several for item in scored(part))
        several = sorted(item for share in shares for part in share[lane].validation() for item in scored(part))
        assert sorted(item for part in one.validation() for item in scored(part)) == several
