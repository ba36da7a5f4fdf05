"""Every posting of a run made once more in exact arithmetic, with fees, settlement, borrowing and lots together."""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from quantdl.backtest import Decision, run_backtest
from quantdl.backtest.plan.borrowing import Borrow
from quantdl.backtest.plan.fast_exit import FastExit
from quantdl.backtest.plan.friction import StatedVolume
from quantdl.backtest.plan.horizon import EveryBars
from quantdl.backtest.plan.invalidation import DrawdownLimit
from quantdl.backtest.plan.spreads import HighLowSpread, StatedSpreads
from quantdl.portfolio import within_limits
from tests.backtest.oracle.exact import Replay
from tests.backtest.worlds import plan_for, span
from tests.raw_panels import raw_world, split_up

N_SESSIONS = 40
CLOSE = Decimal("1e-9")


@dataclass(frozen=True)
class Terms:
    """One random market with splits and dividends, and the terms of trading on it."""

    seed: int
    n_assets: int
    short: bool
    money: float
    commission_bps: float
    per_share: float
    minimum: float
    spread: str
    lot: int | None
    settlement: int
    available: float | None
    volume: float | None
    risk_free: float | None
    fill_at: str


TERMS = st.builds(
    Terms,
    seed=st.integers(0, 10**6),
    n_assets=st.integers(2, 4),
    short=st.booleans(),
    money=st.sampled_from([300.0, 1e5]),
    commission_bps=st.sampled_from([0.0, 3.0, 150.0]),
    per_share=st.sampled_from([0.0, 0.005, 0.7]),
    minimum=st.sampled_from([0.0, 1.0, 40.0]),
    spread=st.sampled_from(["one", "stated", "high_low", "none"]),
    lot=st.sampled_from([None, 1, 10]),
    settlement=st.integers(0, 3),
    available=st.sampled_from([None, 5e3]),
    volume=st.sampled_from([None, 1e5]),
    risk_free=st.sampled_from([None, 0.04]),
    fill_at=st.sampled_from(["next_close", "decision_close"]),
)
SPREADS = {
    "one": lambda panel: 4.0,
    "stated": lambda panel: StatedSpreads("stated", {asset: 2.0 + 5 * n for n, asset in enumerate(panel.assets)}),
    "high_low": lambda panel: HighLowSpread("high_low", 5, 1.0),
    "none": lambda panel: 0.0,
}


def market(terms):
    """Raw prices with jumps, silent days, splits of any ratio, and dividends that are paid later or on the day."""
    generator = np.random.default_rng(terms.seed)
    shape = (N_SESSIONS, terms.n_assets)
    returns = 0.02 * generator.standard_t(3, shape)
    returns += np.log(3) * generator.choice([-1, 1], shape) * (generator.random(shape) < 0.01)
    closes = 50 * np.exp(np.clip(np.cumsum(returns, axis=0), -4, 4))
    rows = generator.choice(np.arange(3, N_SESSIONS - 3), size=4, replace=False)
    columns = generator.integers(0, terms.n_assets, 4)
    places = list(zip(rows.tolist(), columns.tolist(), strict=True))
    ratios = generator.choice([0.01, 0.031, 0.125, 1.5, 2.0, 7.0], size=2)
    splits = dict(zip(places[:2], ratios.tolist(), strict=True))
    closes = split_up(closes, splits)
    closes[1:][generator.random((N_SESSIONS - 1, terms.n_assets)) < 0.05] = np.nan
    last = [closes[:row, column][np.isfinite(closes[:row, column])][-1] for row, column in places[2:]]
    dividends = {place: 0.03 * float(price) for place, price in zip(places[2:], last, strict=True)}
    ranges = np.exp(np.abs(0.01 * generator.standard_normal(shape)))
    fields = {"high": closes * ranges, "low": closes / ranges}
    return raw_world(closes, splits, dividends, {places[2]: int(generator.integers(1, 3))}, fields=fields)


