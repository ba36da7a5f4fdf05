"""Settings of the models: one class per kind, with what a network of heads can be."""

from typing import get_args

import pytest

from quantdl.errors import FieldFaults
from quantdl.models.settings import (
    BayesianSettings,
    EnsembleSettings,
    GarchSettings,
    GraphSettings,
    HistoricalSettings,
    ModelKind,
    ModelSettings,
    TransformerSettings,
    settings_class,
)
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


@pytest.mark.parametrize("kind", ["transformer", "bayesian", "gjr_t", "historical"])
@pytest.mark.parametrize("also", [(5,), (21, 21)])
def test_a_horizon_that_stands_twice_is_refused(kind, also):
    with pytest.raises(FieldFaults, match="also_horizons: given .* beside the horizon 5; expected other numbers"):
        settings_class(kind)(5, also_horizons=also)


def test_a_posterior_forecasts_the_horizons_of_its_network():
    assert BayesianSettings(5, also_horizons=(1, 21)).network_settings().also_horizons == (1, 21)


@pytest.mark.parametrize(("width", "heads", "fits"), [(8, 4, True), (24, 4, True), (12, 4, False), (4, 4, False)])
def test_the_width_is_a_multiple_of_twice_the_heads(width, heads, fits):
    if fits:
        assert TransformerSettings(1, width=width, heads=heads).width == width
    else:
        with pytest.raises(FieldFaults, match=f"width: given {width}; expected a multiple of twice the heads"):
            TransformerSettings(1, width=width, heads=heads)


def test_the_settings_of_an_ensemble_come_back_with_those_of_its_members():
    members = (TransformerSettings(3, width=16), GarchSettings(3), HistoricalSettings(3, window=60))
    settings = EnsembleSettings(3, members, seeds=2, refit="yearly")
    assert from_plain(EnsembleSettings, to_plain(settings)) == settings


def test_members_count_alike_and_fits_of_one_share_what_it_counts():
    settings = EnsembleSettings(3, (TransformerSettings(3), GarchSettings(3)), seeds=4)
    assert settings.weights == (0.125, 0.125, 0.125, 0.125, 0.5)
    assert settings.n_fits == 5


def test_refit_counts_for_all_members():
    members = (TransformerSettings(3), GarchSettings(3), HistoricalSettings(3))
    for refit in ("once", "yearly"):
        settings = EnsembleSettings(3, members, refit=refit)
        assert [member.refit for member in settings.members[:2]] == [refit, refit]


@pytest.mark.parametrize(
    ("members", "seeds", "fault"),
    [
        ((TransformerSettings(3), GraphSettings(4)), 1, "member 2, graph, has the horizon 4; expected 3"),
        (
            (TransformerSettings(3), GraphSettings(3), TransformerSettings(3)),
            2,
            "member 3, transformer, stands there twice",
        ),
        ((GarchSettings(3),), 5, "given one member that is fitted once"),
        ((TransformerSettings(3),), 1, "given one member that is fitted once"),
    ],
)
def test_an_ensemble_that_would_be_none_is_refused(members, seeds, fault):
    with pytest.raises(FieldFaults, match=f"members: {fault}"):
        EnsembleSettings(3, members, seeds=seeds)
