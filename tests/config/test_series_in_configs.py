"""Series beside the prices and the features a model reads: what a config may say of them."""

from datetime import date

import pytest

from quantdl.config import load_config
from quantdl.errors import ConfigError

SERIES = """
exogenous:
  - name: vix
    path: vix.csv
    column: CLOSE
    source: CBOE
    timezone: America/New_York
    unit: index points
    as_of: 2026-07-24
    licence: ODC-PDDL
    release: {period: day, days_after: 0, at: "16:15", timezone: America/New_York}
"""


@pytest.fixture
def write(write_config, valid_text):
    def write(further):
        return write_config(text=valid_text + further)

    return write


def test_a_series_is_read_with_its_release_rule(write):
    config = load_config(write(SERIES + "features: {groups: [own_history, ranks], exogenous: [vix]}\n"))
    (series,) = config.exogenous
    assert (series.name, series.as_of) == ("vix", date(2026, 7, 24))
    assert series.release.at == "16:15"
    assert config.features.groups == ("own_history", "ranks")


@pytest.mark.parametrize(
    ("written", "instead", "message"),
    [
        ('"16:15"', "25pm", r"release\.at: given '25pm'; expected a local time such as '16:15'"),
        ("timezone: America/New_York}", "timezone: America/Nowhere}", r"release\.timezone: given 'America/Nowhere'"),
        ("days_after: 0", "days_after: -1", r"release\.days_after: given -1; expected a whole number of zero or more"),
        ('16:15", ', '16:15", calendar: XNYZ, ', r"release\.calendar: .*XNYZ"),
        (
            "timezone: America/New_York\n    unit",
            "timezone: Nowhere\n    unit",
            r"exogenous\[0\]\.timezone: given 'Nowhere'",
        ),
        ("unit: index points", 'unit: ""', r"exogenous\[0\]\.unit: given ''; expected text that is not empty"),
        (
            "path: vix.csv",
            "path: ${HOME}/vix.csv",
            r"exogenous\[0\]\.path: given .*only names that begin with QUANTDL_",
        ),
    ],
)
def test_a_series_that_means_nothing_is_refused_at_its_key(write, written, instead, message):
    assert written in SERIES
    with pytest.raises(ConfigError, match=message):
        load_config(write(SERIES.replace(written, instead)))


@pytest.mark.parametrize(
    ("further", "message"),
    [
        ("risk_free: vix\n", "risk_free: 'vix' is in 'index points'; expected a series in 'percent a year'"),
        ("benchmark: spx\n", r"benchmark: given 'spx'; expected a name under exogenous, which has \['vix'\]"),
        ("features: {exogenous: [vxi]}\n", r"features: exogenous names \['vxi'\]"),
        ("features: {groups: []}\n", "groups"),
    ],
)
def test_a_name_that_no_series_has_is_refused(write, further, message):
    with pytest.raises(ConfigError, match=message):
        load_config(write(SERIES + further))


def test_a_misspelt_group_is_the_only_fault_of_its_list(write):
    with pytest.raises(ConfigError, match="did you mean 'own_history'") as refused:
        load_config(write("features: {groups: [own_histroy]}\n"))
    assert "not empty" not in str(refused.value)


def test_two_series_of_one_name_are_refused(write):
    twice = SERIES + SERIES.replace("\nexogenous:\n", "")
    with pytest.raises(ConfigError, match="the name 'vix' stands twice"):
        load_config(write(twice))
