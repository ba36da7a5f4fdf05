"""What each of several strategies of one account earned, and that it adds up to what the account did."""

from quantdl.backtest.judging.by_strategy import SharedAccount, StrategyFigures
from quantdl.report.document import Cell, Row, Section, Table, header, number, row
from quantdl.report.formatting import COUNT, PERCENT, Unit, money_in, with_unit
from quantdl.results.run_record import RunRecord

LEAD = (
    "Each strategy decides on its part of the equity, and the account trades the sum. What one sells to another costs "
    "nothing; the costs of a fill are shared in proportion to what each traded of the asset. Exits of the plan are of "
    "the whole account, and so is a halt."
)
WHERE = "strategy_pnl.parquet has the profit of each session, strategy_fills.parquet and strategy_trades.parquet more."


def section(run: RunRecord) -> Section | None:
    """Show the strategies side by side, or nothing where there is one."""
    account = run.breakdowns.account
    if account is None:
        return None
    table = _table(account, money_in(run.card.declaration.currency))
    return Section("strategies", "Strategies of the account", "Strategies", LEAD, (table,))


def _table(account: SharedAccount, money: Unit) -> Table:
    rows = [_row(one, money) for one in account.strategies]
    rows.append(_sum_row("interest on cash", account.interest, money))
    rows.append(_sum_row("the account", account.total, money))
    columns = header(
        "Strategy",
        "Capital [%]",
        with_unit("Profit and loss", money),
        with_unit("Costs", money),
        with_unit("Traded", money),
        with_unit("Of it with other strategies", money),
        "Trades",
        "With a profit",
        "Mean gross [% of the book]",
    )
    return Table("Profit and loss by strategy", columns, tuple(rows), WHERE)


def _row(one: StrategyFigures, money: Unit) -> Row:
    return row(
        one.name,
        number(one.capital, PERCENT),
        number(one.pnl, money),
        number(one.costs, money),
        number(one.traded, money),
        number(one.crossed, money),
        number(one.trades, COUNT),
        number(one.with_a_profit, COUNT),
        number(one.mean_gross, PERCENT),
    )


def _sum_row(name: str, pnl: float, money: Unit) -> Row:
    empty = Cell("", numeric=True)
    return row(name, empty, number(pnl, money), *(empty for _ in range(6)))
