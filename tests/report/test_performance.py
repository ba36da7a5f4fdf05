"""The figures of both books: each with its name, its unit and its value, or the reason why it has none."""

import dataclasses
from datetime import timedelta

import pytest

from quantdl.report import performance
from quantdl.report.formatting import RATIO, figure
from quantdl.results.metrics import Benchmark
from quantdl.results.run_record import read_run
from quantdl.risk.curves.intervals import CurveIntervals, Interval
from quantdl.risk.curves.metrics import PerformanceMetrics
from tests.report.drawings import drawn, traces, values
from tests.report.sections import by_label, number

NOT_SHOWN = {
    "undefined": "its reasons stand in the cells of the figures",
    "worst_session": "stands under the worst bar",
}


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
    shown = [quantity.field for _, group in performance.GROUPS for quantity in group]
    assert len(shown) == len(set(shown))
    assert set(shown) == {field.name for field in dataclasses.fields(PerformanceMetrics)} - set(NOT_SHOWN)


def test_the_session_of_the_worst_bar_stands_under_it(run):
    table = performance.compared("Books", {"Strategy": run.metrics.strategy})
    under = {row.cells[0].text: row.cells[1].under for row in table.rows if not row.heading}
    assert under.pop("Worst bar [%]") == str(run.metrics.strategy.worst_session)
    assert set(under.values()) == {""}


def test_rows_are_grouped_under_their_headings(run):
    table = performance.compared("Books", {"Strategy": run.metrics.strategy})
    assert [row.cells[0].text for row in table.rows if row.heading] == [title for title, _ in performance.GROUPS]
    assert table.rows[0].heading and not table.rows[1].heading


def test_a_drawdown_that_was_never_regained_says_why_without_the_word_undefined(run):
    reason = "the peak was not regained"
    book = dataclasses.replace(run.metrics.strategy, drawdown_recovery=None, undefined={"drawdown_recovery": reason})
    assert by_label(performance.compared("Books", {"Strategy": book}))["Drawdown recovery"] == [reason]


def test_a_benchmark_has_a_column_of_its_own(run):
    benchmark = dataclasses.replace(run.metrics.baseline, cagr=0.1234)
    metrics = dataclasses.replace(run.metrics, benchmark=Benchmark("S&P 500", benchmark))
    (table,) = performance.figures_table(metrics)
    assert [cell.text for cell in table.columns] == ["Figure", "Strategy", "Equal weight", "Benchmark (S&P 500)"]
    assert by_label(table)["Return a year [%]"][2] == "12.34"


def test_headlines_carry_their_unit_and_the_figure_of_equal_weight(run):
    strategy = dataclasses.replace(run.metrics.strategy, cagr=0.07125, sharpe=0.8349, max_drawdown=-0.3)
    baseline = dataclasses.replace(run.metrics.baseline, cagr=-0.01, sharpe=0.5, max_drawdown=-0.45)
    found = performance.tiles(dataclasses.replace(run.metrics, strategy=strategy, baseline=baseline))
    shown = {tile.label: (tile.value, tile.beside, tile.in_words) for tile in found}
    assert list(shown)[:2] == ["Return a year", "Volatility a year"] and len(shown) == 5
    assert shown["Sharpe ratio"] == ("0.83", "equal weight 0.50", False)
    assert shown["Maximum drawdown"] == ("\u221230.00%", "equal weight \u221245.00%", False)
    assert shown["Return a year"][1] == "equal weight \u22121.00%"


def test_a_headline_without_a_figure_is_its_reason(run):
    strategy = dataclasses.replace(run.metrics.strategy, sharpe=None, undefined={"sharpe": "no return varies"})
    tile = performance.tiles(dataclasses.replace(run.metrics, strategy=strategy))[2]
    assert (tile.label, tile.value, tile.in_words) == ("Sharpe ratio", "undefined: no return varies", True)
    assert tile.interval == ""


def test_each_headline_stands_over_its_recorded_interval(run):
    none = {"cagr": Interval(-0.021, 0.1234), "volatility": None, "undefined": {"volatility": "too short"}}
    tail, fall = Interval(0.011, 0.021), Interval(-0.5, -0.1)
    intervals = CurveIntervals(0.95, 500, 12.3, expected_shortfall_95=tail, max_drawdown=fall, **none)
    metrics = dataclasses.replace(run.metrics, intervals=intervals)
    found = {tile.label: tile.interval for tile in performance.tiles(metrics)}
    sharpe = run.metrics.further.strategy.sharpe
    assert found == {
        "Return a year": "\u22122.10% to 12.34%",
        "Volatility a year": "",
        "Sharpe ratio": f"{figure(sharpe.lower, RATIO)} to {figure(sharpe.upper, RATIO)}",
        "Maximum drawdown": "\u221250.00% to \u221210.00%",
        "Expected shortfall 95%, one bar": "1.10% to 2.10%",
    }
    assert "500 histories" in performance.intervals_note(metrics)
    assert performance.intervals_note(run.metrics) == ""


