"""What trading cost, by kind, agrees with what the book paid, and what the plan says of liquidity is said."""

import dataclasses

import pytest

from quantdl.backtest.judging.costs import CostFigures
from quantdl.backtest.judging.liquidity import Capacity, ExitFigures
from quantdl.backtest.judging.stress import SharpExit, StressTest, ThinnerRun
from quantdl.backtest.plan.friction import CostWaiver, MeasuredVolume, StatedVolume
from quantdl.report import costs
from quantdl.results.run_record import read_run
from tests.report.drawings import traces, values
from tests.report.sections import by_label, chart, column, number, table, words

NOT_IN_FIGURES = {
    "undefined": "its reasons stand in the cells of the figures",
    "commission": "a row of the costs by kind",
    "spread": "a row of the costs by kind",
    "impact": "a row of the costs by kind",
    "total": "the last row of the costs by kind",
    "break_even": "rows and note of their own",
    "traded": "a row of its own, in money",
    "exit": "rows of their own",
    "capacities": "sentences of their own",
    "stress": "tables of its own",
}


def changed(run, **figures):
    metrics = dataclasses.replace(run.metrics, costs=dataclasses.replace(run.metrics.costs, **figures))
    return dataclasses.replace(run, metrics=metrics)


def with_liquidity(run, liquidity):
    friction = dataclasses.replace(run.setup.plan.friction, liquidity=liquidity)
    plan = dataclasses.replace(run.setup.plan, friction=friction)
    return dataclasses.replace(run, setup=dataclasses.replace(run.setup, plan=plan))


def test_costs_by_kind_add_up_to_what_the_book_paid(run, files):
    found = by_label(table(costs.section(run), "Costs by kind"))
    assert number(found["Together"][0]) == pytest.approx(files.frames["equity.parquet"]["costs"].sum(), abs=1)
    assert number(found["Commission"][0]) + number(found["Half spread"][0]) == pytest.approx(
        number(found["Together"][0]), abs=2
    )


def test_shares_follow_the_stated_costs(run):
    """1 of commission and 2.5 of half a spread make 3.5 basis points."""
    found = by_label(table(costs.section(run), "Costs by kind"))
    assert (found["Commission"][1], found["Half spread"][1], found["Together"][1]) == ("28.57", "71.43", "100.00")


def test_sharp_moves_are_laid_out_beside_the_run_in_thin_markets(run):
    assert "Leaving the book in sharp moves" not in words(costs.section(run))
    exits = (
        SharpExit("crash of 2020", 50, 1.5, 3.0, 0.0007, 0.0031),
        SharpExit("the 10 sharpest sessions", 10, None, None, 0.0005, 0.0029),
    )
    thinner = ThinnerRun(57, 0.061, 0.082, 0.24, 0.22, 0.031, 0.03)
    section = costs.section(changed(run, stress=StressTest(exits, thinner)))
    left = by_label(table(section, "Leaving the book in sharp moves"))
    assert left["crash of 2020"] == ["50", "1.50", "3.00", "0.07", "0.31"]
    assert left["the 10 sharpest sessions"][3:] == ["0.05", "0.29"]
    assert "waived" in left["the 10 sharpest sessions"][1]
    thin = by_label(table(section, "The run in thin markets"))
    assert thin["Total return"] == ["8.20", "6.10"]
    assert thin["Largest drawdown"] == ["22.00", "24.00"]
    assert "all 57 sessions" in table(section, "The run in thin markets").note


def test_what_was_paid_beyond_the_fills_is_a_kind_of_its_own(files, write):
    equity = files.frames["equity.parquet"].copy()
    equity["costs"] += 10.0
    files.frames["equity.parquet"] = equity
    found = by_label(table(costs.section(read_run(write(files))), "Costs by kind"))
    assert number(found["Borrow and other"][0]) == pytest.approx(10.0 * len(equity), abs=1)


def test_bands_are_drawn_as_recorded_under_the_names_of_the_table(run):
    section = costs.section(run)
    found = traces(chart(section, "chart-costs"))
    assert list(found) == ["Commission", "Half spread"]
    assert column(table(section, "Costs by kind"), 0) == [*found, "Together"]
    for name, kind in (("Commission", "commission"), ("Half spread", "spread")):
        assert values(found[name]["y"]) == pytest.approx((100 * run.tables.costs[kind]).tolist())


def test_every_cost_figure_is_shown_or_stands_elsewhere():
    shown = {quantity.field for quantity in (*costs.COSTS, costs.AVERAGE)}
    assert shown == {field.name for field in dataclasses.fields(CostFigures)} - set(NOT_IN_FIGURES)
    assert {quantity.field for quantity in costs.EXIT} == {field.name for field in dataclasses.fields(ExitFigures)}


