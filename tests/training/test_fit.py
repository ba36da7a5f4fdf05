import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from quantdl.errors import ConfigError, RunError
from quantdl.models.settings import TransformerSettings
from quantdl.models.transformer import TransformerForecaster
from quantdl.sequences import NEXT_SESSION, Histories, build_histories
from quantdl.simulation import correlation_jump_market, panel_of_closes
from quantdl.training.batches import AssetBatches, SessionBatches
from quantdl.training.execution import Capabilities, execution_on
from quantdl.training.fit import Circumstances, FitReport, fit
from quantdl.training.loss import log_loss, mean_log_loss
from quantdl.training.resuming import UnfinishedFit
from quantdl.training.settings import LossShares, TrainingSettings
from quantdl.training.splits import FitSpans
from tests.training.waits import counted_waits

SPANS = FitSpans(range(30, 200), range(200, 260))
CONTEXT = 16
NETWORK = TransformerSettings(horizon=5, width=8, heads=2, layers=1)
SETTINGS = TrainingSettings(epochs=3, patience=3, block=32, warm_up_steps=5)


@pytest.fixture(scope="module")
def closes() -> np.ndarray:
    return correlation_jump_market(np.full(300, 0.4), n_assets=3, seed=1).panel.closes


@pytest.fixture(scope="module")
def histories(closes) -> Histories:
    return build_histories(panel_of_closes(closes), [NEXT_SESSION])


def batches_of(histories: Histories, settings=SETTINGS, seed=0) -> SessionBatches:
    return SessionBatches(histories, SPANS, CONTEXT, settings, seed)


def fitted(histories: Histories, settings=SETTINGS, seed=0) -> tuple[TransformerForecaster, FitReport]:
    with torch.random.fork_rng():
        torch.manual_seed(4)
        model = TransformerForecaster(histories.n_features, 1, NETWORK)
    return model, fit(model, batches_of(histories, settings, seed), settings, seed)


@pytest.fixture(scope="module")
def first(histories) -> tuple[TransformerForecaster, FitReport]:
    """The fit that several tests compare others with; none of them changes it."""
    return fitted(histories)


def weights_of(model) -> list[torch.Tensor]:
    return list(model.state_dict().values())


def test_the_same_seed_gives_the_same_weights_bit_for_bit(histories, first):
    (second, _), (other, _) = (fitted(histories, seed=seed) for seed in (0, 1))
    assert all(torch.equal(a, b) for a, b in zip(weights_of(first[0]), weights_of(second), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(weights_of(first[0]), weights_of(other), strict=True))


def test_a_network_that_reads_other_assets_is_refused_rows_of_one_asset(histories):
    network = replace(NETWORK, cross_section="pooled")
    model = TransformerForecaster(histories.n_features, 1, network)
    factors = network.trailing_factors
    rows = AssetBatches(histories.bars, histories.sessions, SPANS, CONTEXT, factors, SETTINGS, 0)
    with pytest.raises(ConfigError, match="hold one asset each. Expected SessionBatches, or a network with"):
        fit(model, rows, SETTINGS, 0)


def test_fitting_leaves_the_callers_random_state_alone(histories):
    before, numpy_before = torch.random.get_rng_state(), np.random.get_state()[1].copy()
    fitted(histories)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], numpy_before)


def test_the_model_is_left_with_the_weights_that_validated_best(histories, first):
    model, report = first
    losses = [record.validation_loss for record in report.epochs]
    assert report.best_epoch == int(np.argmin(losses))
    kept = mean_log_loss(model, batches_of(histories).validation(), SETTINGS.loss_shares)
    assert kept == pytest.approx(min(losses), abs=1e-9)


def test_training_learns_the_correlation_it_was_shown(histories):
    model, _ = fitted(histories, replace(SETTINGS, epochs=15, patience=15))
    with torch.no_grad():
        law = model(histories.batch([SPANS.validation], 16))
    ones = torch.zeros(len(law.present), 3, law.present.shape[1])
    ones[:, 0, 0], ones[:, 1, 1], ones[:, 2, :2] = 1.0, 1.0, 1.0  # each of two assets, and their sum
    first, second, both = law.weighted_sum(ones).variance.unbind(-1)
    correlation = (both - first - second) / (2.0 * (first * second).sqrt())
    assert correlation.mean().item() == pytest.approx(0.4, abs=0.12)


def test_it_stops_when_validation_no_longer_improves(histories):
    _, report = fitted(histories, replace(SETTINGS, epochs=60, patience=2, learning_rate=1e-2))
    assert len(report.epochs) == report.best_epoch + 3
    assert len(report.epochs) < 60


