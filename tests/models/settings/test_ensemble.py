"""Settings of an ensemble: its members, what counts for all of them, and what would be no ensemble."""

import pytest

from quantdl.errors import FieldFaults
from quantdl.models.settings import (
    EnsembleSettings,
    GarchSettings,
    GraphSettings,
    HistoricalSettings,
    TransformerSettings,
)
from quantdl.records import from_plain, to_plain


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
