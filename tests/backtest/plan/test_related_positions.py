"""Caps on groups, measured on what the fills made of the book, by the groups as they were then."""

from dataclasses import replace

import numpy as np
import pytest

from quantdl.backtest import Decision, run_backtest
from quantdl.backtest.plan import related_positions
from quantdl.backtest.plan.borrowing import Borrow
from quantdl.backtest.plan.related_positions import CorrelationGroups, NamedGroups, RelatedPositions, SectorGroups
from quantdl.backtest.plan.sizing import Sizing
from tests.backtest.judged import (
    AtBars,
    Fixed,
    followed_by,
    good_plan,
    good_run,
    judged,
    market,
    only,
    row,
    run,
    shifted_shares,
)
from tests.backtest.worlds import random_walk, world

PANEL = world(random_walk(60, 4))
SIZING = Sizing("The same weights at every decision.", True, 0.9, 1.0, None, 0.1, 0.12)
HALVES = NamedGroups("named", {"left": ("A00", "A01"), "right": ("A02", "A03")})


def faults(groups=HALVES, gross=0.9, net=None, sizing=SIZING):
    stated = RelatedPositions(groups, gross, net)
    return {
        fault.item.removeprefix("related_positions."): str(fault) for fault in related_positions.faults(stated, sizing)
    }


def data_faults(groups=HALVES, gross=0.9, sizing=SIZING, panel=PANEL):
    found = related_positions.data_faults(RelatedPositions(groups, gross, None), sizing, panel)
    return {fault.item.removeprefix("related_positions."): str(fault) for fault in found}


@pytest.mark.parametrize(
    ("stated", "item", "words"),
    [
        ({"gross": 1.1}, "max_group_gross", "never bind"),
        ({"net": 0.2}, "max_group_net", "never bind"),
        ({"sizing": replace(SIZING, long_only=False)}, "max_group_net", "sell short"),
        ({"groups": CorrelationGroups("correlation", 5, 0.6)}, "groups.window_bars", "at least 20"),
        ({"groups": CorrelationGroups("correlation", 60, 1.6)}, "groups.threshold", "between 0 and 1"),
        (
            {"groups": NamedGroups("named", {"one": ("A00", "A01"), "two": ("A01", "A02", "A03")})},
            "groups.members",
            "each asset once",
        ),
    ],
)
def test_groups_and_caps_that_make_no_sense_are_refused(stated, item, words):
    found = faults(**stated)
    assert set(found) == {item}
    assert words in found[item]


def test_caps_that_can_bind_are_accepted():
    assert faults() == data_faults() == {}


@pytest.mark.parametrize(
    ("stated", "item", "words"),
    [
        ({"groups": SectorGroups("sector")}, "groups", "sector table"),
        (
            {"groups": NamedGroups("named", {"all": ("A00", "A01", "A02", "A3")}), "gross": 0.8},
            "groups.members",
            "did you mean 'A03'",
        ),
        ({"sizing": replace(SIZING, max_weight=0.3)}, "max_group_gross", "below 0.6"),
        ({"gross": 1.0}, "max_group_gross", "never bind"),
    ],
)
def test_groups_that_do_not_fit_the_data_are_refused(stated, item, words):
    assert words in data_faults(**stated)[item]


def test_a_crowded_group_fails_by_how_much():
    """Three shares of 0.19 in one group, where 0.5 is promised."""
    loose = good_plan(related_positions={"max_group_gross": 0.59})
    checklist = judged(result=run(loose, Fixed((0.19, 0.19, 0.19, 0.1, 0.1, 0.1))))
    assert only("related_positions", checklist).startswith("max_group_gross = 0.5 is exceeded by 0.0700, left on ")
    assert row("related_positions", checklist).figure.startswith(
        "heaviest group 0.5700 at the prices of its decision, "
    )


def test_fills_that_crowd_a_group_fail():
    """A purchase larger by a tenth than ordered, where the group was full: 0.45 of equity and a tenth of 0.15."""
    bought = int(followed_by(good_run(), -1)[0])
    fill = good_run().fills.loc[bought]
    wrong = shifted_shares(good_run(), market(), bought, 0.1 * fill["quantity"])
    plan = good_plan(related_positions={"max_group_gross": 0.455})
    group = "left" if fill["asset"] < "A03" else "right"
    cause = only("related_positions", judged(plan, wrong))
    assert cause.startswith(
        f"max_group_gross = 0.455 is exceeded by 0.0096, {group} on 2018-01-03"
    )  # 0.0100 less costs
    assert judged(plan).verdict == "defended"


def test_a_group_that_prices_lifted_above_the_cap_breaks_no_promise():
    closes = 100 * np.exp(0.004 * np.random.default_rng(2).standard_normal((300, 6)).cumsum(axis=0))
    closes[60:, :3] *= 1.5
    panel = world(closes)
    plan = good_plan(panel, sample={"minimum_sessions": 260}, horizon={"bars": 250})
    found = row("related_positions", judged(plan, run(plan, AtBars({1: ([0.15] * 6, "rebalance")}), panel), panel))
    assert found.passed is True
    assert found.figure.startswith("heaviest group 0.44") and found.figure.endswith("held with drift (left)")
    assert float(found.figure.split(", ")[1].split()[0]) > 0.5


