"""Scores, coverage and the histogram of outcomes are shown as the run recorded them."""

import dataclasses
from datetime import date

from quantdl.report import calibration
from quantdl.report.calibration import ENDS_SHOWN, asset_table
from quantdl.results.run_record import read_run
from quantdl.risk.scores.forecast_scores import AssetScores, FitScores, Uniformity
from quantdl.risk.scores.model_scores import HorizonScores
from quantdl.risk.scores.pit_histogram import ReliabilityPoint
from tests.report import sections
from tests.report.drawings import traces, values


def test_of_many_assets_the_best_and_the_worst_are_shown_and_the_rest_counted():
    assets = tuple(AssetScores(f"A{number:03d}", 10, float((37 * number) % 101), 0.0) for number in range(101))
    table = asset_table(assets)
    by_score = sorted(assets, key=lambda one: one.nll)
    assert [line.cells[0].text for line in table.rows] == [
        one.asset for one in (*by_score[:ENDS_SHOWN], *by_score[-ENDS_SHOWN:])
    ]
    assert "101 assets" in table.note
    whole = asset_table(assets[:40])
    assert len(whole.rows) == 40 and not whole.note


def test_coverage_stands_beside_its_level(files, write):
    section = calibration.section(read_run(write(files)))
    table = sections.table(section, "Coverage")
    recorded = files.records["metrics.json"]["forecast"]["coverage"]
    assert [line.cells[0].text for line in table.rows] == ["50", "80", "90", "98"]
    for line, one in zip(table.rows, recorded, strict=True):
        inside, beyond = (float(cell.text.replace("\u2212", "-")) for cell in line.cells[1:3])
        assert abs(inside - 100 * one["observed"]) <= 0.005
        assert abs(beyond - 100 * (one["observed"] - one["level"])) <= 0.0051


def with_scores(run, **scores):
    forecast = dataclasses.replace(run.metrics.forecast, **scores)
    return dataclasses.replace(run, metrics=dataclasses.replace(run.metrics, forecast=forecast))


def test_scores_have_their_units_and_the_window_its_words(run):
    changed = with_scores(run, nll=-2.71828, joint_nll=-2.913, crps=0.00981, n=12_345)
    found = sections.table(calibration.section(changed), "Scores")
    assert sections.by_label(found) == {
        "Negative log score [nats]": ["\u22122.7183"],
        "Joint negative log score per observed asset [nats]": ["\u22122.9130"],
        "CRPS [bp of return]": ["98.10"],
        "Outcomes": ["12,345"],
    }
    assert found.columns[1].text == "transformer"
    assert found.note == "Forecasts of the next session, close to close."


def test_scores_over_several_bars_are_shown_a_row_a_horizon(run):
    horizons = tuple(
        HorizonScores("transformer", bars, 100 * bars, nll, crps, 0.91, None, None, None)
        for bars, nll, crps in ((5, -1.87654, 250.0), (21, -1.1, 512.34))
    )
    found = sections.table(calibration.section(with_scores(run, horizons=horizons)), "Scores over several bars")
    assert sections.by_label(found) == {
        "5 bars": ["\u22121.8765", "250.00", "91.00", "500"],
        "21 bars": ["\u22121.1000", "512.34", "91.00", "2,100"],
    }
    assert [column.text for column in found.columns][1:3] == ["Negative log score [nats]", "CRPS [bp of return]"]
    assert all(getattr(part, "caption", "") != found.caption for part in calibration.section(run).parts)


def test_scores_of_each_fit_are_shown_where_the_model_was_fitted_anew(run):
    days = [date(2018, 12, 31), date(2019, 12, 31), date(2020, 12, 31)]
    fits = tuple(
        FitScores(first, first, last, nll, -3.0, 0.0098, 0.887, 5040)
        for first, last, nll in zip(days[:-1], days[1:], (-2.75, -2.5), strict=True)
    )
    found = sections.table(calibration.section(with_scores(run, fits=fits)), "Scores of each fit")
    assert sections.by_label(found) == {
        "2018-12-31": ["2018-12-31 to 2019-12-31", "\u22122.7500", "\u22123.0000", "98.00", "88.70", "5,040"],
        "2019-12-31": ["2019-12-31 to 2020-12-31", "\u22122.5000", "\u22123.0000", "98.00", "88.70", "5,040"],
    }
    assert all(getattr(part, "caption", "") != found.caption for part in calibration.section(run).parts)


def test_the_test_of_the_transform_is_shown_with_a_p_value_that_stops_at_one_in_a_thousand(run):
    changed = with_scores(run, pit=Uniformity("Kolmogorov-Smirnov", 0.03149, 0.00002))
    found = sections.table(calibration.section(changed), "Test of the probability integral transform")
    assert sections.by_label(found) == {"Kolmogorov-Smirnov": ["0.031", "< 0.001"]}


def test_the_histogram_is_drawn_as_recorded(run):
    pit = run.breakdowns.pit
    found = traces(sections.chart(calibration.section(run), "chart-pit"))
    drawn = [
        one
        for name in ("Inside the band", "Outside the band")
        for one in zip(values(found[name]["x"]), values(found[name]["y"]), strict=True)
    ]
    assert [share for _, share in sorted(drawn)] == [100.0 * share for share in pit.shares]


def test_returns_beyond_the_tail_quantiles_are_shown_and_whether_they_may_be_chance(run):
    points = (
        ReliabilityPoint(0.01, 0.021, 0.004),
        ReliabilityPoint(0.5, 0.9, 0.01),
        ReliabilityPoint(0.95, 0.949, 0.01),
    )
    changed = dataclasses.replace(run, breakdowns=dataclasses.replace(run.breakdowns, reliability=points))
    section = calibration.section(changed)
    found = sections.by_label(sections.table(section, "Returns below their quantiles"))
    assert found == {"1": ["2.10", "1.10", "no"], "95": ["94.90", "\u22120.10", "yes"]}
    assert sections.chart(section, "chart-reliability").kind == "chart"


def test_forecasts_that_met_no_outcome_have_no_histogram(run):
    changed = dataclasses.replace(run, breakdowns=dataclasses.replace(run.breakdowns, pit=None))
    assert sections.words(calibration.section(changed)) == [
        "No forecast of this run met an outcome, so there is no histogram of outcomes."
    ]


def test_a_run_without_forecasts_has_no_scores_in_a_comparison_either(files, without_model, write, run):
    section = calibration.section(read_run(write(without_model(files), name="plain")))
    assert sections.words(section)[0].startswith("This run has no model, so it made no forecasts")
    assert [cell.text for cell in calibration.score_cells(None)] == ["no model"] * 4
    assert calibration.score_cells(run.metrics.forecast)[3].text == f"{run.metrics.forecast.n:,}"