def test_the_average_cost_stands_beside_the_stated_one(run):
    found = by_label(table(costs.section(changed(run, traded=2_500_000.0, average_bps=4.25)), "Costs in figures"))
    assert [cells[0] for label, cells in found.items() if label.startswith("Value traded")] == ["2,500,000"]
    (average,) = (cells[0] for label, cells in found.items() if label.startswith("Average one-way cost"))
    assert float(average) == pytest.approx(4.25, abs=0.06)


def test_a_run_of_a_former_version_shows_no_average_cost(run):
    labels = by_label(table(costs.section(changed(run, traded=None, average_bps=None)), "Costs in figures"))
    assert not [label for label in labels if label.startswith(("Value traded", "Average"))]


def test_cost_figures_have_their_units_and_the_break_even_its_words(run):
    found = table(costs.section(changed(run, share_of_initial_equity=0.01234)), "Costs in figures")
    assert by_label(found) == {
        "Costs over initial equity [%]": ["1.23"],
        "Turnover a year [times equity]": ["7.90"],
        "Stated one-way cost [bp]": ["3.5"],
        "Break-even one-way cost [bp]": ["41.2"],
    }
    assert found.note == "The profit is gone at 41.2 bps each way, by rerun."


def test_a_break_even_cost_out_of_range_is_said(run):
    break_even = dataclasses.replace(run.metrics.costs.break_even, bps=None)
    found = by_label(table(costs.section(changed(run, break_even=break_even)), "Costs in figures"))
    assert found["Break-even one-way cost [bp]"] == ["outside the range tried"]


def test_the_way_out_of_the_book_is_shown_where_it_was_measured(run):
    measured = changed(run, exit=ExitFigures(2.5, None, 0.0004, 0.0014))
    found = by_label(table(costs.section(measured), "Costs in figures"))
    assert found["Sessions to leave the book"] == ["2.50"]
    assert found["Sessions to leave it at half the volume"] == ["a position could not be sold"]
    assert found["Cost of leaving, over equity [%]"] == ["0.04"]
    assert found["Cost of leaving at five times the spread, over equity [%]"] == ["0.14"]


def test_capacities_of_one_statement_are_said_once(run):
    sentences = (
        "undefined: liquidity is waived",
        "Half of it is eaten at 3 million.",
        "undefined: liquidity is waived",
    )
    capacities = tuple(Capacity(float(place), None, text) for place, text in enumerate(sentences))
    section = costs.section(changed(run, capacities=capacities))
    (bullets,) = (part for part in section.parts if part.kind == "bullets")
    assert bullets.lines == sentences[:2]


def test_a_run_without_costs_says_so(run):
    free = dataclasses.replace(run, breakdowns=dataclasses.replace(run.breakdowns, costs=()))
    section = costs.section(free)
    assert words(section)[0].startswith("This run paid no costs")
    assert not [part for part in section.parts if part.kind == "chart"]


def test_liquidity_is_quoted_from_the_plan(run):
    assert words(costs.section(run))[-1].startswith("Liquidity is waived, signed by M. Okafor, head of desk: One mill")
    stated = StatedVolume("stated", {}, "Exchange statistics of 2018.", 0.05, 1.0)
    assert words(costs.section(with_liquidity(run, stated)))[-1] == (
        "Dollar volume is stated, fills capped at 5% of it. Basis: Exchange statistics of 2018."
    )
    measured = MeasuredVolume("measured", 21, 0.025, 1.0)
    assert words(costs.section(with_liquidity(run, measured)))[-1] == (
        "Dollar volume is measured, fills capped at 2.5% of it."
    )


def test_terms_beside_basis_points_and_waivers_are_listed(run):
    assert len([part for part in costs.section(run).parts if part.kind == "bullets"]) == 1  # the capacities
    plan = run.setup.plan
    friction = dataclasses.replace(
        plan.friction,
        commission_bps=0.0,
        settlement_sessions=2,
        cost_waiver=CostWaiver("M. Okafor", "The broker charges no commission."),
    )
    sizing = dataclasses.replace(plan.sizing, lot_shares=100)
    setup = dataclasses.replace(run.setup, plan=dataclasses.replace(plan, friction=friction, sizing=sizing))
    section = costs.section(dataclasses.replace(run, setup=setup))
    _, listed = (part for part in section.parts if part.kind == "bullets")
    assert listed.lines == (
        "Proceeds of a sale may be spent 2 sessions later.",
        "Commission waived (signed: M. Okafor): The broker charges no commission.",
        "Orders in whole lots of 100.",
    )


def test_money_is_labelled_with_the_currency_of_the_book(run):
    card = dataclasses.replace(run.card, declaration=dataclasses.replace(run.card.declaration, currency="USD"))
    section = costs.section(dataclasses.replace(run, card=card))
    assert [cell.text for cell in table(section, "Costs by kind").columns][1] == "Paid [USD]"
    assert "Capacity [USD], the size at which impact eats half of the gross profit:" in words(section)
    assert [cell.text for cell in table(costs.section(run), "Costs by kind").columns][1] == "Paid [account currency]"