def plan_of(terms, panel):
    sizing = {"max_weight": 0.7, "stop_loss": 0.2, "max_loss_per_trade": 0.4, "lot_shares": terms.lot}
    related = {"max_group_gross": 0.65}
    friction = {
        "commission_bps": terms.commission_bps,
        "half_spread_bps": SPREADS[terms.spread](panel),
        "commission_per_share": terms.per_share,
        "commission_minimum": terms.minimum,
        "settlement_sessions": terms.settlement,
        "fill_at": terms.fill_at,
    }
    if terms.short:
        sizing |= {"long_only": False, "max_gross": 1.3, "max_net": 0.8}
        related |= {"max_group_net": 0.6}
        friction["borrow"] = Borrow(0.05, 0.25, terms.available)
    items = {"fast_exit": FastExit(1)}
    if terms.volume is not None:
        volume = dict.fromkeys(panel.assets, terms.volume)
        friction["liquidity"] = StatedVolume("stated", volume, "a guess made for this test", 0.2, 0.5)
        items["fast_exit"] = FastExit(4)
    return plan_for(
        panel,
        horizon={"bars": 8, "rebalance": EveryBars("every_bars", 1)},
        sample={"minimum_sessions": 20},
        invalidation=(DrawdownLimit("drawdown", 0.55),),
        trusted_data={"fields": ("close", "high", "low")},
        sizing=sizing,
        related_positions=related,
        friction=friction,
        **items,
    )


class Restless:
    """Draws targets anew on two of three sessions, and never breaks a cap."""

    def __init__(self, seed):
        self.seed = seed

    def decide(self, view):
        generator = np.random.default_rng([self.seed, len(view.sessions)])
        if not view.rebalance_due or generator.random() < 0.3:
            return None
        wanted = generator.normal(0.3, 0.5, len(view.assets)) * (generator.random(len(view.assets)) < 0.8)
        return Decision(within_limits(wanted * view.listed, view.limits), "rebalance")


def play(terms):
    panel = market(terms)
    plan = plan_of(terms, panel)
    result = run_backtest(
        panel, plan, Restless(terms.seed), *span(panel), initial_equity=terms.money, risk_free=terms.risk_free
    )
    return panel, plan, result


@settings(max_examples=40)
@given(TERMS)
def test_every_posting_of_a_run_is_that_of_exact_arithmetic(terms):
    panel, plan, result = play(terms)
    steps = Replay(panel, plan, result, terms.risk_free).steps()
    before = Decimal(terms.money)
    for step, row in zip(steps, result.equity.itertuples(), strict=True):
        scale = max(Decimal(terms.money), abs(step.positions), abs(step.cash))
        for exact, found in (
            (step.cash, row.cash),
            (step.due, row.due),
            (step.equity, row.equity),
            (step.interest, row.interest),
            (step.costs + step.borrowing, row.costs),
        ):
            assert abs(exact - Decimal(found)) <= CLOSE * scale
        assert abs(step.equity - before - step.posted) <= Decimal("1e-20") * scale  # fees, gains and financing
        assert abs(Decimal(row.equity) - before - step.posted) <= CLOSE * scale
        before = step.equity
        assert all(settled >= -CLOSE * scale for settled in step.settled)
        for charged, stated in step.stated_costs:
            assert charged >= 0
            assert abs(charged - stated) <= CLOSE * max(stated, 1)
        assert terms.short or step.cash >= -CLOSE * scale
    paid = sum(float(step.interest) for step in steps)
    assert result.trades["pnl"].sum() + paid == pytest.approx(float(before) - terms.money, abs=1e-8 * terms.money)


@settings(max_examples=15)
@given(TERMS)
def test_a_run_under_any_terms_of_trading_keeps_what_its_plan_promises(terms):
    """The rows on sizing and friction, judged from the fills, have nothing to say but what needs no fill."""
    from quantdl.backtest.judging.checklist import assess
    from tests.backtest.judged import EVIDENCE

    panel, plan, result = play(terms)
    items = {item.item: item for item in assess(plan, panel, result, EVIDENCE, terms.risk_free).items}
    allowed = ("of what is traded", "no costs were charged", "bps above what the profit can bear", "no cost was paid")
    causes = [cause for cause in items["friction"].cause.split("; ") if cause and not cause.endswith(allowed)]
    causes = [cause for cause in causes if "waived" not in cause and "the close they were decided on" not in cause]
    assert causes == []
    assert "odd lots" not in items["sizing"].cause
    assert "short of" not in items["sizing"].cause
