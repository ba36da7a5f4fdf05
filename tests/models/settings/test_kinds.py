"""Kinds of models: each has one settings class, and stored settings come back."""

from typing import get_args

import pytest

from quantdl.models.settings import ModelKind, ModelSettings, settings_class
from quantdl.records import from_plain, to_plain


def test_every_kind_has_its_class():
    kinds = (*get_args(ModelKind), "ensemble")
    assert [settings_class(kind) for kind in kinds] == list(get_args(ModelSettings))


@pytest.mark.parametrize("kind", get_args(ModelKind))
def test_stored_settings_come_back(kind):
    settings = settings_class(kind)(horizon=3)
    assert from_plain(settings_class(kind), to_plain(settings)) == settings
    assert to_plain(settings)["kind"] == kind


def test_a_kind_that_no_model_has_is_refused():
    with pytest.raises(ValueError, match="given the model kind 'transfomer'; expected one of transformer, "):
        settings_class("transfomer")
