"""Reports as a reader sees them: in Chromium, at a desk, on a phone, in the dark and on paper."""

import json
from pathlib import Path

import pytest

from quantdl.config import load_config
from quantdl.config.loading import with_values
from quantdl.experiment import run_experiment
from quantdl.experiment.comparing import compare_all
from quantdl.report import write_comparison, write_report
from tests.pages import chromium, look_at

ROOT = Path(__file__).parents[2]
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))
TRAINED_BRIEFLY = {"training.epochs": 1, "training.patience": 1}


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


def test_the_report_of_a_recorded_run_is_drawn_and_keeps_to_its_width(browser, files, write, tmp_path):
    seen = look_at(browser, write_report(write(files), tmp_path / "recorded.html"), schemes=("light",), on_paper=False)
    assert seen.faults == {} and seen.charts > 8


def test_what_is_wrong_with_a_page_is_seen(browser, tmp_path):
    """So that a page without faults is not one that nobody looked at."""
    page = tmp_path / "bad.html"
    page.write_text(
        "<body><a href='#nowhere'>x</a><img src='http://evil.example/a.png'><script>boom()</script>"
        "<script>alert(1)</script><p style='width:3000px'>wide</p><p style='color:#ddd'>faint</p>"
        "<script type='application/json' data-chart='c'>{}</script><div id='c'><svg></svg></div></body>"
    )
    faults = look_at(browser, page, schemes=("light",), on_paper=False).faults
    assert {"said", "asked", "opened", "undrawn", "broken", "wide", "faint"} == set(faults)
    assert faults["asked"] == ["http://evil.example/a.png"]
    assert any("boom" in said for said in faults["said"])


@pytest.mark.slow
def test_reports_and_comparisons_are_readable_in_the_dark_and_on_paper(
    browser, simulated, without_model, write, tmp_path
):
    runs = [write(simulated(), name="with"), write(without_model(simulated(8)), name="without")]
    pages = [write_report(run, tmp_path / f"{run.name}.html") for run in runs]
    pages.append(write_comparison(runs, tmp_path / "comparison.html", compare_all(runs)))
    assert {page.stem: found for page in pages if (found := look_at(browser, page).faults)} == {}


@pytest.mark.slow
@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_report_of_a_config_that_ships_has_no_fault(browser, path, tmp_path):
    config = load_config(path)
    if config.training is not None and config.model is not None:
        config = with_values(config, TRAINED_BRIEFLY)
    folder = run_experiment(config, tmp_path / path.stem)
    page = (folder / "report.html").rename(tmp_path / f"{path.stem}.html")
    seen = look_at(browser, page)
    assert seen.faults == {} and seen.charts > 3


@pytest.mark.slow
def test_hostile_names_run_nothing_and_break_no_layout(browser, simulated, write, tmp_path):
    from tests.report.test_hostile_text import LONG, filled_with, hostile_texts

    for number, texts in enumerate((hostile_texts(), (LONG,))):
        run = write(filled_with(simulated(), texts), root=tmp_path / str(number))
        seen = look_at(
            browser, write_report(run, tmp_path / f"hostile-{number}.html"), schemes=("light",), on_paper=False
        )
        assert seen.faults == {}, json.dumps(seen.faults)[:4_000]
