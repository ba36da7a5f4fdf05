"""How a fit is carried out follows from what the device can do; in short floats only the encoder computes."""

import shutil
from dataclasses import replace

import pytest
import torch

from quantdl.models.encoder import rotate
from quantdl.models.flow import FlowForecaster
from quantdl.models.settings import FlowSettings
from quantdl.training.execution import (
    Capabilities,
    compile_parts,
    encoding_in,
    execution_on,
)
from quantdl.training.fit import Circumstances
from quantdl.training.loss import log_loss, mean_log_loss
from quantdl.training.settings import LossShares, TrainingSettings
from tests.training.small_fits import NETWORK, SETTINGS, sessions_of, small_fit, small_histories

CPU = Capabilities("cpu")
GPU = Capabilities("a GPU", is_gpu=True, bfloat16=True, compiles=True)
OLD_GPU = replace(GPU, name="an old GPU", bfloat16=False, compiles=False)


@pytest.fixture(scope="module")
def histories():
    return small_histories()


def test_a_cpu_trains_as_the_settings_say():
    settings = TrainingSettings()
    chosen = execution_on(CPU, settings)
    assert (chosen.rows, chosen.precision, chosen.compiled, chosen.waits_for_steps) == (2, "float32", False, True)
    assert chosen.learning_rate == settings.learning_rate
    assert chosen.warm_up_steps == settings.warm_up_steps
    assert chosen.averaging == settings.averaging


def test_a_gpu_takes_more_rows_and_the_learning_rate_of_their_square_root():
    """The warm-up and the memory of the averaging count sessions, so k times the rows take a k-th of the steps."""
    settings = TrainingSettings()
    chosen = execution_on(GPU, settings)
    k = chosen.rows / 2
    assert k > 1
    assert chosen.learning_rate == pytest.approx(settings.learning_rate * k**0.5)
    assert k * (chosen.warm_up_steps - 1) < settings.warm_up_steps <= k * chosen.warm_up_steps
    assert chosen.averaging ** (1 / k) == pytest.approx(settings.averaging)
    assert not chosen.waits_for_steps


def test_rows_given_as_a_number_change_nothing_else():
    settings = TrainingSettings(rows=8, learning_rate=3e-3)
    for capabilities in (CPU, GPU):
        chosen = execution_on(capabilities, settings)
        assert (chosen.rows, chosen.learning_rate, chosen.averaging) == (8, 3e-3, settings.averaging)


@pytest.mark.parametrize(
    ("capabilities", "given", "precision"),
    [
        (CPU, "auto", "float32"),
        (GPU, "auto", "bfloat16"),
        (OLD_GPU, "auto", "float32"),
        (GPU, "float32", "float32"),
        (CPU, "bfloat16", "bfloat16"),
    ],
)
def test_short_floats_are_taken_where_the_device_has_them_or_as_told(capabilities, given, precision):
    assert execution_on(capabilities, TrainingSettings(precision=given)).precision == precision


@pytest.mark.parametrize(
    ("capabilities", "given", "compiled"),
    [(CPU, "auto", False), (GPU, "auto", True), (OLD_GPU, "auto", False), (GPU, "off", False), (CPU, "on", True)],
)
def test_the_encoder_is_compiled_where_a_compiler_is_or_as_told(capabilities, given, compiled):
    assert execution_on(capabilities, TrainingSettings(compile=given)).compiled == compiled


def test_this_machine_is_described_by_its_own_device():
    assert Capabilities.of(torch.device("cpu")) == CPU


def test_the_choice_is_said_in_words():
    assert execution_on(GPU, TrainingSettings(compile="on")).described == (
        "a GPU, 8 rows a batch, learning rate 0.004, bfloat16, compiled"
    )


