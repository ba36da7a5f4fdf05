"""All figures of one curve together are those of their own files."""

import pytest

from quantdl.records import from_plain, to_plain
from quantdl.risk.curves.calendar_returns import calendar_returns
from quantdl.risk.curves.drawdown_spells import drawdown_figures
from quantdl.risk.curves.further_figures import FurtherFigures, further_figures
from quantdl.risk.curves.return_figures import return_figures
from quantdl.risk.curves.sharpe import sharpe_estimate
from tests.risk.curves.made_curves import heavy_returns, measured


@pytest.fixture(scope="module")
def curve():
    return measured(heavy_returns(600), risk_free=0.02)


def test_each_subject_is_measured_as_alone(curve):
    assert further_figures(curve) == FurtherFigures(
        sharpe_estimate(curve), return_figures(curve), drawdown_figures(curve), calendar_returns(curve)
    )


def test_the_record_comes_back_from_json(curve):
    found = further_figures(curve)
    assert from_plain(FurtherFigures, to_plain(found)) == found
