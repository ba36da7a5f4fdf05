"""The table of scores per asset, and the histogram that is drawn as the run recorded it."""

from quantdl.report import calibration
from quantdl.report.calibration import ENDS_SHOWN, asset_table
from quantdl.report.document import Table
from quantdl.results.run_record import read_run
from quantdl.risk.forecast_scores import AssetScores


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
    table = next(part for part in section.parts if isinstance(part, Table) and part.caption == "Coverage")
    recorded = files.records["metrics.json"]["forecast"]["coverage"]
    assert [line.cells[0].text for line in table.rows] == ["50", "80", "90", "98"]
    for line, one in zip(table.rows, recorded, strict=True):
        inside, beyond = (float(cell.text.replace("\u2212", "-")) for cell in line.cells[1:3])
        assert abs(inside - 100 * one["observed"]) <= 0.005
        assert abs(beyond - 100 * (one["observed"] - one["level"])) <= 0.0051