def test_only_the_encoder_computes_in_short_floats(histories):
    batches = sessions_of(histories)
    model, _ = small_fit(batches, histories.n_features, replace(SETTINGS, epochs=1))
    batch = next(batches.training(0))
    exact, law = model.encoder(batch), model(batch)
    with encoding_in("bfloat16", model):
        short, short_law = model.encoder(batch), model(batch)
        loss, _ = log_loss(model, batch, LossShares())
    assert short.dtype == torch.float32 and loss.dtype == torch.float32
    assert not torch.equal(short, exact)
    torch.testing.assert_close(short, exact, rtol=0.05, atol=0.05)  # bfloat16 has eight bits
    assert short_law.log_prob(batch.target).dtype == law.log_prob(batch.target).dtype == torch.float32
    assert short_law.icdf(0.01).dtype == torch.float64
    assert torch.equal(model.encoder(batch), exact)


def test_the_precision_is_put_back_after_an_error(histories):
    model, _ = small_fit(sessions_of(histories), histories.n_features, replace(SETTINGS, epochs=1))

    def fail() -> None:
        with encoding_in("bfloat16", model):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert model.encoder.autocast is None


def test_bar_numbers_stay_apart_in_short_floats():
    """In bfloat16 the numbers 1,000 and 1,001 are the same; a phase computed in it would be, too."""
    vectors = torch.randn(1, 2, 4, 8, generator=torch.Generator().manual_seed(0))
    bars = torch.tensor([[1000, 1001, 1003, 1005]])
    assert torch.tensor(1000.0).bfloat16() == torch.tensor(1001.0).bfloat16()
    turned = rotate(vectors.bfloat16(), bars)
    assert turned.dtype == torch.bfloat16
    torch.testing.assert_close(turned.float(), rotate(vectors, bars), rtol=0.02, atol=0.03)


@pytest.mark.slow
def test_training_in_short_floats_learns_what_training_in_long_ones_does(histories):
    settings = replace(SETTINGS, epochs=12)
    losses = {}
    for precision in ("float32", "bfloat16"):
        batches = sessions_of(histories)
        chosen = replace(execution_on(CPU, settings), precision=precision)
        model, report = small_fit(batches, histories.n_features, settings, circumstances=Circumstances(chosen))
        losses[precision] = mean_log_loss(model, batches.validation(), settings.loss_shares)
        assert report.execution == chosen
    untrained = mean_log_loss(
        small_fit(sessions_of(histories), histories.n_features, replace(settings, learning_rate=1e-12))[0],
        sessions_of(histories).validation(),
        settings.loss_shares,
    )
    assert losses["bfloat16"] == pytest.approx(losses["float32"], abs=0.002)
    assert losses["bfloat16"] < untrained - 0.01


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch's compiler needs g++ on a CPU")
@pytest.mark.filterwarnings("ignore")  # of the compiler's own parts
def test_a_compiled_encoder_gives_the_same_law_and_names_its_weights_alike(histories):
    batches = sessions_of(histories)
    model, _ = small_fit(batches, histories.n_features, replace(SETTINGS, epochs=1))
    batch, names = next(batches.training(0)), list(model.state_dict())
    expected = model(batch).log_prob(batch.target)
    compile_parts(model)
    torch.testing.assert_close(model(batch).log_prob(batch.target), expected, rtol=1e-4, atol=1e-4)
    assert list(model.state_dict()) == names
    assert NETWORK.layers == len(model.encoder.blocks)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch's compiler needs g++ on a CPU")
@pytest.mark.filterwarnings("ignore")  # of the compiler's own parts
@pytest.mark.parametrize("joint", ["factors", "coupling"])
def test_a_compiled_flow_has_the_same_densities_and_gradients(histories, joint):
    batch = next(sessions_of(histories).training(0))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = FlowForecaster(
            histories.n_features, 1, FlowSettings(1, width=8, heads=2, layers=1, bins=4, joint=joint)
        )
        for weight in model.parameters():
            weight.data += 0.05 * torch.randn_like(weight)
    model.eval()  # dropout draws anew at every call
    expected = model(batch).log_prob(batch.target).sum()
    gradients = torch.autograd.grad(expected, list(model.parameters()), allow_unused=True)
    names = list(model.state_dict())
    compile_parts(model)
    found = model(batch).log_prob(batch.target).sum()
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-3)
    again = torch.autograd.grad(found, list(model.parameters()), allow_unused=True)
    for one, other in zip(again, gradients, strict=True):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3 * float(other.abs().max()) + 1e-6)
    assert list(model.state_dict()) == names