def clustered(panel=None):
    """Two triples that move together, each share with a little of its own."""
    generator = np.random.default_rng(3)
    common = np.repeat(generator.standard_normal((400, 2)), 3, axis=1)
    returns = 0.01 * (common + 0.3 * generator.standard_normal((400, 6)))
    return world(100 * np.exp(np.cumsum(0.0005 + returns, axis=0)))


def test_clusters_are_those_of_the_decision():
    """By trailing correlation the first three shares are one group; before there is a window, each is its own."""
    panel = clustered()
    groups = CorrelationGroups("correlation", 60, 0.6)
    loose = good_plan(panel, related_positions={"groups": groups, "max_group_gross": 0.59})
    result = run(loose, Fixed((0.19, 0.19, 0.19, 0.1, 0.1, 0.1)), panel)
    strict = replace(loose, related_positions=replace(loose.related_positions, max_group_gross=0.5))
    cause = only("related_positions", judged(strict, result, panel))
    assert cause.startswith("max_group_gross = 0.5 is exceeded by 0.0700, A00, A01, A02 on ")
    early = panel.between(panel.sessions[0], panel.sessions[50])
    plan = replace(strict, sample=replace(strict.sample, last=early.sessions[-1].date(), minimum_sessions=20))
    causes = judged(plan, run(plan, Fixed((0.19, 0.19, 0.19, 0.1, 0.1, 0.1)), early), early)
    assert row("related_positions", causes).passed is True


def test_sectors_are_those_of_the_panel():
    panel = replace(market(), sectors=dict(zip(market().assets, "aabbcc", strict=True)))
    plan = good_plan(panel, related_positions={"groups": SectorGroups("sector"), "max_group_gross": 0.35})
    assert row("related_positions", judged(plan, run(plan, Fixed(), panel), panel)).passed is True
    strict = replace(plan, related_positions=replace(plan.related_positions, max_group_gross=0.25))
    cause = only("related_positions", judged(strict, run(plan, Fixed(), panel), panel))
    assert cause.startswith("max_group_gross = 0.25 is exceeded by 0.0500, ")


@pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])
def test_a_net_weight_of_a_group_above_the_cap_fails_on_either_side(side):
    plan = both_sides()
    strict = replace(plan, related_positions=replace(plan.related_positions, max_group_net=0.3))
    result = run(plan, Fixed(side * np.array([0.15, 0.15, 0.15, -0.1, -0.1, -0.1])))
    cause = row("related_positions", judged(strict, result)).cause
    assert cause.startswith("max_group_net = 0.3 is exceeded by 0.1500, left on ")


def both_sides():
    terms = {**good_plan().friction.__dict__, "borrow": Borrow(0.01, 0.3)}
    sizing = {"long_only": False, "max_gross": 1.3, "max_net": 0.9, "stop_loss": 0.1, "max_loss_per_trade": 0.12}
    caps = {"max_group_gross": 0.8, "max_group_net": 0.7}
    return good_plan(sizing={**sizing, "max_weight": 0.4}, related_positions=caps, friction=terms)


def test_what_is_held_long_and_short_in_a_group_weighs_as_much_as_both():
    result = run(replace(both_sides(), horizon=replace(both_sides().horizon, bars=250)),
                 AtBars({1: ([0.3, -0.3, 0.0, 0.0, 0.0, 0.0], "rebalance")}))  # fmt: skip
    weights = (result.quantities * market().closes).div(result.equity["equity"], axis=0)
    heaviest = weights.abs().sum(axis=1).max()
    assert heaviest > 0.59
    figure = row("related_positions", judged(both_sides(), result)).figure
    assert figure.endswith(f", {heaviest:.4f} held with drift (left)")


def test_clusters_know_nothing_of_the_close_after_the_decision():
    """A00 and A01 are one cluster at the decision, and fall apart at the very next close."""
    generator = np.random.default_rng(5)
    returns = 0.01 * generator.standard_normal((120, 4))
    returns[:, 1] = returns[:, 0] + 0.001 * generator.standard_normal(120)
    decided = 60
    returns[decided + 1, 1] += 0.2
    panel = world(100 * np.exp(np.cumsum(returns, axis=0)))
    groups = CorrelationGroups("correlation", 20, 0.6)
    plan = good_plan(
        panel,
        sizing={"max_weight": 0.4, "max_gross": 0.9, "stop_loss": 0.2, "max_loss_per_trade": 0.3},
        related_positions={"groups": groups, "max_group_gross": 0.7},
        sample={"first": panel.sessions[30].date(), "minimum_sessions": 70},
        horizon={"bars": 60},
    )
    strategy = AtSession(panel.sessions[decided], (0.3, 0.3, 0.1, 0.1))
    result = run_backtest(panel, plan, strategy, panel.sessions[30], panel.sessions[-1])
    strict = replace(plan, related_positions=replace(plan.related_positions, max_group_gross=0.5))
    cause = row("related_positions", judged(strict, result, panel)).cause
    assert cause.startswith("max_group_gross = 0.5 is exceeded by 0.0995, A00, A01 on ")  # 0.6 / 1.0008 - 0.5


class AtSession:
    """Decides once."""

    def __init__(self, session, weights):
        self.session, self.weights = session, weights

    def decide(self, view):
        return Decision(np.array(self.weights), "rebalance") if view.sessions[-1] == self.session else None