def test_prices_after_the_fit_change_nothing(closes, first):
    later = closes.copy()
    later[SPANS.validation[-1] + 1 :] *= 3.0
    model, report = first
    again, _ = fitted(build_histories(panel_of_closes(later), [NEXT_SESSION]))
    assert report.fitted_through == SPANS.validation[-1]
    assert all(torch.equal(a, b) for a, b in zip(weights_of(model), weights_of(again), strict=True))


def test_the_scaler_has_seen_the_training_span_only(closes, first):
    wild = closes.copy()
    wild[SPANS.train[-1] + 1 :] *= np.exp(np.linspace(0, 3, len(wild) - SPANS.train[-1] - 1))[:, None]
    model, _ = first
    again, _ = fitted(build_histories(panel_of_closes(wild), [NEXT_SESSION]))
    assert torch.equal(model.encoder.scaler.mean, again.encoder.scaler.mean)
    assert torch.equal(model.encoder.scaler.spread, again.encoder.scaler.spread)


def test_a_loss_that_is_not_finite_stops_training_and_names_the_sessions(histories):
    poisoned = histories.bars.features.clone()
    poisoned[histories.bars.bar == 120] = math.inf
    with pytest.raises(RunError, match=r"epoch 0: loss .*sessions 2000-\d\d-\d\d\.\.2000-\d\d-\d\d.*learning_rate"):
        fitted(replace(histories, bars=replace(histories.bars, features=poisoned)))


def test_a_validation_score_that_is_not_a_number_is_never_taken_for_the_best(histories):
    targets = histories.targets.clone()
    targets[210] = math.nan
    with pytest.raises(RunError, match=r"no pass has a validation score over 2000-\d\d-\d\d\.\."):
        fitted(replace(histories, targets=targets))


def test_a_validation_span_without_a_return_is_refused(histories):
    observed = histories.observed.clone()
    observed[SPANS.validation.start :] = False
    with pytest.raises(RunError, match="no return is observed there"):
        fitted(replace(histories, observed=observed))