def test_a_figure_without_an_interval_says_why(run):
    none = {"cagr": Interval(-0.021, 0.1234), "volatility": Interval(0.1, 0.2), "max_drawdown": Interval(-0.5, -0.1)}
    thin = {"expected_shortfall_95": "63 returns; 200 are needed for 10 losses in the tail"}
    found = CurveIntervals(0.95, 500, 4.0, expected_shortfall_95=None, undefined=thin, **none)
    note = performance.intervals_note(dataclasses.replace(run.metrics, intervals=found))
    assert note.endswith(
        "Expected shortfall 95%, one bar has no interval: 63 returns; 200 are needed for 10 losses in the tail."
    )


def test_the_lead_names_the_span(run):
    assert performance.figures_lead(run).startswith("Out of sample, 2019-01-02 to 2022-12-28, after all costs; ")


def test_only_a_halted_run_is_warned_of(run, files, write):
    assert performance.halt_warning(run) == ()
    equity = files.frames["equity.parquet"].copy()
    equity["halted"] = equity.index >= equity.index[-40]
    files.frames["equity.parquet"] = equity
    files.records["metrics.json"]["halted_on"] = str(equity.index[-40].date())
    (warning,) = performance.halt_warning(read_run(write(files, name="halted")))
    assert warning.style == "notice"
    assert f"halted on {equity.index[-40].date()}. 40 of its {len(equity):,} sessions" in warning.text


def test_the_curves_of_both_books_are_drawn_as_recorded(run):
    found = traces(performance.picture(run))
    curves = run.tables.curves
    for name, book in (("Strategy", "strategy"), ("Equal weight", "baseline")):
        assert values(found[name]["y"]) == pytest.approx((100 * curves[book]).tolist())
        below = values(found[f"{name}, drawdown"]["y"])
        assert below == pytest.approx((100 * curves[f"{book}_drawdown"]).tolist())
    own, drawdown = performance.strategy_curve(run)
    assert own.tolist() == curves["strategy"].tolist()
    assert drawdown.tolist() == curves["strategy_drawdown"].tolist()


def test_a_ruined_book_is_drawn_until_its_ruin(run):
    growth, drawdown = performance.strategy_curve(run)
    growth, drawdown = growth.iloc[:10].copy(), drawdown.iloc[:10].copy()
    growth.iloc[6:], drawdown.iloc[6:] = float("nan"), float("nan")
    chart = performance.equity_chart({"Book": (growth, drawdown)}, halted=str(growth.index[5].date()))
    assert len(values(traces(chart)["Book"]["y"])) == len(values(traces(chart)["Book, drawdown"]["y"])) == 6
    assert [line["x0"] for line in drawn(chart)["layout"]["shapes"]] == [str(growth.index[5].date())]


def test_an_interval_shows_on_which_side_of_zero_its_ends_lie(run):
    sharpe = dataclasses.replace(run.metrics.further.strategy.sharpe, lower=-0.0031, upper=2.08)
    strategy = dataclasses.replace(run.metrics.further.strategy, sharpe=sharpe)
    further = dataclasses.replace(run.metrics.further, strategy=strategy)
    tiles = {tile.label: tile for tile in performance.tiles(dataclasses.replace(run.metrics, further=further))}
    assert tiles["Sharpe ratio"].interval == "\u22120.003 to 2.08"


def test_dates_of_the_curve_are_said_to_be_closes(run):
    """The curve starts at the close before the test span."""
    day = run.setup.plan.sample.first - timedelta(days=2)
    metrics = dataclasses.replace(run.metrics, strategy=dataclasses.replace(run.metrics.strategy, start=day))
    (table,) = performance.figures_table(metrics)
    assert by_label(table)["From the close of"][0] == str(day)
    lead = performance.figures_lead(dataclasses.replace(run, metrics=metrics))
    assert lead.startswith(f"Out of sample, {run.setup.plan.sample.first} to {run.setup.plan.sample.last}, ")
    assert f"from the close of {day}." in lead
