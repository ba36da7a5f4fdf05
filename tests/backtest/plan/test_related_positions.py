"""Caps on groups, measured on what the fills made of the book, by the groups as they were then."""

from dataclasses import replace

import numpy as np
import pytest

from quantdl.backtest import Decision, TargetTable, run_backtest
from quantdl.backtest.plan import related_positions
from quantdl.backtest.plan.borrowing import Borrow
from quantdl.backtest.plan.related_positions import CorrelationGroups, NamedGroups, RelatedPositions, SectorGroups
from quantdl.backtest.plan.sizing import Sizing
from quantdl.errors import RunError
from quantdl.plan import named_groups
from quantdl.portfolio import within_limits
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


def test_the_letters_of_a_text_that_stands_for_a_list_of_symbols_are_not_counted_as_assets():
    assert RelatedPositions(HALVES, 0.9, None).n_named == 4
    assert RelatedPositions(named_groups({"a": "AAPL"}), 0.9, None).n_named is None
    assert RelatedPositions(SectorGroups("sector"), 0.9, None).n_named is None


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
        "heaviest group 57.00% at the prices of its decision, "
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
    assert found.figure.startswith("heaviest group 44.") and found.figure.endswith("held with drift (left)")
    assert float(found.figure.split(", ")[1].split("%")[0]) > 50


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
    early = panel.between(panel.sessions[0], panel.sessions[60])
    plan = replace(strict, sample=replace(strict.sample, last=early.sessions[-1].date(), minimum_sessions=20))
    decisions = {bar: ((0.19, 0.19, 0.19, 0.1, 0.1, 0.1), "rebalance") for bar in range(1, 61, 5)}
    causes = judged(plan, run(plan, AtBars(decisions), early), early)
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
    assert figure.endswith(f", {heaviest:.2%} held with drift (left)")


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


def linked(closes, window, threshold):
    """Clusters by the definition of average linkage: merge the two with the highest mean correlation, down to it."""
    returns = closes[-window:] / closes[-window - 1 : -1] - 1
    correlation = np.corrcoef(returns, rowvar=False)
    clusters = [{asset} for asset in range(closes.shape[1])]
    while len(clusters) > 1:
        means = {
            (a, b): np.mean([correlation[i, j] for i in clusters[a] for j in clusters[b]])
            for a in range(len(clusters))
            for b in range(a + 1, len(clusters))
        }
        (a, b), highest = max(means.items(), key=lambda pair: pair[1])
        if highest < threshold:
            break
        clusters[a] |= clusters.pop(b)
    return clusters


def merging():
    """Six shares, each on its own at first; from session 150 on three of them move together."""
    generator = np.random.default_rng(17)
    own = generator.standard_normal((400, 6))
    own[150:, :3] = 0.3 * own[150:, :3] + generator.standard_normal((250, 1))
    return world(100 * np.exp(np.cumsum(0.0005 + 0.008 * own, axis=0)))


WEIGHTS = (0.19, 0.19, 0.19, 0.1, 0.1, 0.1)


def first_refused(panel, threshold=0.6, window=40, cap=0.5):
    """The first session of the cadence at which the clusters of the definition weigh more than the cap."""
    weights = np.array(WEIGHTS)
    for t in range(0, 400, 5):
        clusters = linked(panel.closes[: t + 1], window, threshold) if t >= window else [{n} for n in range(6)]
        if max(weights[list(cluster)].sum() for cluster in clusters) > cap:
            return t
    raise AssertionError("no cluster is ever too heavy")


