"""The checklist: was each item of the plan kept, and does the evidence carry the claim? One row each, with figures."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from quantdl.backtest.plan.context import FinishedRun
from quantdl.backtest.plan.evidence import Evidence
from quantdl.backtest.plan.items import ITEMS, Plan
from quantdl.backtest.plan.rebuilt import RebuiltBook
from quantdl.backtest.plan.sample import bar_years, bars_per_year_of
from quantdl.backtest.plan.terms import RiskFree, cash_rates
from quantdl.backtest.running.result import BacktestResult
from quantdl.market.corporate.confirmation import ConfirmedPrices, confirmed_prices
from quantdl.market.panel import Panel
from quantdl.shown import block, facts, title

Verdict = Literal["defended", "relative evidence only", "not defended"]


@dataclass(frozen=True)
class ChecklistItem:
    """One row of the checklist.

    Attributes:
        item: Name of the plan's item, or of the further evidence.
        passed: Whether the evidence bears it out; None where it is undefined or only relative.
        statement: What was promised or claimed.
        figure: What was measured.
        cause: What broke and by how much, or why nothing can be decided; empty when it passed.
    """

    item: str
    passed: bool | None
    statement: str
    figure: str
    cause: str


@dataclass(frozen=True)
class Checklist:
    """The verdict and what it rests on."""

    verdict: Verdict
    items: tuple[ChecklistItem, ...]

    def _repr_html_(self) -> str:
        """Show each item: whether it holds, what was promised, what was measured and what broke."""
        titles = {item.name: item.row.title for item in ITEMS}
        rows = {titles.get(item.item, item.item): _shown(item) for item in self.items}
        return block(title(f"Checklist: {self.verdict}"), facts(rows))


def _shown(item: ChecklistItem) -> str:
    sign = {True: "\u2713 holds", False: "\u2717 failed", None: "? undecided"}[item.passed]
    return ". ".join(part.rstrip(".") for part in (f"{sign}: {item.statement}", item.figure, item.cause) if part)


def assess(
    plan: Plan, panel: Panel, result: BacktestResult, evidence: Evidence, risk_free: RiskFree = None
) -> Checklist:
    """Judge a run by its plan, on the book that its fills say it held.

    The verdict is "not defended" when any row fails, "relative evidence only" when none fails but some cannot be
    decided (survivors, waived liquidity, no forecast), else "defended".

    Args:
        plan: The plan.
        panel: The data of the run.
        result: Its record.
        evidence: What is known beside the record.
        risk_free: What cash was to earn, as it was given to `quantdl.backtest.run_backtest`.
    """
    bars_per_year = bars_per_year_of(plan.sample, panel.card.declaration)
    confirmed = confirmed_prices(panel, plan.trusted_data.unconfirmed_beyond)
    trusted, book = _rebuilt(plan, panel, confirmed, result, risk_free)
    run = FinishedRun(trusted, result, evidence, book, bars_per_year, confirmed.unconfirmed)
    judged = ((item.name, item.judge(plan, run)) for item in ITEMS)
    items = tuple(ChecklistItem(name, row.passed, row.statement, row.figure, row.cause) for name, row in judged)
    return Checklist(_verdict(items), items)


def rebuilt_book(plan: Plan, panel: Panel, result: BacktestResult, risk_free: RiskFree = None) -> RebuiltBook:
    """Return the book of a run as its fills say it was, under the terms of its plan; arguments as for `assess`."""
    confirmed = confirmed_prices(panel, plan.trusted_data.unconfirmed_beyond)
    return _rebuilt(plan, panel, confirmed, result, risk_free)[1]


def _rebuilt(
    plan: Plan, panel: Panel, confirmed: ConfirmedPrices, result: BacktestResult, risk_free: RiskFree
) -> tuple[Panel, RebuiltBook]:
    """The prices that the run could trust, and its book at them."""
    bars_per_year, borrow = bars_per_year_of(plan.sample, panel.card.declaration), plan.friction.borrow
    first = int(panel.bars.searchsorted(result.equity.index[0]))
    stop, years = first + len(result.equity), bar_years(plan.sample, panel)
    rates = cash_rates(risk_free, panel.bars, first, stop, bars_per_year, years)[first:stop]
    annual = 0.0 if borrow is None else borrow.annual_rate
    fee = annual / bars_per_year if years is None else annual * years[first:stop, None]
    same_bar = plan.friction.fill_at == "decision_close"
    return confirmed.panel, RebuiltBook(result, confirmed.panel, fee, same_bar, rates, confirmed.marks)


def _verdict(items: Iterable[ChecklistItem]) -> Verdict:
    passed = [item.passed for item in items]
    if False in passed:
        return "not defended"
    return "relative evidence only" if None in passed else "defended"
