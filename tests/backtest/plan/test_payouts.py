"""Payouts judged by what states them: one without a reason fails the run, and so does one that is missing."""

import numpy as np

from tests.backtest.judged import failed, judged
from tests.backtest.worlds import plan_for, run, world

FIRST = 6  # the first silent session


def silent_closes(length):
    closes = np.full((FIRST + length + 10, 2), 100.0)
    closes[FIRST : FIRST + length, 0] = np.nan
    return closes


def paid_out(patience):
    panel = world(silent_closes(60))
    terms = {"delisted_after_sessions": patience, "delisting_recovery": 0.7}
    return panel, run(panel, {0: [0.5, 0.0]}, friction=terms), terms


def test_the_checklist_fails_a_payout_that_nothing_states():
    panel, result, terms = paid_out(20)
    horizon = {"bars": len(panel.sessions) - 1}
    said = judged(plan_for(panel, friction=terms, horizon=horizon), result, panel)
    assert "payout" not in failed(said).get("friction", "")
    patient = plan_for(panel, friction=terms | {"delisted_after_sessions": 40}, horizon=horizon)
    cause = failed(judged(patient, result, panel))["friction"]
    assert "1 payouts without a stated delisting or the plan's silence, the first A00 on 2018-01-28" in cause
    generous = plan_for(panel, friction=terms | {"delisting_recovery": 0.9}, horizon=horizon)
    assert "1 payouts at another value" in failed(judged(generous, result, panel))["friction"]


def test_the_checklist_fails_a_position_kept_after_its_end():
    panel, result, terms = paid_out(None)
    horizon = {"bars": len(panel.sessions) - 1}
    impatient = plan_for(panel, friction=terms | {"delisted_after_sessions": 20}, horizon=horizon)
    cause = failed(judged(impatient, result, panel))["friction"]
    assert "1 positions were kept after their delisting, the first A00 on 2018-01-28" in cause