@pytest.mark.parametrize("as_table", [False, True])
def test_a_decision_is_refused_from_the_close_on_at_which_shares_have_come_to_move_together(as_table):
    panel = merging()
    groups = CorrelationGroups("correlation", 40, 0.6)
    plan = good_plan(panel, related_positions={"groups": groups, "max_group_gross": 0.5})
    t = first_refused(panel)
    assert 150 < t < 200
    words = (
        rf"{panel.sessions[t]:%Y-%m-%d}: weight 0.57 of cluster \d \(A00, A01, A02\) breaks "
        "related_positions.max_group_gross = 0.5"
    )
    rows = np.arange(0, 400, 5)
    table = TargetTable(rows, np.tile(WEIGHTS, (len(rows), 1)), "rebalance")
    with pytest.raises(RunError, match=words):
        run(plan, table if as_table else Fixed(WEIGHTS), panel)


def test_a_book_that_shrinks_into_the_caps_keeps_them_whatever_the_clusters_become():
    """Cut with the caps as of each close: no cluster by the definition is ever decided heavier than the cap."""
    panel = merging()
    groups = CorrelationGroups("correlation", 40, 0.6)
    plan = good_plan(panel, related_positions={"groups": groups, "max_group_gross": 0.5})
    result = run(plan, Shrinks(), panel)
    for decision in result.decisions:
        t = panel.sessions.get_loc(decision.session)
        if t >= 40:
            heaviest = max(decision.weights[list(one)].sum() for one in linked(panel.closes[: t + 1], 40, 0.6))
            assert heaviest <= 0.5 + 1e-9
    assert max(decision.weights[:3].sum() for decision in result.decisions) > 0.56  # before they moved together
    found = row("related_positions", judged(plan, result, panel))
    assert found.passed is True
    assert found.figure.startswith("heaviest group 49.") or found.figure.startswith("heaviest group 50.00%")
    assert "; 8 of 80 decisions held assets without the returns of a whole window" in found.figure


def test_a_new_listing_is_a_group_of_its_own_until_it_has_a_window_of_returns():
    """A02 copies A00 from its first bar on, at session 250: 40 returns later the three are one cluster."""
    panel = merging()
    closes = panel.closes.copy()
    closes[:, 2] = np.where(np.arange(400) < 250, np.nan, closes[:, 0] / closes[250, 0] * 100)
    panel = world(closes)
    groups = CorrelationGroups("correlation", 40, 0.6)
    plan = good_plan(panel, related_positions={"groups": groups, "max_group_gross": 0.5})
    last = np.array([0.19, 0.19, 0.19, 0.1, 0.1, 0.1])
    before = np.where(np.isfinite(closes[:, 2:3]), last, np.where(np.arange(6) == 2, 0.0, last))
    rows = np.arange(0, 400, 5)
    with pytest.raises(RunError, match=rf"{panel.sessions[290]:%Y-%m-%d}: weight 0.57 of cluster"):
        run(plan, TargetTable(rows, before[rows], "rebalance"), panel)
    rows = np.arange(0, 290, 5)
    result = run(plan, TargetTable(rows, before[rows], "rebalance"), panel)
    figure = row("related_positions", judged(plan, result, panel)).figure
    assert "; 16 of 58 decisions held assets without the returns of a whole window" in figure  # 8 at first, 8 later


def test_a_window_that_never_fills_is_refused():
    groups = CorrelationGroups("correlation", 60, 0.6)
    assert "at most 59" in data_faults(groups)["groups.window_bars"]
    stated = RelatedPositions(replace(groups, window_bars=59), 0.9, None)
    assert list(related_positions.data_faults(stated, SIZING, PANEL)) == []
    found = list(related_positions.data_faults(stated, SIZING, PANEL, PANEL.sessions[30]))
    assert [fault.item for fault in found] == ["related_positions.groups.window_bars"]


class Shrinks:
    """Asks for the same weights always, cut to the caps."""

    def decide(self, view):
        return Decision(within_limits(np.array(WEIGHTS), view.limits), "rebalance") if view.rebalance_due else None


class AtSession:
    """Decides once."""

    def __init__(self, session, weights):
        self.session, self.weights = session, weights

    def decide(self, view):
        return Decision(np.array(self.weights), "rebalance") if view.sessions[-1] == self.session else None
