"""What assets tell each other inside the encoder: within a session and a row, and from nothing else.

Expected values come from loops over sessions, and from reachability: one layer lets a bar look at its own past, each
bar of which has read its session.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from quantdl.models.cross_section import AttendedCrossSection, PooledCrossSection, SharedSessions
from quantdl.models.encoder import CausalEncoder
from quantdl.models.settings import TransformerSettings
from quantdl.sequences import NEXT_SESSION, Batch, build_histories
from quantdl.simulation import panel_of_closes
from tests.models.batches import away_from_start, random_batch

SETTINGS = TransformerSettings(1, width=8, heads=2, layers=2, dropout=0.0)
WAYS = ("pooled", "attention")
# Bars of three assets in two rows, right-padded: with gaps, a late listing, and histories of unequal length.
BARS = torch.tensor(
    [
        [[3, 4, 5, 6, 7, 8], [1, 2, 5, 7, 8, 0], [5, 6, 8, 0, 0, 0]],
        [[0, 1, 2, 3, 4, 5], [2, 3, 4, 5, 6, 0], [9, 0, 0, 0, 0, 0]],
    ]
)
LENGTHS = torch.tensor([[6, 5, 3], [6, 5, 1]])


def gappy_batch() -> Batch:
    batch = replace(random_batch(), bar_index=BARS, lengths=LENGTHS)
    return replace(batch, eligible=~batch.padding)


def encoder_of(way: str, layers: int = 2) -> CausalEncoder:
    return away_from_start(CausalEncoder(2, replace(SETTINGS, layers=layers, cross_section=way)))


@pytest.fixture(scope="module", params=WAYS)
def encoder(request) -> CausalEncoder:
    return encoder_of(request.param)


def members_by_session(batch: Batch) -> list[list[int]]:
    """Positions that may be read, by session and row, as numbers ``(r * A + a) * L + l``."""
    rows, assets, length = batch.bar_index.shape
    found: dict[tuple[int, int], list[int]] = {}
    for row in range(rows):
        for asset in range(assets):
            for step in range(int(batch.lengths[row, asset])):
                key = row, int(batch.bar_index[row, asset, step])
                if batch.eligible[row, asset, step]:
                    found.setdefault(key, []).append((row * assets + asset) * length + step)
    return list(found.values())


def test_sums_are_over_the_bars_of_a_session_in_a_row():
    batch = gappy_batch()
    batch.eligible[0, 1, 2] = False  # the bar of session 5
    sessions = SharedSessions.of(batch)
    values = torch.randn(36, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    sums, largest = sessions.to_positions(sessions.sums(values)), sessions.largest(values)
    counts = sessions.to_positions(sessions.count)
    for members in members_by_session(batch):
        for position in members:
            torch.testing.assert_close(sums[position], values[members].sum(0))
            torch.testing.assert_close(largest[position], values[members].amax(0), rtol=0, atol=0)
            assert counts[position] == len(members)
    hears = 1 * 6 + 2  # asset 1 at session 5, which it does not count in itself
    torch.testing.assert_close(sums[hears], values[2] + values[12])


def test_bars_in_which_no_asset_may_be_read_have_no_sum():
    batch = gappy_batch()
    sessions = SharedSessions.of(replace(batch, eligible=torch.zeros_like(batch.eligible)))
    values = torch.ones(36, 2)
    assert (sessions.sums(values) == 0).all() and (sessions.largest(values) == 0).all() and (sessions.count == 1).all()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("layers", [1, 2])
def test_a_bar_reads_the_sessions_of_its_own_past_and_what_those_have_read(way, layers):
    encoder, batch = encoder_of(way, layers), gappy_batch()
    asset, bars = torch.arange(18) // 6, BARS[0].flatten()
    real = ~batch.padding[0].flatten()
    same_session = (bars[:, None] == bars) & real & real[:, None]
    own_past = (asset[:, None] == asset) & (bars[:, None] >= bars) & real & real[:, None]
    layer = own_past.float() @ same_session.float()
    expected = (torch.linalg.matrix_power(layer, layers) > 0)[real]
    features = batch.features.requires_grad_()
    encoded = encoder(replace(batch, features=features))[0].flatten(0, 1)[real]
    reads = []
    for vector in encoded:
        (gradient,) = torch.autograd.grad(vector @ torch.arange(1.0, 9.0).double(), features, retain_graph=True)
        assert (gradient[1] == 0).all()  # another row
        reads.append(gradient[0].abs().sum(-1).flatten() > 0)
    assert torch.equal(torch.stack(reads), expected)
    assert not (expected & (bars > bars[real][:, None])).any()


def test_later_sessions_change_no_earlier_encoding_bit_for_bit(encoder):
    batch = gappy_batch()
    before = encoder(batch)
    for session in range(1, 9):
        real = ~batch.padding
        later, earlier = real & (BARS >= session), real & (BARS < session)
        after = encoder(replace(batch, features=batch.features.masked_fill(later[..., None], 5.0)))
        assert torch.equal(after[earlier], before[earlier])
        assert not torch.equal(after[later], before[later])


def test_the_order_of_assets_only_orders_the_encodings(encoder):
    batch, order = gappy_batch(), [2, 0, 1]
    permuted = replace(
        batch,
        features=batch.features[:, order],
        bar_index=batch.bar_index[:, order],
        lengths=batch.lengths[:, order],
        eligible=batch.eligible[:, order],
    )
    kept = ~permuted.padding
    torch.testing.assert_close(encoder(permuted)[kept], encoder(batch)[:, order][kept], rtol=1e-12, atol=1e-12)


def test_padding_is_invisible_bit_for_bit(encoder):
    batch = gappy_batch()
    padding = batch.padding
    noisy = replace(
        batch,
        features=batch.features.masked_fill(padding[..., None], 3.0),
        bar_index=batch.bar_index.masked_fill(padding, 5),
        eligible=batch.eligible | padding,
    )
    assert torch.equal(encoder(noisy)[~padding], encoder(batch)[~padding])


def test_an_asset_that_could_not_be_forecast_tells_nothing_bit_for_bit_and_hears(encoder):
    batch = gappy_batch()
    batch.eligible[:, 1] = False
    features = batch.features.clone()
    features[:, 1] += 1.0
    before, after = encoder(batch), encoder(replace(batch, features=features))
    others = ~batch.padding[:, [0, 2]]
    assert torch.equal(after[:, [0, 2]][others], before[:, [0, 2]][others])
    features = batch.features.clone()
    features[:, 0] += 1.0
    assert not torch.equal(encoder(replace(batch, features=features))[:, 1], before[:, 1])


def test_an_asset_that_may_not_be_read_counts_like_one_that_is_not_there(encoder):
    batch = gappy_batch()
    batch.eligible[:, 1] = False
    kept = [0, 2]
    alone = replace(
        batch,
        features=batch.features[:, kept],
        bar_index=batch.bar_index[:, kept],
        lengths=batch.lengths[:, kept],
        eligible=batch.eligible[:, kept],
    )
    real = ~alone.padding
    torch.testing.assert_close(encoder(alone)[real], encoder(batch)[:, kept][real], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("way", WAYS)
def test_training_starts_from_the_encoder_that_reads_no_other_asset(way):
    across, alone = CausalEncoder(2, replace(SETTINGS, cross_section=way)).double(), CausalEncoder(2, SETTINGS).double()
    faults = across.load_state_dict(alone.state_dict(), strict=False)
    assert faults.missing_keys and all(name.startswith("cross_sections.") for name in faults.missing_keys)
    assert torch.equal(across(gappy_batch()), alone(gappy_batch()))


def test_pooling_adds_a_function_of_the_own_encoding_and_of_the_mean_over_the_session():
    batch = gappy_batch()
    layer = away_from_start(PooledCrossSection(SETTINGS))
    hidden = torch.randn(6, 6, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    updated = layer(hidden, SharedSessions.of(batch)).flatten(0, 1)
    own = functional.layer_norm(hidden.flatten(0, 1), (8,), layer.norm.weight, layer.norm.bias)
    for members in members_by_session(batch):
        mean = functional.gelu(layer.tell(own[members])).mean(0).expand(len(members), 8)
        added = layer.leave(functional.gelu(layer.hear(torch.cat([own[members], mean], dim=1))))
        torch.testing.assert_close(updated[members], hidden.flatten(0, 1)[members] + added)


def test_attention_is_that_of_each_asset_over_summaries_of_its_session():
    """Twice torch's own attention, session by session: learned queries over the assets, the assets over those."""
    batch = gappy_batch()
    layer = away_from_start(AttendedCrossSection(SETTINGS))
    hidden = torch.randn(6, 6, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    updated = layer(hidden, SharedSessions.of(batch)).flatten(0, 1)
    own = functional.layer_norm(hidden.flatten(0, 1), (8,), layer.norm.weight, layer.norm.bias)
    attend = functional.scaled_dot_product_attention
    for members in members_by_session(batch):
        told = layer.tell(own[members]).view(len(members), 3, 2, 4).permute(1, 2, 0, 3)  # (3, heads, assets, 4)
        key, value = (attend(layer.queries, told[0], part) for part in told[1:])
        query = layer.ask(own[members]).view(len(members), 2, 4).transpose(0, 1)
        heard = attend(query, key, value).transpose(0, 1).flatten(1)
        torch.testing.assert_close(updated[members], hidden.flatten(0, 1)[members] + layer.leave(heard))


@pytest.mark.parametrize("way", WAYS)
def test_scores_far_apart_leave_gradients_finite(way):
    encoder, batch = encoder_of(way), gappy_batch()
    batch.eligible[0, 0] = False
    for parameter in encoder.cross_sections.parameters():
        parameter.data.mul_(300.0)
    encoder(batch).square().sum().backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in encoder.parameters())


