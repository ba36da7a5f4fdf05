"""What is at hand takes the place of what a config names; what is not is made as the config says."""

from dataclasses import replace

import pytest

from quantdl.config import load_config
from quantdl.experiment.given import NOTHING, Given
from quantdl.experiment.preparation import load_data
from tests.small_experiment import small_config


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    return load_config(small_config(tmp_path_factory.mktemp("given")))


def test_with_nothing_at_hand_strategy_and_data_are_those_of_the_config(config):
    assert vars(NOTHING.new_strategy(config))["level"] == 0.95
    assert NOTHING.data(config).panel.card == load_data(config).panel.card


def test_a_panel_at_hand_is_treated_as_one_that_was_loaded(config):
    loaded = NOTHING.sources(config).panel
    given = Given(panel=loaded)
    own, other = given.data(config), load_data(config)
    assert (own.panel.closes == other.panel.closes).all()
    assert own.panel.card == other.panel.card
    assert given.sources(config).panel is loaded


def test_a_strategy_at_hand_is_made_for_each_run(config):
    made = []
    given = replace(NOTHING, strategy=lambda: made.append(1))
    given.new_strategy(config)
    given.new_strategy(config)
    assert len(made) == 2
