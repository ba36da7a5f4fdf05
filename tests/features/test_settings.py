from typing import get_args

from quantdl.features.settings import FeatureGroup, FeatureSettings


def test_a_model_reads_what_closes_alone_suffice_for_unless_told_otherwise():
    assert FeatureSettings().groups == (
        "own_history",
        "cross_section",
        "days_closed",
        "large_moves",
        "quarterly_moves",
    )
    assert FeatureSettings().exogenous == ()
    assert set(FeatureSettings().groups) < set(get_args(FeatureGroup))
