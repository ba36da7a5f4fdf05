"""Stress scenarios in YAML: the shipped file, all faults at once, and files relative to the config that names them."""

from datetime import date
from pathlib import Path

import pytest

from quantdl.config import load_config
from quantdl.config.scenario_file import load_scenarios, scenario_refusal, scenarios_of
from quantdl.errors import ConfigError
from quantdl.risk.stress.settings import StressSettings, WindowScenario

SHIPPED = Path(__file__).parents[2] / "configs" / "scenarios" / "stress.yaml"


@pytest.fixture
def config(write_small, tmp_path):
    """Write the small config with a stress block."""

    def write(block):
        path = write_small(tmp_path)
        path.write_text(path.read_text() + block)
        return path

    return write


def test_the_shipped_file_is_read_into_settings():
    settings = load_scenarios(SHIPPED)
    assert type(settings) is StressSettings
    assert settings.windows[0] == WindowScenario("Taper tantrum, 2013", date(2013, 5, 22), date(2013, 6, 24))
    assert settings.conditional[2].weights == {"XOM": 1.0} and settings.reverse[0].loss == 0.2


def test_all_faults_are_told_at_once_with_line_and_key(tmp_path):
    path = tmp_path / "scenarios.yaml"
    path.write_text(
        "windows:\n  - {name: a, first: 2013-05-22, last: 2012-06-24}\nshoks: []\n"
        "conditional:\n  - {name: x, market: -1.5, evnt: equal}\nreverse:\n  - {name: z, loss: twenty}\n"
    )
    with pytest.raises(ConfigError) as caught:
        load_scenarios(path)
    text = str(caught.value)
    assert "5 errors" in text
    for part in (
        "scenarios.yaml:2:40: windows[0].last: given 2012-06-24",
        "did you mean 'shocks'",
        "conditional[0].market: given '-1.5'; expected a number, above -1",
        "did you mean 'event'",
        "reverse[0].loss: given 'twenty'",
    ):
        assert part in text


def test_without_a_word_on_stress_the_defaults_hold_and_null_is_none(config):
    assert scenarios_of(load_config(config(""))) == StressSettings()
    assert scenarios_of(load_config(config("stress: null\n"))) is None


def test_scenarios_may_stand_in_the_config_or_in_a_file_beside_it(config, tmp_path):
    inline = load_config(config("stress: {reverse: [{name: r, loss: 0.3}]}\n"))
    assert scenarios_of(inline).reverse[0].loss == 0.3
    (tmp_path / "own.yaml").write_text("draws: 2000\n")
    assert scenarios_of(load_config(config("stress: {file: own.yaml}\n"))).draws == 2000


def test_a_file_that_is_not_there_or_faulty_is_refused_when_the_config_is_read(config, tmp_path):
    with pytest.raises(ConfigError, match="stress.file: no such file"):
        load_config(config("stress: {file: missing.yaml}\n"))
    (tmp_path / "own.yaml").write_text("drws: 2000\n")
    with pytest.raises(ConfigError, match="own.yaml:1:1: drws: unknown key.*did you mean 'draws'"):
        load_config(config("stress: {file: own.yaml}\n"))


def test_names_that_the_data_do_not_have_are_placed_where_they_stand(config, tmp_path):
    (tmp_path / "own.yaml").write_text("shocks:\n  - name: s\n    assets: {APPL: -0.1}\n")
    loaded = load_config(config("stress: {file: own.yaml}\n"))
    error = scenario_refusal(loaded, [(("shocks", 0, "assets", "APPL"), "given 'APPL'")])
    assert "own.yaml:3:20: shocks[0].assets.APPL" in str(error)


def test_other_scenarios_make_no_other_trial(config):
    one, other = (load_config(config(block)).identity() for block in ("", "stress: null\n"))
    assert one == other
