"""One class a kind of model."""

from dataclasses import fields
from typing import get_args

import pytest

import quantdl as qd
from quantdl.errors import ConfigError
from quantdl.interface import models
from quantdl.interface.estimator import Estimator
from quantdl.models.settings import ModelSettings, TransformerSettings

CLASSES = [cls for cls in vars(models).values() if isinstance(cls, type) and issubclass(cls, Estimator)]
KINDS = {cls.kind: cls for cls in CLASSES if hasattr(cls, "kind")}


def test_every_kind_of_model_has_a_class():
    assert set(KINDS) == {settings.kind for settings in get_args(ModelSettings)}


def test_every_class_has_a_name_in_quantdl():
    assert all(getattr(qd, cls.__name__) is cls for cls in KINDS.values())


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"ensemble"}))
def test_a_class_has_the_names_and_defaults_of_the_settings_of_its_kind(kind):
    made = KINDS[kind](horizon=5)
    (settings,) = (choice for choice in get_args(ModelSettings) if choice.kind == kind)
    assert made.settings == settings(horizon=5)
    assert {item.name for item in fields(settings)} - {"kind"} <= set(made.get_params())


def test_members_of_an_ensemble_are_models_or_settings():
    mixed = qd.Ensemble(horizon=5, members=[qd.EgarchT(horizon=5), TransformerSettings(horizon=5)], seeds=2)
    assert [member.kind for member in mixed.settings.members] == ["egarch_t", "transformer"]
    assert mixed.settings.n_fits == 3
    assert repr(mixed).startswith("Ensemble(horizon=5, members=[egarch_t(horizon=5), transformer(horizon=5)], seeds=2)")


def test_a_member_that_says_something_else_than_the_ensemble_is_refused():
    with pytest.raises(ConfigError, match=r"members\[0\]\.epochs: given 3; expected 30: epochs is said of"):
        qd.Ensemble(horizon=5, members=[qd.Transformer(horizon=5, epochs=3), qd.EgarchT(horizon=5)])


def test_series_beside_the_prices_are_refused():
    with pytest.raises(ConfigError, match=r"features: given the series \['rate'\]; expected none"):
        qd.Transformer(horizon=5, features=qd.FeatureSettings(exogenous=("rate",)))


def test_a_member_of_another_horizon_is_refused():
    with pytest.raises(ConfigError, match="Ensemble: members: member 1, egarch_t, has the horizon 2; expected 5"):
        qd.Ensemble(horizon=5, members=[qd.EgarchT(horizon=2), qd.Transformer(horizon=5)])


@pytest.mark.parametrize(
    ("given", "said"), [(5, "'5'"), (None, "'null'"), ("ewma_t", "'ewma_t'"), ({}, "an empty mapping")]
)
def test_members_that_are_no_list_are_refused_in_the_words_of_a_config(given, said):
    with pytest.raises(ConfigError, match=f"^Ensemble: members: given {said}; expected a list that is not empty, each"):
        qd.Ensemble(horizon=1, members=given)
