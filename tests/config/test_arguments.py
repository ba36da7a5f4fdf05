"""Settings given as arguments are checked as a config is, in its words."""

from pathlib import Path

import pytest

from quantdl.config.arguments import Arguments, as_list, path_of
from quantdl.errors import ConfigError
from quantdl.models.settings import MarketStatesSettings, TransformerSettings
from quantdl.training.settings import TrainingSettings


def read(settings, **values):
    call = Arguments("call")
    found = call.read(settings, values)
    call.refuse_faults()
    return found


def test_settings_are_made_of_their_values():
    made = read(TransformerSettings, horizon=5, also_horizons=(21,), dropout=0.2, kind="transformer")
    assert made == TransformerSettings(horizon=5, also_horizons=(21,), dropout=0.2)


def test_mappings_keep_their_keys_as_text():
    groups = {"ON": ("Technology",), "007": ("Finance", "Banks")}
    found = read(MarketStatesSettings, horizon=1, sector_factors=True, groups=groups).groups
    assert {asset: tuple(own) for asset, own in found.items()} == groups


@pytest.mark.parametrize("value", [object(), Path, {1, 2}, float("nan"), "3", True, None, [1]])
def test_what_is_of_another_kind_is_refused(value):
    with pytest.raises(ConfigError, match=r"call: epochs: given .*; expected a whole number, above 0"):
        read(TrainingSettings, epochs=value)


def test_what_is_missing_is_named_with_the_argument_to_give():
    with pytest.raises(ConfigError, match="^call: horizon: missing; expected .*; fix: give horizon="):
        read(TransformerSettings, kind="transformer")


def test_an_unknown_name_is_refused_with_the_one_that_was_meant():
    with pytest.raises(ConfigError, match="call: epoch: unknown key; expected one of .*; did you mean 'epochs'"):
        read(TrainingSettings, epoch=3)


def test_the_faults_of_several_settings_are_raised_together():
    call = Arguments("call")
    assert call.read(TrainingSettings, {"epochs": 0}) is None
    assert call.read(TransformerSettings, {"horizon": -1}) is None
    call.add("book", "given 3; expected another")
    with pytest.raises(ConfigError) as raised:
        call.refuse_faults()
    named = [line.split(":")[0].strip() for line in str(raised.value).splitlines()]
    assert named == ["call", "epochs", "horizon", "book"]


def test_without_a_fault_nothing_is_raised():
    Arguments("call").refuse_faults()


@pytest.mark.parametrize("given", [5, None, b"a.csv", object])
def test_what_is_no_path_is_refused_with_its_argument_and_what_is_expected(given):
    with pytest.raises(ConfigError, match=f"^output: given {type(given).__name__}; expected the path of a folder\\.$"):
        path_of(given, "output", "the path of a folder")


def test_text_that_no_disk_can_hold_is_no_path():
    with pytest.raises(ConfigError, match=r"^config: given 'a\\x00\.yaml'; expected a path\.$"):
        path_of("a\0.yaml", "config")


@pytest.mark.parametrize("given", ["runs/one", Path("runs/one")])
def test_text_and_paths_are_paths(given):
    assert path_of(given, "run") == Path("runs") / "one"


@pytest.mark.parametrize(
    ("given", "found"), [((1, 2), [1, 2]), (range(2), [0, 1]), ("ab", "ab"), ({"a": 1}, {"a": 1}), (5, 5), (None, None)]
)
def test_only_what_can_be_gone_through_becomes_a_list(given, found):
    assert as_list(given) == found
