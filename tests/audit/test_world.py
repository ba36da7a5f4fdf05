"""Other futures: their past is the true one to the last bit, and what follows is another one."""

from dataclasses import replace

import numpy as np
import pytest

from quantdl.audit.world import SERIES, Change, World, changed, kinds_of, sources_of, truncated
from quantdl.market.actions import CorporateActions, Delisting, Split
from quantdl.market.status import CellStatus
from tests.leaks.market import FIELDS, N_BARS, true_world

AFTER = 70


def raw_world() -> World:
    """The true world with raw prices, a split that has happened and one to come, and an end to come."""
    panel = true_world().panel
    days = [panel.sessions[bar].date() for bar in (50, 90)]
    actions = CorporateActions(
        splits=tuple(Split(day, "A00", 2.0) for day in days), delistings=(Delisting(panel.sessions[104].date(), "A04"),)
    )
    return World(replace(panel, card=panel.card.restated(adjustment="raw"), actions=actions), true_world().series)


KINDS = kinds_of(raw_world())


def past(world: World, bar: int) -> list[bytes]:
    """Everything up to a bar as bytes; of series what was known then."""
    panel = world.panel
    known = world.series["rate"].until(panel.known_at[bar]).values.tobytes()
    return [*(panel.fields[name][: bar + 1].tobytes() for name in FIELDS), panel.status[: bar + 1].tobytes(), known]


def test_every_kind_is_tried_where_the_world_has_what_it_changes():
    assert set(kinds_of(true_world())) == {"noise", "volume", "flat", "missing", "ended", "absurd", "zero"}
    assert set(KINDS) == {*kinds_of(true_world()), "split"}
    closes_only = replace(true_world().panel, fields={"close": true_world().panel.closes})
    assert "volume" not in kinds_of(World(closes_only))


@pytest.mark.parametrize("kind", KINDS)
def test_the_past_is_the_same_and_the_future_is_not(kind):
    true = raw_world()
    other = changed(true, Change(kind, AFTER))
    assert past(other, AFTER) == past(true, AFTER)
    assert past(other, N_BARS - 1)[:-1] != past(true, N_BARS - 1)[:-1]
    assert other.panel.actions.until(true.sessions[AFTER]) == true.panel.actions.until(true.sessions[AFTER])
    assert other.sessions.equals(true.sessions)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "split"])
def test_a_window_is_rewritten_and_what_follows_it_is_left(kind):
    true = true_world()
    other = changed(true, Change(kind, AFTER, AFTER + 4))
    for name in FIELDS:
        rows = true.panel.fields[name].view(np.int64) != other.panel.fields[name].view(np.int64)
        assert not rows[: AFTER + 1].any() and not rows[AFTER + 4 :].any()


def test_a_change_may_begin_later():
    other = changed(true_world(), Change("noise", AFTER, since=AFTER + 9))
    assert past(other, AFTER + 8) == past(true_world(), AFTER + 8)
    assert past(other, AFTER + 9) != past(true_world(), AFTER + 9)


@pytest.mark.parametrize("name", [*FIELDS, f"{SERIES}rate"])
def test_a_change_may_be_kept_to_one_source(name):
    true = true_world()
    other = changed(true, Change("noise", AFTER, only=name))
    assert name in sources_of(true)
    differing = [field for field in FIELDS if true.panel.fields[field].tobytes() != other.panel.fields[field].tobytes()]
    differing += [] if np.array_equal(true.series["rate"].values, other.series["rate"].values) else [f"{SERIES}rate"]
    assert differing == [name]


def test_noise_keeps_bars_possible():
    fields = changed(true_world(), Change("noise", AFTER)).panel.fields
    seen = np.isfinite(fields["close"])
    assert (fields["low"][seen] <= np.minimum(fields["open"], fields["close"])[seen]).all()
    assert (fields["high"][seen] >= np.maximum(fields["open"], fields["close"])[seen]).all()


def test_half_of_the_assets_end_with_the_past():
    panel = changed(true_world(), Change("ended", AFTER)).panel
    gone = (panel.status[AFTER + 1 :] == CellStatus.DELISTED).all(axis=0)
    named = {item.asset: item.last for item in panel.actions.delistings}
    assert gone.sum() >= 2
    assert set(np.array(panel.assets)[gone]) == set(named)
    assert set(named.values()) == {panel.sessions[AFTER].date()}


def test_another_split_comes_instead_of_the_one_that_does():
    panel = changed(raw_world(), Change("split", AFTER)).panel
    later = [item for item in panel.actions.splits if item.ex_date > panel.sessions[AFTER].date()]
    assert {item.asset for item in later} == set(panel.assets)
    assert {item.ex_date for item in later} == {panel.sessions[AFTER + 1].date()}


def test_the_same_change_gives_the_same_world():
    one, two = (changed(true_world(), Change("noise", AFTER)) for _ in range(2))
    assert past(one, N_BARS - 1) == past(two, N_BARS - 1)


def test_another_cut_gives_another_future():
    one, two = (changed(true_world(), Change("noise", bar)).panel.closes[-1] for bar in (AFTER, AFTER + 1))
    assert not np.array_equal(one[:4], two[:4])


def test_a_world_ends_physically_where_it_is_cut():
    short = truncated(true_world(), AFTER)
    assert len(short.sessions) == AFTER + 1
    assert past(short, AFTER) == past(true_world(), AFTER)
    assert short.series["rate"].known_at[-1] <= short.panel.known_at[-1]
