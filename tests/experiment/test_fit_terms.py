"""What a fit reads beside its model, its prices and its spans."""

import pytest

from quantdl.config import load_config
from quantdl.experiment.book_risk import default_config
from quantdl.experiment.fit_terms import FitTerms
from quantdl.experiment.models import return_windows
from quantdl.models.settings import EgarchSettings
from quantdl.sequences import ReturnWindow
from quantdl.training.settings import TrainingSettings
from tests.small_experiment import small_config


def test_terms_of_a_config_are_what_it_says(tmp_path):
    config = load_config(small_config(tmp_path))
    terms = FitTerms.of(config)
    assert (terms.seed, terms.training, terms.begins) == (7, config.training, "close")
    assert terms.where("training", "device").startswith(str(tmp_path / "small.yaml"))


def test_terms_without_a_config_name_the_argument():
    assert FitTerms(1).where("training", "device") == "device"


def test_terms_stay_as_they_are():
    terms = FitTerms(3, TrainingSettings(epochs=1), "open")
    assert FitTerms.of(terms) is terms


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        (FitTerms(1), [(0, 1, "close"), (1, 5, "close"), (1, 21, "close")]),
        (FitTerms(1, begins="open"), [(0, 1, "close"), (1, 5, "open"), (1, 21, "open")]),
        (FitTerms.of(default_config()), [(0, 1, "close"), (0, 5, "close"), (0, 21, "close")]),
    ],
)
def test_windows_begin_where_positions_are_filled_or_at_the_close_of_a_book_that_is_held(terms, expected):
    windows = return_windows(EgarchSettings(horizon=5, also_horizons=(21,)), terms)
    assert list(windows) == [ReturnWindow(*window) for window in expected]