def test_in_bfloat16_the_encodings_are_near_those_of_float32(encoder):
    batch = gappy_batch()
    batch = replace(batch, features=batch.features.float())
    single = encoder.float()
    with torch.no_grad():
        exact = single(batch)
        single.autocast = torch.bfloat16
        short = single(batch)
        single.autocast = None
    encoder.double()
    assert short.dtype == torch.float32
    error = (short - exact)[~batch.padding].abs()
    assert 0.0 < error.mean() < 0.02


def test_an_asset_outside_the_universe_changes_no_encoding_bit_for_bit():
    generator = np.random.default_rng(5)
    closes = 50.0 * np.exp(np.cumsum(0.01 * generator.standard_normal((120, 3)), axis=0))
    other = closes.copy()
    other[:, 2] *= np.exp(0.5 * np.sin(np.arange(120)))
    eligible = np.ones((120, 3), dtype=bool)
    eligible[:, 2] = False

    def batch_of(prices: np.ndarray, members: np.ndarray) -> Batch:
        panel = replace(panel_of_closes(prices), members=members)
        return build_histories(panel, [NEXT_SESSION]).batch([range(90, 100)], 24)

    first = batch_of(closes, eligible)
    encoder = CausalEncoder(first.features.shape[-1], replace(SETTINGS, cross_section="pooled"))
    encoder = away_from_start(encoder).float()
    with torch.no_grad():
        without, disturbed = encoder(first), encoder(batch_of(other, eligible))
        assert torch.equal(without[:, :2], disturbed[:, :2])
        inside, moved = (encoder(batch_of(prices, np.ones_like(eligible))) for prices in (closes, other))
        assert not torch.equal(inside[:, :2], moved[:, :2])
