"""Trades per rule, how long they were held, and the worst of them against the promise of the plan."""

import pandas as pd

from quantdl.backtest.judging.summaries import RuleTrades
from quantdl.backtest.plan.rules import Rule
from quantdl.calendars.labels import bar_text
from quantdl.report import charts
from quantdl.report.document import Cell, Part, Row, Section, Table, header, notice, number, row
from quantdl.report.formatting import BARS, COUNT, PERCENT, Unit, money_in, stated, with_unit
from quantdl.results.run_record import RunRecord

WORST_TRADES = 10


def section(run: RunRecord) -> Section:
    """Show trades per rule, holding times and the worst trades against the promise of the plan."""
    lead = "A trade is flat to flat in one asset, net of costs; returns are over the book's equity at entry."
    plan, found, trades = run.setup.plan, run.breakdowns, run.tables.trades
    rules, money = _rule_texts(plan.rules), money_in(run.card.declaration.currency)
    if trades.empty:
        return Section("trades", "Trades", "Trades", lead, (notice("This run made no trades."), rules))
    parts: tuple[Part, ...] = (
        _per_rule("Opened by rule", found.opened_by, money),
        _per_rule("Closed by rule", found.closed_by, money),
        rules,
        charts.holding_times(found.holding_times, plan.horizon.bars),
        _worst_trades(trades, plan.sizing.max_loss_per_trade, money),
    )
    return Section("trades", "Trades", "Trades", lead, parts)


def _rule_texts(rules: tuple[Rule, ...]) -> Table:
    rows = tuple(row(rule.name, Cell(rule.purpose), Cell(rule.text)) for rule in rules)
    return Table("The rules as written", header("Rule", "Purpose", "Text", numeric_from=9), rows)


def _per_rule(what: str, found: tuple[RuleTrades, ...], money: Unit) -> Table:
    rows = tuple(
        row(
            one.rule or "still open",
            number(one.trades, COUNT),
            number(one.with_a_profit, COUNT),
            number(one.pnl, money),
            number(one.worst, PERCENT),
        )
        for one in found
    )
    columns = header(what, "Trades", "With a profit", with_unit("Profit and loss", money), "Worst [% of equity]")
    return Table(f"Trades: {what.lower()}", columns, rows)


def _worst_trades(trades: pd.DataFrame, promise: float, money: Unit) -> Table:
    worst = trades.sort_values("return_on_equity", kind="stable").head(WORST_TRADES)
    promised = f"The plan promises to lose at most {stated(promise)} of equity in one trade."
    numbers = header("From", "To", "Bars", with_unit("Profit and loss", money), "Return [% of equity]", numeric_from=0)
    columns = (Cell("Asset"), *numbers, Cell("Opened by"), Cell("Closed by"))
    rows = tuple(_trade_row(trade, promise, money) for _, trade in worst.iterrows())
    return Table(f"The {len(rows)} worst trades", columns, rows, promised)


def _trade_row(trade: pd.Series, promise: float, money: Unit) -> Row:
    result = float(trade["return_on_equity"])
    broken = -result > promise
    shown = number(result, PERCENT, tone="bad" if broken else "plain")
    cells = (
        Cell(_day(trade["entry"]), numeric=True),
        Cell("still open" if pd.isna(trade["exit"]) else _day(trade["exit"]), numeric=True),
        number(float(trade["bars"]), BARS),
        number(float(trade["pnl"]), money),
        Cell(shown.text, numeric=True, tone=shown.tone, under="beyond the promise" if broken else ""),
        Cell(_named(trade["rule_in"])),
        Cell(_named(trade["rule_out"])),
    )
    return row(str(trade["asset"]), *cells)


def _named(rule: object) -> str:
    return rule if isinstance(rule, str) else ""


def _day(moment: object) -> str:
    return bar_text(pd.Timestamp(str(moment)))
