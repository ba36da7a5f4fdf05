"""What the settings of all models share: horizons of which each stands once."""

import pytest

from quantdl.errors import FieldFaults
from quantdl.models.settings import settings_class


@pytest.mark.parametrize("kind", ["transformer", "bayesian", "gjr_t", "historical"])
@pytest.mark.parametrize("also", [(5,), (21, 21)])
def test_a_horizon_that_stands_twice_is_refused(kind, also):
    with pytest.raises(FieldFaults, match="also_horizons: given .* beside the horizon 5; expected other numbers"):
        settings_class(kind)(5, also_horizons=also)
