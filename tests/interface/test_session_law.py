"""The joint law that stands at one close."""

import numpy as np
import pytest

from quantdl.errors import ConfigError
from tests.report.drawings import values


def test_quantiles_are_those_of_the_book(ewma_laws):
    law = ewma_laws.at("2001-06-01")
    np.testing.assert_allclose(law.quantiles()["q01"], ewma_laws.quantiles(0.01).loc[law.session])


def test_the_density_that_is_drawn_is_one_of_probability(ewma_laws):
    curve = ewma_laws.at("2001-06-01").plot("SIM000").data[0]
    density, returns = np.array(values(curve.y)), np.array(values(curve.x)) / 100.0
    assert np.trapezoid(density, returns) == pytest.approx(0.998, abs=2e-3)  # between its .1 % and 99.9 % quantiles


def test_draws_are_the_same_for_the_same_law(ewma_laws):
    drawn = [ewma_laws.at("2001-06-01").scenarios(500).returns for _ in range(2)]
    assert (drawn[0] == drawn[1]).all()


def test_the_losses_that_are_drawn_are_all_of_the_draws(ewma_laws):
    bars = ewma_laws.at("2001-06-01").plot().data[0]
    assert np.sum(values(bars.y)) == pytest.approx(100.0)


def test_an_asset_that_did_not_trade_has_no_density(ewma_laws, simulated):
    law = ewma_laws.at(simulated.sessions[405])
    with pytest.raises(ConfigError, match="SIM001 is left out by the law of .*: it did not trade"):
        law.plot("SIM001")
    assert "SIM001" in law._repr_html_()


def test_an_unknown_asset_is_refused(ewma_laws):
    with pytest.raises(ConfigError, match="asset: 'sim000' is none of the prices; did you mean 'SIM000'"):
        ewma_laws.at().plot("sim000")


@pytest.mark.parametrize("draws", ["x", 0, -1, 1.5, True, None])
def test_what_is_no_number_of_draws_is_refused(ewma_laws, draws):
    with pytest.raises(ConfigError, match="^scenarios: draws: given .*; expected a whole number, above 0"):
        ewma_laws.at("2001-06-01").scenarios(draws)
