"""Settings given as arguments are checked as a config is, in its words."""

from pathlib import Path

import pytest

from quantdl.config.arguments import Arguments
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
