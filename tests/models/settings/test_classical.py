"""Settings of the econometric models: which are refitted, and which have nothing to refit."""

from typing import get_args

import pytest

from quantdl.models.settings import ClassicalModel, HistoricalSettings, VolatilitySettings

FITTED = sorted({*get_args(ClassicalModel)} - {HistoricalSettings}, key=lambda settings: settings.kind)


@pytest.mark.parametrize("settings", FITTED, ids=lambda settings: settings.kind)
def test_what_has_fitted_parameters_is_refitted_every_year_unless_told_otherwise(settings):
    assert issubclass(settings, VolatilitySettings)
    assert settings(5).refit == "yearly"
    assert settings(5, refit="once").refit == "once"


def test_historical_simulation_has_nothing_to_refit():
    assert not hasattr(HistoricalSettings(5), "refit")
