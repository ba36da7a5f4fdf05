"""The causal encoder: against torch's own transformer layer, and position by position for what it may read."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from quantdl.models.encoder import CausalEncoder, Standardisation, rotate
from quantdl.models.settings import TransformerSettings
from quantdl.sequences.batch import Reads
from tests.models.batches import away_from_start, random_batch

SETTINGS = TransformerSettings(1, width=8, heads=2, layers=2, dropout=0.0)


@pytest.fixture(scope="module")
def encoder() -> CausalEncoder:
    return away_from_start(CausalEncoder(2, SETTINGS))


def test_features_are_standardised_and_clamped_at_six_deviations():
    scaler = Standardisation(3)
    scaler.fit(torch.tensor([1.0, 0.0, 5.0]), torch.tensor([2.0, 0.5, 1e-4]))
    scaled = scaler(torch.tensor([[3.0, -0.25, 5.001], [100.0, -100.0, 4.0]]))
    # A feature that hardly varies is divided by a thousandth.
    torch.testing.assert_close(scaled, torch.tensor([[1.0, -0.5, 1.0], [6.0, -6.0, -6.0]]), rtol=0, atol=1e-3)


def test_a_feature_that_was_constant_in_training_says_nothing_when_it_moves_later():
    rows = torch.stack([torch.linspace(-1.0, 1.0, 50), torch.full((50,), 0.3)], dim=-1)
    scaler = Standardisation(2)
    scaler.fit(rows.mean(0), rows.std(0))
    assert scaler(torch.tensor([[0.0, 0.3], [0.0, 7.0], [0.0, -1e6]]))[:, 1].abs().max() < 1e-20


def test_every_position_reads_itself_and_all_before_it_and_nothing_after(encoder):
    batch = random_batch(rows=1, assets=1)
    features = batch.features.requires_grad_()
    encoded = encoder(replace(batch, features=features))[0, 0]
    for position, vector in enumerate(encoded):
        (gradient,) = torch.autograd.grad(vector @ torch.arange(1.0, 9.0).double(), features, retain_graph=True)
        reads = gradient[0, 0].abs().sum(-1) > 0
        assert reads.tolist() == [step <= position for step in range(len(encoded))]


def test_later_features_and_padding_change_no_earlier_encoding_bit_for_bit(encoder):
    batch = random_batch()
    before = encoder(batch)
    for cut in range(1, 6):
        features, bar_index = batch.features.clone(), batch.bar_index.clone()
        features[:, :, cut:], bar_index[:, :, cut:] = 1e6, 0
        after = encoder(replace(batch, features=features, bar_index=bar_index))
        assert torch.equal(after[:, :, :cut], before[:, :, :cut])
        assert not torch.equal(after[:, :, cut:], before[:, :, cut:])


def test_each_asset_is_encoded_from_its_own_history(encoder):
    batch = random_batch()
    features = batch.features.clone()
    features[0, 1] += 1.0
    changed = (encoder(replace(batch, features=features)) != encoder(batch)).any(-1).any(-1)
    assert changed.tolist() == [[False, True, False], [False, False, False]]


def test_a_block_without_rotation_is_torchs_pre_norm_transformer_layer(encoder):
    ours = encoder.blocks[0]
    theirs = torch.nn.TransformerEncoderLayer(
        8, 2, dim_feedforward=16, dropout=0.0, activation="gelu", batch_first=True, norm_first=True, dtype=torch.float64
    )
    names = {
        "self_attn.in_proj_": "query_key_value.",
        "self_attn.out_proj.": "leave.",
        "linear1.": "feed.0.",
        "linear2.": "feed.2.",
        "norm1.": "norm_attention.",
        "norm2.": "norm_feed.",
    }
    weights = ours.state_dict()
    theirs.load_state_dict({a + part: weights[b + part] for a, b in names.items() for part in ("weight", "bias")})
    hidden = torch.randn(4, 5, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    mask = torch.nn.Transformer.generate_square_subsequent_mask(5, dtype=torch.float64)
    expected = theirs(hidden, src_mask=mask, is_causal=True)
    torch.testing.assert_close(ours(hidden, torch.zeros(4, 5, dtype=torch.int64)), expected)


@pytest.mark.parametrize("across", ["none", "pooled", "attention"])
@pytest.mark.parametrize("layers", [1, 2])
def test_positions_that_are_not_read_are_left_out_and_change_nothing(layers, across):
    """One first position differs from the others, and one history ends before its last position read."""
    encoder = away_from_start(CausalEncoder(2, replace(SETTINGS, layers=layers, cross_section=across)))
    batch = random_batch()
    reads = Reads(torch.tensor([[3, 3, 0], [3, 5, 2]]), 2)
    places = reads.positions(6)[..., None].expand(-1, -1, -1, 8)
    whole, part = encoder(batch), encoder(replace(batch, reads=reads))
    assert part.shape == (2, 3, 2, 8)
    torch.testing.assert_close(part, whole.gather(2, places), rtol=0.0, atol=1e-12)
    weights = torch.randn(part.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    ours = torch.autograd.grad((part * weights).sum(), list(encoder.parameters()))
    theirs = torch.autograd.grad((whole.gather(2, places) * weights).sum(), list(encoder.parameters()))
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


def test_only_distances_between_bars_matter_and_a_gap_is_seen_from_its_end_on(encoder):
    batch = random_batch()
    before = encoder(batch)
    torch.testing.assert_close(encoder(replace(batch, bar_index=batch.bar_index + 1000)), before)
    gap = batch.bar_index + 7 * (torch.arange(6) >= 3)
    after = encoder(replace(batch, bar_index=gap))
    assert torch.equal(after[:, :, :3], before[:, :, :3])
    assert (after[:, :, 3:] - before[:, :, 3:]).abs().amax(-1).min() > 1e-4


def test_rotation_is_multiplication_by_a_complex_number():
    """Pairs of coordinates, half a width apart, turn by the bar number times 1000**(-k / half)."""
    vectors = torch.randn(2, 3, 4, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    bars = torch.tensor([[0, 1, 2, 9], [0, 5, 6, 7]])
    values = vectors.numpy()
    angle = bars.numpy()[:, None, :, None] * 1000.0 ** (-np.arange(3) / 3)
    turned = (values[..., :3] + 1j * values[..., 3:]) * np.exp(1j * angle)
    expected = np.concatenate([turned.real, turned.imag], axis=-1)
    np.testing.assert_allclose(rotate(vectors, bars).numpy(), expected, rtol=0, atol=1e-12)


def seeded_encoder(settings: TransformerSettings) -> CausalEncoder:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        return away_from_start(CausalEncoder(2, settings))


def one_step(checkpoint_activations: bool, across: str) -> tuple[torch.Tensor, list[torch.Tensor], int]:
    """Loss, gradients and the bytes kept for the way back, of one step in training with dropout."""
    settings = replace(SETTINGS, dropout=0.3, layers=3, cross_section=across)
    settings = replace(settings, checkpoint_activations=checkpoint_activations)
    encoder = seeded_encoder(settings).float().train()
    batch = random_batch(length=96)
    batch = replace(batch, features=batch.features.float())
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            loss = encoder(batch).square().sum()
        loss.backward()
    return loss.detach(), [value.grad for value in encoder.parameters()], sum(kept.values())


@pytest.mark.parametrize("across", ["none", "pooled", "attention"])
def test_checkpointed_activations_give_the_same_loss_and_gradients_bit_for_bit_and_keep_less(across):
    loss, gradients, kept = one_step(False, across)
    checkpointed_loss, checkpointed_gradients, checkpointed_kept = one_step(True, across)
    assert torch.equal(checkpointed_loss, loss)
    assert all(torch.equal(a, b) for a, b in zip(checkpointed_gradients, gradients, strict=True))
    assert checkpointed_kept < 0.25 * kept


def test_nothing_is_checkpointed_where_no_gradient_is_wanted():
    settings = replace(SETTINGS, checkpoint_activations=True)
    checkpointed, plain = seeded_encoder(settings), seeded_encoder(SETTINGS)
    with torch.no_grad():
        assert torch.equal(checkpointed(random_batch()), plain(random_batch()))
