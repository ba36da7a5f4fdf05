"""Trades per rule, how long they were held, and the worst of them against the promise of the plan.

Tables here count and add up recorded rows; every measure that needs a formula is read from the run.
"""

import numpy as np
import pandas as pd

from quantdl.report import figures
from quantdl.report.contents import RunContents
from quantdl.report.document import (
    Cell,
    Part,
    Row,
    Section,
    Table,
    header,
    notice,
    number,
    row,
)
from quantdl.report.formatting import BARS, COUNT, MONEY, PERCENT, stated, with_unit
from quantdl.report.record import Record

WORST_TRADES = 10


def section(run: RunContents) -> Section:
    """Show trades per rule, holding times and the worst trades against the promise of the plan."""
    lead = "A trade is flat to flat in one asset, net of costs; returns are over the book's equity at entry."
    plan = run.config.record("plan")
    rules = _rule_texts(plan)
    if run.trades is None:
        return Section("trades", "Trades", "Trades", lead, (notice("This run made no trades."), *rules))
    parts: list[Part] = [*_per_rule(run.trades), *rules]
    if "bars" in run.trades.columns:
        bars = run.trades["bars"].to_numpy(np.float64)
        parts.append(figures.holding_times(bars, plan.number("horizon", "bars")))
    parts.append(_worst_trades(run.trades, plan.number("sizing", "max_loss_per_trade")))
    return Section("trades", "Trades", "Trades", lead, tuple(parts))


def _rule_texts(plan: Record) -> tuple[Part, ...]:
    rules = plan.records("rules")
    rows = tuple(row(rule.text("name"), Cell(rule.text("purpose")), Cell(rule.text("text"))) for rule in rules)
    return (Table("The rules as written", header("Rule", "Purpose", "Text", numeric_from=9), rows),) if rows else ()


def _per_rule(trades: pd.DataFrame) -> list[Part]:
    tables: list[Part] = []
    for column, what in (("rule_in", "Opened by rule"), ("rule_out", "Closed by rule")):
        if column in trades.columns:
            named = trades[column].fillna("").astype(str).replace("", "still open")
            rows = tuple(_rule_row(str(rule), part) for rule, part in trades.groupby(named, sort=True))
            columns = header(
                what, "Trades", "With a profit", with_unit("Profit and loss", MONEY), "Worst [% of equity]"
            )
            tables.append(Table(f"Trades: {what.lower()}", columns, rows))
    return tables


def _rule_row(rule: str, trades: pd.DataFrame) -> Row:
    profit = trades["pnl"] if "pnl" in trades.columns else pd.Series(dtype=float)
    worst = float(trades["return_on_equity"].min()) if "return_on_equity" in trades.columns else None
    cells = (number(len(trades), COUNT), number(float((profit > 0).sum()), COUNT), number(float(profit.sum()), MONEY))
    return row(rule, *cells, number(worst, PERCENT))


def _worst_trades(trades: pd.DataFrame, promise: float | None) -> Part:
    if "return_on_equity" not in trades.columns:
        return notice("Returns per trade are not recorded for this run.")
    worst = trades.sort_values("return_on_equity", kind="stable").head(WORST_TRADES)
    promised = (
        f"The plan promises to lose at most {stated(promise)} of equity in one trade." if promise is not None else ""
    )
    numbers = header("From", "To", "Bars", with_unit("Profit and loss", MONEY), "Return [% of equity]", numeric_from=0)
    columns = (Cell("Asset"), *numbers, Cell("Opened by"), Cell("Closed by"))
    rows = tuple(_trade_row(trade, promise) for _, trade in worst.iterrows())
    return Table(f"The {len(rows)} worst trades", columns, rows, promised)


def _trade_row(trade: pd.Series, promise: float | None) -> Row:
    result = float(trade["return_on_equity"])
    broken = promise is not None and -result > promise
    shown = number(result, PERCENT, tone="bad" if broken else "plain")
    cells = (
        Cell(_day(trade["entry"]), numeric=True),
        Cell("still open" if pd.isna(trade["exit"]) else _day(trade["exit"]), numeric=True),
        number(_value(trade, "bars"), BARS),
        number(_value(trade, "pnl"), MONEY),
        Cell(shown.text, numeric=True, tone=shown.tone, under="beyond the promise" if broken else ""),
        Cell(_named(trade.get("rule_in"))),
        Cell(_named(trade.get("rule_out"))),
    )
    return row(str(trade["asset"]), *cells)


def _named(rule: object) -> str:
    return rule if isinstance(rule, str) else ""


def _value(trade: pd.Series, key: str) -> float | None:
    value = trade.get(key)
    return None if value is None or pd.isna(value) else float(value)


def _day(moment: object) -> str:
    return str(pd.Timestamp(str(moment)).date())
