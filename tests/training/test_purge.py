"""A label belongs to the span that it ends in: nothing that ends later is learned from or chosen by."""

import numpy as np
import pytest
import torch

from quantdl.models.settings import TransformerSettings
from quantdl.models.transformer import TransformerForecaster
from quantdl.sequences import NEXT_SESSION, ReturnWindow, build_histories, forecast_windows, position_window
from quantdl.simulation import correlation_jump_market, panel_of_closes
from quantdl.training.batches import SessionBatches
from quantdl.training.fit import FitReport, fit
from quantdl.training.settings import SplitDates, TrainingSettings
from quantdl.training.splits import FitSpans, split_bars

HORIZON = 5
WINDOWS = (NEXT_SESSION, position_window(HORIZON))
SPANS = FitSpans(range(30, 200), range(199, 260))  # as split_bars parts them: train_end is bar 199
TRAIN_END, VALIDATION_END = SPANS.train[-1], SPANS.validation[-1]


@pytest.fixture(scope="module")
def closes() -> np.ndarray:
    return correlation_jump_market(np.full(300, 0.4), n_assets=3, seed=1).panel.closes


def other_after(closes: np.ndarray, bar: int, through: int | None = None) -> np.ndarray:
    """Prices that are others after a bar, by default to the end: each moved on its own, at random."""
    changed, stop = closes.copy(), len(closes) if through is None else through + 1
    noise = np.random.default_rng(9).normal(0.0, 0.05, (stop - bar - 1, closes.shape[1]))
    changed[bar + 1 : stop] *= np.exp(noise)
    return changed


def fitted(closes: np.ndarray, epochs: int = 1, rows: int = 2) -> tuple[TransformerForecaster, FitReport]:
    histories = build_histories(panel_of_closes(closes), WINDOWS)
    settings = TrainingSettings(epochs=epochs, patience=epochs, block=32, warm_up_steps=5, rows=rows)
    with torch.random.fork_rng():
        torch.manual_seed(4)
        network = TransformerSettings(horizon=5, width=8, heads=2, layers=1)
        model = TransformerForecaster(histories.n_features, len(WINDOWS), network)
    return model, fit(model, SessionBatches(histories, SPANS, 16, settings, 0), settings, 0)


@pytest.fixture(scope="module")
def first_pass(closes) -> FitReport:
    return fitted(closes)[1]


@pytest.mark.parametrize("through", [TRAIN_END + 1, TRAIN_END + 1 + HORIZON, None])
def test_prices_after_the_training_span_are_not_learned_from(through, closes, first_pass):
    """Labels of the last bars would reach them: the next session by one bar, the position by six."""
    _, again = fitted(other_after(closes, TRAIN_END, through))
    assert again.epochs[0].train_loss == first_pass.epochs[0].train_loss
    assert again.epochs[0].validation_loss != first_pass.epochs[0].validation_loss  # the change was there to be seen


@pytest.mark.parametrize("through", [VALIDATION_END + 1, VALIDATION_END + 1 + HORIZON, None])
def test_prices_after_the_validation_span_are_not_chosen_by(through, closes):
    model, report = fitted(closes, epochs=2)
    other, again = fitted(other_after(closes, VALIDATION_END, through), epochs=2)
    assert again.epochs == report.epochs
    weights, others = model.state_dict(), other.state_dict()
    assert all(torch.equal(weights[name], others[name]) for name in weights)


@pytest.mark.parametrize(("bar", "figure"), [(TRAIN_END - 1, "train_loss"), (VALIDATION_END - 1, "validation_loss")])
def test_the_last_price_of_a_span_does_count(bar, figure, closes, first_pass):
    """Otherwise the tests above would hold for a fit that looked at nothing."""
    _, again = fitted(other_after(closes, bar, bar + 1))
    assert getattr(again.epochs[0], figure) != getattr(first_pass.epochs[0], figure)


def test_the_loss_of_a_pass_is_the_same_however_labels_beyond_the_span_look(closes):
    """Several passes: blocks end elsewhere in each, and dropout draws must not depend on what is dropped."""
    losses = [
        [record.train_loss for record in fitted(prices, epochs=3, rows=1)[1].epochs]
        for prices in (closes, other_after(closes, TRAIN_END))
    ]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("window", [*forecast_windows(HORIZON, also=[15]), ReturnWindow(0, 3)])
def test_a_batch_knows_exactly_the_labels_that_end_by_the_last_bar(window, closes):
    histories = build_histories(panel_of_closes(closes), [window])
    batch = histories.batch([range(180, 200)], 16, labels_through=199)
    known = batch.target_observed.all(dim=1).numpy()
    bars = batch.bar.numpy()
    assert bars.tolist() == list(range(180, 200))
    np.testing.assert_array_equal(known, bars + window.starts_after + window.bars <= 199)
    logs = np.log(closes)
    for bar, target in zip(bars[known], batch.target.numpy()[known], strict=True):
        start = bar + window.starts_after
        np.testing.assert_allclose(target, logs[start + window.bars] - logs[start], atol=1e-6)


def test_a_span_learns_a_position_up_to_six_bars_before_its_last_session(closes):
    """From dates to labels: filled a bar later and left after five."""
    panel = panel_of_closes(closes)
    ends = [panel.sessions[number].date() for number in (199, 259, 260, 299)]
    spans = split_bars(panel.sessions, SplitDates(*ends)).fit
    histories = build_histories(panel, WINDOWS)
    for span, first, last in ((spans.train, 20, 199), (spans.validation, 199, 259)):
        batch = histories.batch([span], 16, labels_through=span[-1])
        known = [batch.bar[(batch.window == number) & batch.target_observed.all(dim=1)] for number in (0, 1)]
        assert [int(bars.max()) for bars in known] == [last - 1, last - 6]
        assert all(int(bars.min()) >= first for bars in known)
