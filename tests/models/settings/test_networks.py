"""Settings of the networks: what they share, and what a posterior hands to the network below it."""

import pytest

from quantdl.errors import FieldFaults
from quantdl.models.settings import BayesianSettings, GraphSettings, TransformerSettings


def test_a_posterior_forecasts_the_horizons_of_its_network():
    assert BayesianSettings(5, also_horizons=(1, 21)).network_settings().also_horizons == (1, 21)


@pytest.mark.parametrize(("width", "heads", "fits"), [(8, 4, True), (24, 4, True), (12, 4, False), (4, 4, False)])
def test_the_width_is_a_multiple_of_twice_the_heads(width, heads, fits):
    if fits:
        assert TransformerSettings(1, width=width, heads=heads).width == width
    else:
        with pytest.raises(FieldFaults, match=f"width: given {width}; expected a multiple of twice the heads"):
            TransformerSettings(1, width=width, heads=heads)


def test_a_posterior_reads_the_other_assets_like_its_network():
    assert BayesianSettings(5, cross_section="pooled").network_settings().cross_section == "pooled"


def test_groups_that_no_edge_reads_are_refused():
    groups = {"XOM": ("Energy",)}
    assert GraphSettings(5, edges="both", groups=groups).groups == groups
    with pytest.raises(FieldFaults, match="groups: given those of 1 assets; expected none beside edges: correlation"):
        GraphSettings(5, groups=groups)
    assert GraphSettings(5, sector_factors=True, groups=groups).groups == groups


def test_groups_that_no_factor_reads_are_refused():
    groups = {"XOM": ("Energy",)}
    with pytest.raises(FieldFaults, match="groups: given those of 1 assets; expected none in a .* sector_factors"):
        TransformerSettings(5, groups=groups)
    own = BayesianSettings(5, sector_factors=True, groups=groups).network_settings()
    assert own.sector_factors and own.groups == groups
    assert BayesianSettings(5, network="sector_tree", groups=groups).network_settings().groups == groups
