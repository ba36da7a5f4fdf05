"""What the tables say agrees with what the run recorded."""

import dataclasses

import pytest

from quantdl.report import (
    census,
    costs,
    exposures,
    interventions,
    market_risk,
    performance,
    provenance,
    regimes,
    trades,
)
from quantdl.report.document import Charts, Table
from quantdl.results.run_record import read_run
from quantdl.risk.level_tests import LevelTests
from quantdl.risk.metrics import PerformanceMetrics


@pytest.fixture
def run(files, write):
    return read_run(write(files))


def table(section, caption):
    return next(part for part in section.parts if isinstance(part, Table) and part.caption.startswith(caption))


def column(found, position):
    return [row.cells[position].text for row in found.rows if not row.heading]


def by_label(found):
    return {row.cells[0].text: [cell.text for cell in row.cells[1:]] for row in found.rows if not row.heading}


def number(text):
    return float(text.replace(",", "").replace("\u2212", "-"))


def test_strategy_and_baseline_stand_side_by_side_with_units(run):
    found = by_label(performance.figures_table(run.metrics)[0])
    metrics = run.metrics
    for key, label, scale in (
        ("cagr", "Return a year [%]", 100),
        ("sharpe", "Sharpe ratio", 1),
        ("max_drawdown", "Maximum drawdown [%]", 100),
    ):
        expected = [getattr(book, key) * scale for book in (metrics.strategy, metrics.baseline)]
        assert [number(text) for text in found[label]] == pytest.approx(expected, abs=0.005)


def test_every_figure_of_a_book_has_its_row():
    """A figure that is added to the metrics must be given its name and unit."""
    shown = {quantity.field for _, group in performance.GROUPS for quantity in group}
    beside = {"undefined", "worst_session", "sharpe_per_bar"}
    assert shown == {field.name for field in dataclasses.fields(PerformanceMetrics)} - beside


def test_costs_by_kind_add_up_to_what_the_book_paid(run, files):
    found = by_label(table(costs.section(run), "Costs by kind"))
    assert number(found["Together"][0]) == pytest.approx(files.frames["equity.parquet"]["costs"].sum(), abs=1)
    assert number(found["Commission"][0]) + number(found["Half spread"][0]) == pytest.approx(
        number(found["Together"][0]), abs=2
    )


def test_what_was_paid_beyond_the_fills_is_a_kind_of_its_own(files, write):
    equity = files.frames["equity.parquet"].copy()
    equity["costs"] += 10.0
    files.frames["equity.parquet"] = equity
    found = by_label(table(costs.section(read_run(write(files))), "Costs by kind"))
    assert number(found["Borrow and other"][0]) == pytest.approx(10.0 * len(equity), abs=1)


def test_trades_per_rule_count_every_trade_once(run):
    section = trades.section(run)
    for caption in ("Trades: opened by rule", "Trades: closed by rule"):
        found = table(section, caption)
        assert sum(number(text) for text in column(found, 1)) == len(run.tables.trades)
        assert sum(number(text) for text in column(found, 3)) == pytest.approx(run.tables.trades["pnl"].sum(), abs=3)


def test_the_worst_trades_come_first_and_broken_promises_are_said(run):
    found = table(trades.section(run), "The 10 worst trades")
    results = [number(text) / 100 for text in column(found, 5)]
    assert results == sorted(results)
    assert results[0] == pytest.approx(run.tables.trades["return_on_equity"].min(), abs=1e-4)
    marked = [row.cells[5].under for row in found.rows]
    assert marked == ["beyond the promise" if result < -0.03 else "" for result in results]


def test_largest_exposures_are_held_against_the_cap(run):
    found = table(exposures.section(run), "Largest exposure per group")
    largest = run.tables.groups.max().sort_values(ascending=False)
    assert column(found, 0)[0] == largest.index[0]
    assert number(column(found, 1)[0]) == pytest.approx(100 * largest.iloc[0], abs=0.005)
    assert set(column(found, 4)) == {"40.00"}
    shown = {name: state for name, state in zip(column(found, 0), column(found, 5), strict=True)}
    assert all(("within" in state) == (largest[name] <= 0.4) for name, state in shown.items())


