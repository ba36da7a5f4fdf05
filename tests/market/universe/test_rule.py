"""The settings of the universe: what is refused, and all of it at once."""

import pytest

from quantdl.errors import DataSettingsError
from quantdl.market.universe.rule import UniverseRule


def test_without_settings_there_is_no_filter():
    rule = UniverseRule()
    assert (rule.membership, rule.minimum_price, rule.minimum_dollar_volume, rule.window_bars) == (None,) * 4
    assert rule.minimum_history_bars == 1


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"minimum_history_bars": 0}, "minimum_history_bars"),
        ({"minimum_price": 0.0}, "minimum_price"),
        ({"minimum_price": float("nan")}, "minimum_price"),
        ({"minimum_price": float("inf")}, "minimum_price"),
        ({"minimum_dollar_volume": -1.0, "window_bars": 5}, "minimum_dollar_volume"),
        ({"minimum_dollar_volume": 1e6}, "window_bars"),
        ({"window_bars": 20}, "minimum_dollar_volume"),
        ({"minimum_dollar_volume": 1e6, "window_bars": 0}, "window_bars"),
    ],
)
def test_an_impossible_number_is_refused_at_its_key(settings, key):
    with pytest.raises(DataSettingsError) as refused:
        UniverseRule(**settings)
    assert [name for name, _ in refused.value.faults] == [key]


def test_every_impossible_number_is_named():
    with pytest.raises(DataSettingsError) as refused:
        UniverseRule(minimum_history_bars=-3, minimum_price=-1.0, window_bars=0)
    assert {name for name, _ in refused.value.faults} == {
        "minimum_history_bars",
        "minimum_price",
        "minimum_dollar_volume",
        "window_bars",
    }
