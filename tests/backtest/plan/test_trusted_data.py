"""A run on other data than the plan trusts, or outside of its universe, is found."""

from dataclasses import replace

import numpy as np
import pytest

from quantdl.backtest.plan import trusted_data
from quantdl.market.status import CellStatus
from tests.backtest.judged import Fixed, good_plan, good_run, judged, market, only, row, run
from tests.backtest.worlds import plan_for, random_walk, world

PANEL = world(random_walk(60, 2))
DATA = plan_for(PANEL).trusted_data
OTHER = f"sha256:{'f' * 64}"


def test_closes_must_be_among_the_fields():
    assert [fault.item for fault in trusted_data.faults(replace(DATA, fields=("volume",)))] == ["trusted_data.fields"]
    assert list(trusted_data.faults(DATA)) == []


@pytest.mark.parametrize(
    ("changes", "item", "words"),
    [
        ({"fingerprint": OTHER}, "trusted_data.fingerprint", "0123456789abcdef"),
        ({"adjustment": "raw"}, "trusted_data.adjustment", "'split'"),
        ({"calendar": "XTKS"}, "trusted_data.calendar", "24/7"),
        ({"timezone": "America/Toronto"}, "trusted_data.timezone", "'America/New_York'"),
        ({"source": "somebody else"}, "trusted_data.source", "made by a test"),
        ({"fields": ("close", "volume")}, "trusted_data.fields", "does not have"),
    ],
)
def test_what_differs_from_the_card_is_named(changes, item, words):
    found = {fault.item: str(fault) for fault in trusted_data.data_faults(replace(DATA, **changes), PANEL)}
    assert set(found) == {item}
    assert words in found[item]


def test_a_zone_may_have_another_name_than_on_the_card():
    assert list(trusted_data.data_faults(replace(DATA, timezone="US/Eastern"), PANEL)) == []


def test_a_run_on_other_data_fails():
    panel = replace(market(), card=replace(market().card, fingerprint=OTHER))
    assert only("trusted_data", judged(panel=panel)) == "the run's data have another fingerprint"


def test_what_was_bought_outside_the_universe_fails():
    """The membership says that A02 had left before anything was decided."""
    members = np.ones(market().closes.shape, dtype=bool)
    members[:, 2] = False
    cause = only("trusted_data", judged(panel=replace(market(), members=members)))
    assert "purchases or short sales of what was not listed or not in the universe" in cause
    assert cause.endswith("the first A02, decided on 2018-01-02")


def test_what_was_sold_after_it_left_the_universe_is_in_order():
    members = np.ones(market().closes.shape, dtype=bool)
    members[100:, 2] = False
    panel = replace(market(), members=members)
    plan = good_plan(panel)

    class Members(Fixed):
        def decide(self, view):
            self.weights = 0.15 * view.listed
            return super().decide(view)

    assert judged(plan, run(plan, Members(), panel), panel).verdict == "defended"


@pytest.mark.parametrize(
    ("universe", "cause"),
    [
        ("survivors", "the universe was chosen knowing its survivors, so only comparisons within it are evidence"),
        ("unknown", "how the universe was chosen is unknown: survivorship is not controlled"),
    ],
)
def test_a_universe_that_was_picked_caps_the_verdict(universe, cause):
    checklist = judged(universe=universe)
    assert checklist.verdict == "relative evidence only"
    assert [(found.item, found.cause) for found in checklist.items if found.passed is None] == [("trusted_data", cause)]


def test_an_asset_without_a_price_yet_could_not_be_bought():
    status = market().status.copy()
    fields = {"close": market().closes.copy()}
    status[:3, 0], fields["close"][:3, 0] = CellStatus.UNLISTED, np.nan
    late = replace(market(), status=status, fields=fields)
    causes = {found.item: found.cause for found in judged(result=good_run(), panel=late).items if found.passed is False}
    assert "the first A00, decided on 2018-01-02" in causes["trusted_data"]


def test_the_statement_quotes_the_data_and_the_figure_their_census():
    found = row("trusted_data", judged())
    assert found.statement == "made by a test, split prices on 24/7, sha256:0123456789ab"
    assert found.figure == "Membership is as it was known on each day."


def test_a_strategy_that_opens_data_by_itself_is_a_doubt_with_its_place():
    checklist = judged(outside_reads=("mine.py:8: pandas.read_csv('closes.csv')",))
    (doubt,) = [found for found in checklist.items if found.passed is None]
    assert doubt.item == "trusted_data" and checklist.verdict == "relative evidence only"
    assert doubt.cause == (
        "the strategy opens data by itself, which may hold later rows (mine.py:8: pandas.read_csv('closes.csv')): "
        "`quantdl audit` tells"
    )
