"""Results per regime, per stress window and along the rival explanations, for both books."""

import dataclasses

from quantdl.backtest.judging.attribution import CurrencyResult
from quantdl.backtest.judging.periods import ContextResult
from quantdl.market.card import IntradayBars
from quantdl.report import regimes
from quantdl.report.formatting import money_in
from tests.report.drawings import drawn
from tests.report.sections import by_label, chart, column, number, table, words


def test_regimes_show_both_books_under_their_name(run):
    found = table(regimes.section(run), "Results per regime")
    assert [row.cells[0].text.split(",")[0] for row in found.rows if row.heading] == ["Calm", "Normal", "Stressed"]
    assert column(found, 0) == ["Strategy", "Equal weight"] * 3


def test_figures_of_a_regime_are_those_recorded(run):
    found = table(regimes.section(run), "Results per regime")
    calm = run.metrics.regimes["calm"]
    for position, book in enumerate((calm.strategy, calm.baseline)):
        shown = [number(text) for text in (column(found, place)[position] for place in range(1, 5))]
        expected = (100 * book.total_return, book.pnl, 100 * book.volatility, 100 * book.worst_session)
        limits = (0.005, 0.5, 0.005, 0.005)
        assert all(abs(one - other) <= most + 1e-9 for one, other, most in zip(shown, expected, limits, strict=True))


def test_a_stress_window_stands_under_its_name_its_dates_and_its_sessions(run):
    found = table(regimes.section(run), "Results per stress window")
    assert found.rows[0].cells[0].text == "Crash of 2020, 2020-02-20 to 2020-04-30, 50 sessions"
    shown = by_label(found)
    assert shown["Strategy"][1:] == ["\u2212180,300", "2.10", "\u22126.10"]
    assert shown["Equal weight"] == ["\u221222.00", "\u2212204,000", "2.80", "too few sessions"]


def test_a_plan_without_stress_windows_says_so(run):
    abnormal = dataclasses.replace(run.setup.plan.abnormal_volatility, stress_windows=())
    plan = dataclasses.replace(run.setup.plan, abnormal_volatility=abnormal)
    changed = dataclasses.replace(run, setup=dataclasses.replace(run.setup, plan=plan))
    assert words(regimes.section(changed)) == ["The plan names no stress windows."]


def test_the_lead_says_how_a_regime_is_read(run):
    lead = regimes.section(run).lead
    for text in ("63-bar volatility", "calm below 14% a year", "stressed above 30%", "In stress the plan trades on."):
        assert text in lead


def test_every_session_of_every_regime_is_drawn(run):
    found = drawn(chart(regimes.section(run), "chart-regimes"))
    counts = run.tables.regimes["regime"].value_counts()
    assert {trace["name"]: len(trace["x"]) for trace in found["data"]} == counts.to_dict()


def test_contexts_are_grouped_in_the_order_recorded():
    lines = (
        ContextResult("trend", "rising", 702, 512_300.4),
        ContextResult("volatility", "calm", 642, 610_000.0),
        ContextResult("trend", "falling", 1_339, -84_100.6),
    )
    found = regimes.contexts_table(lines, money_in("JPY"))
    assert [cell.text for cell in found.columns][-1] == "Profit and loss [JPY]"
    assert [[cell.text for cell in row.cells] for row in found.rows] == [
        ["Trend"],
        ["Rising", "702", "512,300"],
        ["Falling", "1,339", "\u221284,101"],
        ["Volatility"],
        ["Calm", "642", "610,000"],
    ]


def test_profit_abroad_is_split_into_prices_and_rates(run):
    lines = (CurrencyResult("JPY", 120.0, 170.0, -50.0), CurrencyResult("USD", 30.0, 30.0, 0.0))
    changed = dataclasses.replace(run, metrics=dataclasses.replace(run.metrics, currencies=lines))
    found = by_label(table(regimes.section(changed), "Profit by currency"))
    assert [number(text) for text in found["JPY"]] == [120, 170, -50]
    assert [number(text) for text in found["USD"]] == [30, 30, 0]
    assert "Profit by currency" not in [getattr(part, "caption", "") for part in regimes.section(run).parts]


def test_bars_within_a_session_are_called_bars(run):
    card = dataclasses.replace(
        run.card,
        declaration=dataclasses.replace(
            run.card.declaration, frequency="60min", intraday=IntradayBars("start", "open")
        ),
    )
    found = table(regimes.section(dataclasses.replace(run, card=card)), "Results per stress window")
    assert found.rows[0].cells[0].text == "Crash of 2020, 2020-02-20 to 2020-04-30, 50 bars"
