"""The book in another future: the same up to the session, and a leak of the engine would show."""

from dataclasses import replace

import numpy as np
import pytest

from quantdl.audit.books import book_leak
from quantdl.audit.world import Change, changed, truncated
from quantdl.backtest import prepare
from quantdl.backtest.running.asking import play_strategy
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
