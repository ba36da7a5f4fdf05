"""Strategies of one account side by side, or nothing where there is one."""

from dataclasses import replace

from quantdl.backtest.judging.by_strategy import SharedAccount, StrategyFigures
from quantdl.report import strategies
from tests.report.sections import by_label, table

ACCOUNT = SharedAccount(
    (
        StrategyFigures("momentum", 0.6, 1200.4, 30.2, 90_000.0, 4_000.0, 12, 7, 0.55),
        StrategyFigures("calm", 0.4, -200.0, 10.0, 20_000.0, 4_000.0, 3, 1, 0.4),
    ),
    interest=15.0,
    total=1015.4,
)


def test_a_run_of_one_strategy_has_no_such_section(run):
    assert run.breakdowns.account is None
    assert strategies.section(run) is None


def test_each_strategy_has_its_row_and_the_account_the_sum(run):
    shared = replace(run, breakdowns=replace(run.breakdowns, account=ACCOUNT))
    found = by_label(table(strategies.section(shared), "Profit and loss by strategy"))
    assert found["momentum"] == ["60.00", "1,200", "30", "90,000", "4,000", "12", "7", "55.00"]
    assert found["calm"][1] == "\u2212200"
    assert found["interest on cash"] == ["", "15", *[""] * 6]
    assert found["the account"][1] == "1,015"
