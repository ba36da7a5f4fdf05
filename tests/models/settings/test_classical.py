"""Settings of the econometric models: which are refitted, and which have nothing to refit."""

from typing import get_args

import pytest

from quantdl.errors import FieldFaults
from quantdl.models.settings import ClassicalModel, HistoricalSettings, MarketStatesSettings, VolatilitySettings

FITTED = sorted({*get_args(ClassicalModel)} - {HistoricalSettings}, key=lambda settings: settings.kind)


@pytest.mark.parametrize("settings", FITTED, ids=lambda settings: settings.kind)
def test_what_has_fitted_parameters_is_refitted_every_year_unless_told_otherwise(settings):
    assert issubclass(settings, VolatilitySettings)
    assert settings(5).refit == "yearly"
    assert settings(5, refit="once").refit == "once"


def test_historical_simulation_has_nothing_to_refit():
    assert not hasattr(HistoricalSettings(5), "refit")


def test_groups_that_no_factor_reads_are_refused():
    groups = {"XOM": ("Energy",)}
    assert MarketStatesSettings(5, sector_factors=True, groups=groups).groups == groups
    with pytest.raises(FieldFaults, match="groups: given those of 1 assets; expected none in a .* sector_factors"):
        MarketStatesSettings(5, groups=groups)