def test_the_loss_is_the_joint_density_of_the_observed_assets_alone(histories, first):
    model, _ = first
    batch = histories.batch([range(210, 214)], 16)
    observed = batch.target_observed.clone()
    observed[:, 1] = False
    with torch.no_grad():
        masked = replace(batch, target_observed=observed)
        joint, count = log_loss(model, masked, LossShares(0.0, book_share=0.0))
        marginal, _ = log_loss(model, masked, LossShares(1.0, book_share=0.0))
        half, _ = log_loss(model, masked, LossShares(0.5, book_share=0.0))
        pair = model(batch).assets(torch.tensor([0, 2]))
        target = batch.target[:, [0, 2]]
    assert count == 8
    torch.testing.assert_close(joint, -pair.log_prob(target).sum(), rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(marginal, -pair.marginal_log_prob(target).sum(), rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(half, (joint + marginal) / 2)


def test_progress_is_told_of_every_epoch(histories):
    seen = []
    with torch.random.fork_rng():
        model = TransformerForecaster(histories.n_features, 1, NETWORK)
    fit(model, batches_of(histories), SETTINGS, 0, lambda what, done, total: seen.append((what, done, total)))
    assert seen == [("training", done, 3) for done in range(4)]


# A device that works beside the processor: here the processor itself, told to behave as if it were one.


def beside(settings=SETTINGS) -> Circumstances:
    return Circumstances(replace(execution_on(Capabilities("cpu"), settings), waits_for_steps=False))


def fitted_beside(histories: Histories, settings=SETTINGS) -> tuple[TransformerForecaster, FitReport]:
    with torch.random.fork_rng():
        torch.manual_seed(4)
        model = TransformerForecaster(histories.n_features, 1, NETWORK)
    return model, fit(model, batches_of(histories, settings), settings, 0, circumstances=beside(settings))


def test_a_pass_waits_for_the_device_once(histories):
    waits = {}
    for epochs in (2, 5):
        with counted_waits() as asked:
            fitted_beside(histories, replace(SETTINGS, epochs=epochs, patience=epochs))
        waits[epochs] = len(asked)
    assert waits[5] - waits[2] == 3
    assert waits[2] - 2 <= 4  # once for the fit: what batches are planned from


def test_counting_sees_the_waits_of_a_loop_that_asks_at_every_step(histories):
    with counted_waits() as asked:
        fitted(histories, replace(SETTINGS, epochs=2))
    assert len(asked) >= 2 * 3  # two passes of three steps


def test_without_waiting_the_same_is_learnt(histories, first):
    model, report = first
    other, other_report = fitted_beside(histories)
    for one, two in zip(report.epochs, other_report.epochs, strict=True):
        assert two.train_loss == pytest.approx(one.train_loss, abs=1e-4)
        assert two.validation_loss == pytest.approx(one.validation_loss, abs=1e-4)
    for one, two in zip(weights_of(model), weights_of(other), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-3, atol=1e-3)


def test_without_waiting_the_first_bad_step_is_named_and_no_later_one_changes_a_weight(histories):
    """Every step is bad, so the weights stay those at the start, though nothing looked at a loss on the way."""
    poisoned = torch.full_like(histories.bars.features, math.inf)
    wild = replace(histories, bars=replace(histories.bars, features=poisoned))
    with torch.random.fork_rng():
        torch.manual_seed(4)
        model = TransformerForecaster(histories.n_features, 1, NETWORK)
    before = {name: value.clone() for name, value in model.named_parameters()}
    with pytest.raises(RunError, match=r"epoch 0: loss .*sessions 2000-\d\d-\d\d\.\.2000-\d\d-\d\d.*learning_rate"):
        fit(model, batches_of(wild), SETTINGS, 0, circumstances=beside())
    assert all(torch.equal(value, before[name]) for name, value in model.named_parameters())


def test_without_waiting_the_bad_sessions_are_those_of_the_first_bad_step(histories):
    poisoned = histories.bars.features.clone()
    poisoned[histories.bars.bar == 120] = math.inf
    wild = replace(histories, bars=replace(histories.bars, features=poisoned))
    messages = []
    for fit_one in (fitted, fitted_beside):
        with pytest.raises(RunError) as refused:
            fit_one(wild)
        messages.append(str(refused.value).partition("on the sessions")[2])
    assert messages[0] == messages[1]


def test_the_report_says_how_the_fit_was_carried_out(first):
    _, report = first
    assert report.execution == execution_on(Capabilities("cpu"), SETTINGS)


class WithoutValidation(SessionBatches):
    def validation(self):
        raise AssertionError("nothing is to be validated")


def fitted_for(histories: Histories, passes: int, **circumstances) -> tuple[TransformerForecaster, FitReport]:
    batches = WithoutValidation(histories, SPANS, CONTEXT, SETTINGS, 0)
    with torch.random.fork_rng():
        torch.manual_seed(4)
        model = TransformerForecaster(histories.n_features, 1, NETWORK)
    return model, fit(model, batches, SETTINGS, 0, passes=passes, **circumstances)


def test_a_number_of_passes_gives_the_weights_after_them_and_validates_nothing(histories, first):
    """A validated fit keeps the weights of its best pass: those after as many passes without validation."""
    validated, report = first
    needed = report.best_epoch + 1
    for passes in (needed, needed + 2):
        model, report = fitted_for(histories, passes)
        assert [math.isnan(record.validation_loss) for record in report.epochs] == [True] * passes
        same = all(torch.equal(a, b) for a, b in zip(weights_of(model), weights_of(validated), strict=True))
        assert same == (passes == needed)


def test_a_fit_of_a_number_of_passes_that_was_interrupted_ends_with_the_same_bits(histories, tmp_path):
    expected, _ = fitted_for(histories, 3)

    def stop(_: str, epoch: int, __: int) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    kept = Circumstances(unfinished=UnfinishedFit(tmp_path / "fit", "passes", seconds=0.0))
    with pytest.raises(KeyboardInterrupt):
        fitted_for(histories, 3, circumstances=kept, progress=stop)
    again, report = fitted_for(histories, 3, circumstances=kept)
    assert len(report.epochs) == 3
    assert all(torch.equal(a, b) for a, b in zip(weights_of(again), weights_of(expected), strict=True))


def rates_of_steps(histories, monkeypatch, settings) -> list[float]:
    """The learning rate of every step of a fit."""
    rates: list[float] = []
    step = torch.optim.AdamW.step

    def observed_step(optimizer, *given):
        rates.append(optimizer.param_groups[0]["lr"])
        return step(optimizer, *given)

    monkeypatch.setattr(torch.optim.AdamW, "step", observed_step)
    fitted(histories, settings)
    return rates


def test_after_warming_up_the_learning_rate_falls_along_half_a_cosine_from_pass_to_pass(histories, monkeypatch):
    settings = replace(SETTINGS, epochs=4, patience=4, warm_up_steps=2)
    rates = rates_of_steps(histories, monkeypatch, settings)
    assert len(rates) % 4 == 0
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
        torch.optim.SGD([torch.zeros(1)], lr=settings.learning_rate), T_max=4
    )
    expected = []
    for _ in range(4):
        expected += [schedule.get_last_lr()[0]] * (len(rates) // 4)
        schedule.optimizer.step()
        schedule.step()
    expected[0] /= 2.0
    assert rates == pytest.approx(expected)
    kept = rates_of_steps(histories, monkeypatch, replace(settings, annealing="none"))
    assert kept == pytest.approx([settings.learning_rate / 2.0, *[settings.learning_rate] * (len(kept) - 1)])
