"""Prices as a notebook holds them."""

from dataclasses import replace

import numpy as np
import pytest

from quantdl.errors import ConfigError
from quantdl.interface.prices import Prices
from quantdl.market.inspection.census import take_census
from quantdl.market.inspection.policies import Policies
from quantdl.simulation import panel_of_closes
from tests.panels import ragged_closes
from tests.report.drawings import values


@pytest.fixture(scope="module")
def panel():
    return panel_of_closes(ragged_closes(120, 4, seed=3))


def test_prices_are_a_panel_with_the_same_values(panel):
    prices = Prices.of(panel)
    np.testing.assert_array_equal(prices.closes, panel.closes)
    assert prices.card == panel.card
    assert repr(prices) == repr(panel)


def test_prices_stay_what_they_are(panel):
    prices = Prices.of(panel)
    assert Prices.of(prices) is prices


def test_the_census_is_that_of_the_panel(panel):
    assert Prices.of(panel).census() == take_census(panel)


def test_a_part_of_prices_keeps_what_is_to_be_done_about_their_faults(panel):
    policies = Policies(long_gap="drop_asset")
    prices = Prices.of(panel).treat(policies)
    parts = [prices.until(panel.sessions[50]), prices.select(panel.assets[:2]), prices.trades_only()]
    assert all(isinstance(part, Prices) and part.policies == policies for part in parts)


def test_prices_are_prepared_as_a_run_prepares_them(prices, small_outcome):
    data = prices.prepared(prices.sessions[prices.sessions < "2016-07-01"][-1])
    np.testing.assert_array_equal(data.panel.closes, small_outcome.data.panel.closes)
    assert data.census == small_outcome.data.census


def test_prices_are_prepared_once(panel):
    prices = Prices.of(panel)
    assert prices.prepared(panel.sessions[60]) is prices.prepared(panel.sessions[60])
    assert prices.treat(Policies()).prepared(panel.sessions[60]) is not prices.prepared(panel.sessions[60])


def test_policies_are_put_into_effect(panel):
    prices = Prices.of(panel).treat(Policies(long_gap="drop_asset"))
    concerned = {fault.symbol for fault in prices.census().faults if fault.kind == "long_gap"}
    left = prices.prepared(panel.sessions[-1]).panel.assets
    assert concerned
    assert set(left) == set(panel.assets) - concerned


def test_prices_are_drawn_over_their_first_ones(panel):
    drawn = {trace.name: trace for trace in Prices.of(panel).plot().data}
    assert set(drawn) == set(panel.assets)
    first = panel.closes[np.isfinite(panel.closes[:, 1]).argmax(), 1]
    np.testing.assert_allclose(values(drawn["SIM001"].y), panel.closes[:, 1] / first)


@pytest.mark.parametrize("given", [None, "prices.csv", np.zeros((3, 2))])
def test_what_is_no_panel_is_refused_with_what_is_expected(given):
    with pytest.raises(ConfigError, match=r"^panel: given \w+; expected prices, such as those of qd\.read_prices"):
        Prices.of(given)


def test_what_is_no_policies_is_refused_before_it_is_needed(panel):
    with pytest.raises(ConfigError, match=r"policies: given dict; expected qd\.Policies\(\.\.\.\)"):
        Prices.of(panel).treat({"stale_year": "keep"})


def test_prices_travel_to_another_process(panel):
    prices = Prices.of(panel).treat(Policies(long_gap="drop_asset"))
    kind, values = prices.__reduce__()
    again = kind(*values)
    assert isinstance(again, Prices)
    assert again.policies == prices.policies


def test_panel_card_and_census_show_themselves_escaped(panel):
    said = replace(panel.card.declaration, source="<b>mine</b>")
    prices = Prices.of(replace(panel, card=replace(panel.card, declaration=said)))
    census = prices.census()
    pages = [prices._repr_html_(), prices.card._repr_html_(), census._repr_html_()]
    assert not any("<b>" in page or "http" in page for page in pages)
    assert "&lt;b&gt;mine&lt;/b&gt;" in pages[0]
    assert "Prices of 4 assets in 120 sessions" in pages[0]
    counts = {kind: count for kind, count in census.counts().items() if count}
    assert all(f">{kind}</td>" in pages[2] for kind in counts)
