"""The book in another future: the same up to the session, and a leak of the engine would show."""

from dataclasses import replace

import numpy as np
import pytest

from quantdl.audit.books import book_leak
from quantdl.audit.world import Change, changed, truncated
from quantdl.backtest import prepare
from quantdl.backtest.running.asking import play_strategy
from quantdl.backtest.running.decisions import Order, Orders, PositionExits
from tests.backtest.worlds import plan_for
from tests.leaks.clean import MEASURED, TIGHT, Remembers
from tests.leaks.market import FIELDS, FIRST, true_world

AT = true_world().sessions[FIRST + 30]
FOR_CHECKS = {"trusted_data": {"fields": FIELDS}}


def plan_of(panel, **items):
    return plan_for(panel, first=FIRST, **{**FOR_CHECKS, **items})


def job_in(world, **items):
    return prepare(world.panel, plan_of(true_world().panel, **items), true_world().sessions[FIRST], AT)


@pytest.fixture(scope="module", params=[{}, MEASURED, TIGHT], ids=["plain", "measured volume", "tight stops"])
def run(request):
    panel, items = true_world().panel, request.param
    plan = plan_of(panel, **items)
    job = prepare(panel, plan, panel.sessions[FIRST], panel.sessions[-1])
    return play_strategy(job, Remembers(0.5)), items


def worlds():
    true, bar = true_world(), FIRST + 30
    kinds = ("noise", "flat", "missing", "ended", "absurd")
    return {kind: changed(true, Change(kind, bar)) for kind in kinds} | {"end": truncated(true, bar)}


@pytest.mark.parametrize("kind", ["noise", "flat", "missing", "ended", "absurd", "end"])
def test_the_book_up_to_the_session_is_the_same_whatever_follows(run, kind):
    true, items = run
    assert len(true.fills) > 20
    assert book_leak(job_in(worlds()[kind], **items), true, AT, None, kind) is None


def test_a_fill_at_a_price_of_a_later_bar_is_found(run):
    true, items = run
    panel = true_world().panel
    later = {name: np.vstack([values[1:], values[-1:]]) for name, values in panel.fields.items()}
    shifted = {
        name: np.where(panel.has_bar & np.isfinite(later[name]), later[name], panel.fields[name]) for name in later
    }
    leak = book_leak(
        job_in(replace(true_world(), panel=replace(panel, fields=shifted)), **items), true, AT, None, "noise"
    )
    assert (leak.stage, leak.field, leak.session) == ("book", "equity", AT.date())


class BuysWithTrail:
    """Buys a few shares of everything now and then, each position with a stop that follows its price."""

    def decide(self, view):
        if (len(view.sessions) - FIRST) % 10:
            return None
        listed = [asset for asset, there in zip(view.assets, view.listed, strict=True) if there]
        orders = tuple(Order(asset, 0.5, "rebalance") for asset in listed)
        return Orders(orders, tuple(PositionExits(asset, "leave", trail=0.02) for asset in listed))


@pytest.mark.parametrize("kind", ["noise", "flat", "end"])
def test_an_exit_that_is_reached_later_is_no_order_of_the_session_that_stated_it(kind):
    panel = true_world().panel
    job = prepare(panel, plan_of(panel), panel.sessions[FIRST], panel.sessions[-1])
    true = play_strategy(job, BuysWithTrail())
    exits = true.orders[true.orders["kind"] == "exit"]
    reached = true.fills.groupby("order")["session"].min().reindex(exits["order"]).to_numpy()
    assert ((exits["decided"] <= AT).to_numpy() & (reached > np.datetime64(AT))).any()
    assert book_leak(job_in(worlds()[kind]), true, AT, None, kind) is None


def test_an_order_that_only_the_true_run_has_by_the_session_is_found(run):
    true, items = run
    last = true.orders[true.orders["decided"] <= AT].index[-1]
    more = true.orders.loc[[*true.orders.loc[:last].index, last, *true.orders.loc[last + 1 :].index]]
    leak = book_leak(job_in(worlds()["end"], **items), replace(true, orders=more), AT, None, "noise")
    assert (leak.stage, leak.field) == ("book", "orders")