@pytest.mark.parametrize(
    ("test", "finding"),
    [
        ({"kupiec_p": 0.2, "independence_p": 0.3, "christoffersen_p": 0.3}, "\u2713 not rejected"),
        ({"kupiec_p": 0.01, "independence_p": 0.3, "christoffersen_p": 0.02}, "\u2717 rejected: frequency"),
        ({"kupiec_p": 0.2, "independence_p": 0.01, "christoffersen_p": 0.02}, "\u2717 rejected: clustering"),
        ({"kupiec_p": 0.2, "independence_p": 0.06, "christoffersen_p": 0.04}, "\u2717 rejected: jointly"),
        (
            {"kupiec_p": 0.2, "independence_p": 0.3, "christoffersen_p": 0.3, "z2_p": 0.001},
            "\u2717 rejected: shortfall",
        ),
        ({"kupiec_p": None, "independence_p": None, "christoffersen_p": None}, "? undecided"),
    ],
)
def test_the_finding_names_what_was_rejected(test, finding):
    undefined = dict.fromkeys(("z2", "z2_p", "basel_zone"))
    known = {"level": 0.99, "n": 1000, "expected": 10.0, "exceptions": 10, "undefined": {}}
    found = market_risk.tests_table({"run": (LevelTests(**{**known, **undefined, **test}),)})
    assert column(found, 1) == [finding]


def test_regimes_show_both_books_under_their_name(run):
    found = table(regimes.section(run), "Results per regime")
    assert [row.cells[0].text.split(",")[0] for row in found.rows if row.heading] == ["Calm", "Normal", "Stressed"]
    assert column(found, 0) == ["Strategy", "Equal weight"] * 3


def test_each_condition_is_drawn_against_its_own_limit(run):
    charts = next(part for part in interventions.section(run).parts if isinstance(part, Charts)).charts
    limits = {chart.title.split(" against")[0]: chart.caption for chart in charts}
    assert "limit, 40%" in limits["Drawdown"]
    assert "limit, 90%" in limits["Volatility"]
    assert "limit, 20," in limits["Calibration"]


def test_every_event_is_listed_and_counted(run):
    section = interventions.section(run)
    assert len(table(section, "Timeline of events").rows) == len(run.tables.events)
    assert sum(number(text) for text in column(table(section, "Interventions by kind"), 2)) == len(run.tables.events)


def listed(section):
    return next(part for part in section.parts if isinstance(part, Table) and part.caption == "Findings")


def test_every_finding_of_the_census_is_listed(run):
    section = census.section(run)
    assert len(listed(section).rows) == 4
    assert column(table(section, "Findings by kind"), 0) == [
        "Return above 50pct",
        "Session missing for all",
        "Stale year",
    ]


def test_few_findings_of_a_kind_are_all_listed_beside_many_of_another(files, write):
    fault = {"first": "2019-01-02", "last": "2019-01-02", "detail": "seen"}
    many = [{**fault, "kind": "missing_session", "symbol": f"M{row}", "count": row} for row in range(200)]
    few = [{**fault, "kind": "suspected_split", "symbol": f"S{row}", "count": 1} for row in range(15)]
    recorded = files.records["census.json"]
    recorded["findings"] = many + few
    recorded["faults"] |= {"missing_session": 19_900, "suspected_split": 15}
    recorded["assets_affected"] |= {"missing_session": 200, "suspected_split": 15}
    symbols = column(listed(census.section(read_run(write(files)))), 0)
    assert symbols[-15:] == [f"S{row}" for row in range(15)]
    assert symbols[:-15] == [f"M{row}" for row in range(170, 200)]


def test_what_was_looked_for_and_not_found_is_said(run):
    words = [part.text for part in census.section(run).parts if part.kind == "words"]
    assert any("Looked for and not found: assumed delisted, missing session, negative close" in text for text in words)


def test_the_sharpe_ratio_of_the_ledger_is_named_per_bar(run):
    found = by_label(table(provenance.selection_section(run), "Selection"))
    assert found["Sharpe ratio per bar"] == ["0.0421"]
    assert found["Probability of backtest overfitting"] == ["undefined: needs the returns of all trials over one span"]
