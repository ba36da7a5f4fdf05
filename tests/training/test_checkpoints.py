"""A checkpoint comes back bit for bit or is refused; nothing hostile gets further than an IntegrityError."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings, strategies as st

from quantdl.errors import IntegrityError
from quantdl.models.classical.volatility import VolatilityForecaster
from quantdl.models.ensemble import EnsembleForecaster, RefittedForecaster
from quantdl.models.forecaster import Forecaster
from quantdl.models.settings import TransformerSettings
from quantdl.models.transformer import TransformerForecaster
from quantdl.sequences import NEXT_SESSION, ReturnWindow, build_histories, position_window
from quantdl.simulation import panel_of_closes
from quantdl.training.checkpoints import Architecture, load_checkpoint, save_checkpoint
from quantdl.training.forecasting import FittedModel
from tests.panels import closes_of, heavy_tailed_returns

WINDOWS = (NEXT_SESSION, position_window(5))
ASSETS = ("ON", "007", "1E5")
N_FEATURES = 41
ARCHITECTURE = Architecture(
    settings={"kind": "transformer", "width": 8, "learning_rate": 0.1 + 0.2},
    features=tuple((f"feature_{number}", number / 3.0) for number in range(N_FEATURES)),
    assets=ASSETS,
)
FITTED_THROUGH = (pd.Timestamp("2019-12-31"), pd.Timestamp("2020-12-31"))


def build(architecture: Architecture, windows: tuple[ReturnWindow, ...], n_fits: tuple[int, ...]) -> Forecaster:
    if architecture.settings["kind"] == "transformer":
        settings = TransformerSettings(horizon=5, width=architecture.settings["width"], heads=2)
        return TransformerForecaster(len(architecture.features), len(windows), settings)
    return VolatilityForecaster(len(architecture.assets), n_fits[0], windows)


def fitted_model() -> FittedModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = TransformerForecaster(N_FEATURES, len(WINDOWS), TransformerSettings(horizon=5, width=8, heads=2))
        for parameter in model.parameters():  # heads start at zero, which would hide a lost weight
            torch.nn.init.normal_(parameter, std=0.1)
    return FittedModel(model, WINDOWS, context=20, fitted_through=FITTED_THROUGH[1:])


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint")
    save_checkpoint(folder, fitted_model(), ARCHITECTURE)
    return folder


@pytest.fixture
def folder(saved, tmp_path) -> Path:
    return shutil.copytree(saved, tmp_path / "copy")


def states_are_equal(one: Forecaster, other: Forecaster) -> bool:
    first, second = one.state_dict(), other.state_dict()
    return first.keys() == second.keys() and all(
        first[name].dtype == second[name].dtype and first[name].numpy().tobytes() == second[name].numpy().tobytes()
        for name in first
    )


def test_everything_comes_back_bit_for_bit(saved):
    original = fitted_model()
    loaded, architecture = load_checkpoint(saved, build)
    assert states_are_equal(loaded.model, original.model)
    assert architecture == ARCHITECTURE
    assert (loaded.windows, loaded.context, loaded.fitted_through) == (WINDOWS, 20, FITTED_THROUGH[1:])


def test_a_loaded_network_gives_the_same_laws(saved):
    histories = build_histories(panel_of_closes(closes_of(heavy_tailed_returns(80, 3, seed=0))), WINDOWS)
    assert histories.n_features == N_FEATURES
    batch = histories.batch([range(60, 70)], 20)
    original = fitted_model().model.eval()
    loaded, _ = load_checkpoint(saved, build)
    with torch.no_grad():
        assert torch.equal(loaded.model(batch).log_prob(batch.target), original(batch).log_prob(batch.target))


def test_a_volatility_model_with_several_refits_and_odd_numbers_comes_back(tmp_path):
    model = VolatilityForecaster(3, 2, WINDOWS)
    model.omega.copy_(torch.tensor([[1e-300, -0.0, torch.nan], [torch.inf, 0.1 + 0.2, 5e-324]], dtype=torch.float64))
    model.fitted_through.copy_(torch.tensor([500, 752]))
    architecture = Architecture({"kind": "garch_t"}, (), ASSETS)
    save_checkpoint(tmp_path, FittedModel(model, WINDOWS, None, FITTED_THROUGH), architecture)
    loaded, described = load_checkpoint(tmp_path, build)
    assert states_are_equal(loaded.model, model)
    assert loaded.context is None and loaded.fitted_through == FITTED_THROUGH and described == architecture


def ensemble_of(members: list[FittedModel]) -> FittedModel:
    module = EnsembleForecaster([member.model for member in members], (0.25, 0.25, 0.5))
    return FittedModel.ensemble(module, members)


def build_ensemble(
    architecture: Architecture, windows: tuple[ReturnWindow, ...], n_fits: tuple[int, ...]
) -> Forecaster:
    """Three members: a transformer fitted once, one fitted twice, and a model of volatility."""
    assert n_fits == (1, 2, 2)
    plain, other = (build(ARCHITECTURE, windows, (1,)) for _ in range(2))
    refitted = RefittedForecaster([build(ARCHITECTURE, windows, (1,)), other], (0, 1))
    volatility = VolatilityForecaster(len(architecture.assets), 2, windows)
    return EnsembleForecaster([plain, refitted, volatility], (0.0, 0.0, 1.0))


def test_an_ensemble_comes_back_with_what_each_member_has_seen(tmp_path):
    one, another, third = (fitted_model() for _ in range(3))
    another.model.apply(lambda module: [value.data.mul_(1.5) for value in module.parameters(recurse=False)])
    members = [
        one,
        FittedModel(RefittedForecaster([another.model, third.model], (9, 99)), WINDOWS, 30, FITTED_THROUGH),
        FittedModel(VolatilityForecaster(3, 2, WINDOWS), WINDOWS, None, FITTED_THROUGH),
    ]
    ensemble = ensemble_of(members)
    save_checkpoint(tmp_path, ensemble, Architecture({"kind": "ensemble"}, ARCHITECTURE.features, ASSETS))
    loaded, _ = load_checkpoint(tmp_path, build_ensemble)
    assert states_are_equal(loaded.model, ensemble.model)
    assert [member.context for member in loaded.members] == [20, 30, None]
    assert [member.fitted_through for member in loaded.members] == [FITTED_THROUGH[1:], FITTED_THROUGH, FITTED_THROUGH]
    assert loaded.fitted_through == FITTED_THROUGH[1:]
    assert states_are_equal(loaded.members[1].model, members[1].model)


def test_members_of_a_model_that_has_none_are_refused(tmp_path):
    save_checkpoint(tmp_path, ensemble_of([fitted_model() for _ in range(3)]), ARCHITECTURE)
    with pytest.raises(IntegrityError, match="does not fit together"):
        load_checkpoint(tmp_path, build)


def test_saving_twice_writes_the_same_bytes(saved, tmp_path):
    save_checkpoint(tmp_path, fitted_model(), ARCHITECTURE)
    for name in ("weights.safetensors", "model.json"):
        assert (tmp_path / name).read_bytes() == (saved / name).read_bytes()


def test_a_loaded_model_is_ready_to_forecast(saved):
    loaded, _ = load_checkpoint(saved, build)
    assert not loaded.model.training


def test_loading_leaves_the_global_random_states_alone(saved):
    torch_before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()
    load_checkpoint(saved, build)
    assert torch.equal(torch.get_rng_state(), torch_before)
    assert (np.random.get_state()[1] == numpy_before).all()


# What is not as it was written


def assert_refused(folder: Path, match: str | None = None) -> None:
    with pytest.raises(IntegrityError, match=match) as refused:
        load_checkpoint(folder, build)
    assert refused.value.exit_code == 5
    assert str(folder) in str(refused.value) and "Fit again" in str(refused.value)


@pytest.mark.parametrize("name", ["weights.safetensors", "model.json"])
def test_a_missing_file_is_refused(folder, name):
    (folder / name).unlink()
    assert_refused(folder, f"{name}: cannot be read")


@pytest.mark.parametrize("name", ["weights.safetensors", "model.json"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
def test_a_file_cut_short_is_refused(folder, name, share):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: int(share * len(content))])
    assert_refused(folder)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["weights.safetensors", "model.json"]), st.floats(0.0, 1.0, exclude_max=True), st.integers(1, 255)
)
def test_any_changed_byte_is_refused_or_means_the_same(folder, saved, name, place, change):
    content = bytearray((saved / name).read_bytes())
    content[int(place * len(content))] ^= change
    (folder / name).write_bytes(content)
    try:
        same = name == "model.json" and json.loads(content) == json.loads((saved / name).read_bytes())
    except ValueError:
        same = False
    if same:  # white space
        load_checkpoint(folder, build)
    else:
        assert_refused(folder)
    shutil.copy(saved / name, folder / name)


def test_an_earlier_end_of_the_fit_written_by_hand_is_refused(folder):
    """It would let a model forecast what it has seen."""
    text = (folder / "model.json").read_text()
    assert "2020-12-31" in text
    (folder / "model.json").write_text(text.replace("2020-12-31", "2010-12-31"))
    assert_refused(folder, "not as it was written")


def test_weights_of_another_fit_are_refused(folder, tmp_path):
    other = fitted_model()
    torch.nn.init.zeros_(next(other.model.parameters()))
    (tmp_path / "other").mkdir()
    save_checkpoint(tmp_path / "other", other, ARCHITECTURE)
    shutil.copy(tmp_path / "other" / "weights.safetensors", folder)
    assert_refused(folder, "not those that model.json describes")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"schema_version": 2}',
        b'{"schema_version": NaN}',
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"1" * 10_000,
        b'{"schema_version": 1',
        "{“schema_version”: 1}".encode(),
        b'cos\nsystem\n(S"true"\ntR.',
        b"\x80\x04\x95",
    ],
)
def test_a_description_that_is_none_is_refused(folder, content):
    (folder / "model.json").write_bytes(content)
    assert_refused(folder, "model.json")


def sealed(description: dict[str, object]) -> str:
    """As someone would write who knows the format and wants to be believed."""
    text = json.dumps(description, sort_keys=True)
    return json.dumps({**description, "description_sha256": hashlib.sha256(text.encode()).hexdigest()})


def described(folder: Path) -> dict[str, object]:
    description = json.loads((folder / "model.json").read_text())
    del description["description_sha256"]
    return description


def test_the_seal_is_the_hash_of_the_rest(folder):
    (folder / "model.json").write_text(sealed(described(folder)))
    load_checkpoint(folder, build)


KEYS = ("settings", "features", "assets", "windows", "context", "fitted_through", "weights_sha256")


@pytest.mark.parametrize("key", KEYS)
def test_a_description_without_a_part_is_refused(folder, key):
    description = described(folder)
    del description[key]
    (folder / "model.json").write_text(sealed(description))
    assert_refused(folder)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("value", [-1, True, 1e308, "x", [None], [[]], {"a": {}}, [1, "a"]], ids=str)
def test_a_part_of_the_wrong_form_is_refused_even_when_sealed(folder, key, value):
    (folder / "model.json").write_text(sealed({**described(folder), key: value}))
    assert_refused(folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("settings", {"kind": "transformer"}),
        ("settings", {"kind": "transformer", "width": "8"}),
        ("settings", {"kind": "transformer", "width": 16}),
        ("settings", {"kind": "transformer", "width": -8}),
        ("settings", {"kind": "transformer", "width": 10**15}),
        ("settings", {"kind": "garch_t"}),
        ("features", [["a", 1.0]]),
        ("features", [["a", "long"]]),
        ("windows", [{"starts_after": 0, "bars": 1}]),
        ("windows", [{"starts_after": 0, "bars": 1}, {"starts_after": 1, "bars": -5}]),
        ("windows", [{"starts_after": 0, "bars": 1}, {"starts_after": 1, "bars": 1, "more": 2}]),
        ("windows", []),
        ("context", "20"),
        ("context", 2.5),
        ("fitted_through", []),
        ("fitted_through", "2020-12-31"),
        ("fitted_through", ["2020-13-31"]),
        ("fitted_through", ["2020-12-31", "2019-12-31"]),
        ("fitted_through", ["2020-12-31", "2020-12-31"]),
    ],
)
def test_a_description_that_does_not_fit_the_weights_or_itself_is_refused(folder, key, value):
    (folder / "model.json").write_text(sealed({**described(folder), key: value}))
    assert_refused(folder, "does not fit together")


@pytest.mark.parametrize(
    "weights",
    [
        b"",
        b"\x00" * 100,
        b"\xff" * 16,
        (2**62).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"{}",
        b"\x80\x02.",
    ],
)
def test_weights_that_are_none_are_refused_even_when_their_hash_is_right(folder, weights):
    (folder / "weights.safetensors").write_bytes(weights)
    description = {**described(folder), "weights_sha256": hashlib.sha256(weights).hexdigest()}
    (folder / "model.json").write_text(sealed(description))
    assert_refused(folder, "does not fit together")


def test_weights_are_no_pickle_and_the_description_holds_no_number_that_json_lacks(saved, tmp_path):
    assert (saved / "weights.safetensors").read_bytes()[8:9] == b"{"
    with pytest.raises(ValueError, match="JSON"):
        save_checkpoint(tmp_path, fitted_model(), Architecture({"width": float("nan")}, (), ()))


def test_a_description_with_a_number_that_is_not_finite_is_refused(folder):
    path = folder / "model.json"
    path.write_text(path.read_text().replace('"context": 20', '"context": NaN'))
    with pytest.raises(IntegrityError, match="the description is not as it was written"):
        load_checkpoint(folder, build)
