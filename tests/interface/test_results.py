"""What a result says in words, figures and a picture, in memory and read from its folder."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from quantdl.errors import ConfigError, IntegrityError, RunError
from quantdl.experiment.outcome import Outcome
from quantdl.interface.results import Result, curves_drawn, read_result, result_of
from quantdl.runs.manifest import open_run
from tests.report.drawings import values


@pytest.fixture(scope="module")
def stored(small_run: Path) -> Result:
    return read_result(open_run(small_run))


def test_a_stored_run_says_what_it_said_in_memory(stored: Result, small_outcome: Outcome) -> None:
    fresh = result_of("small", small_outcome, lambda root, name: root)
    assert stored.verdict == fresh.verdict
    assert stored.figures.equals(fresh.figures)
    np.testing.assert_array_equal(stored.equity.to_numpy(), fresh.equity.to_numpy())
    assert len(stored.trades) == len(fresh.trades)
    assert stored.selection is not None


def test_the_verdict_is_two_sentences_and_reasons(stored: Result) -> None:
    said = stored.verdict
    assert said.status in ("defended", "relative evidence only", "not defended")
    assert len(re.findall(r"[.]( |$)", said.sentences)) >= 2
    assert str(said).startswith(f"{said.status}: {said.sentences}")


def test_an_undefined_figure_says_why(stored: Result) -> None:
    assert stored.figures.loc["Sharpe ratio", "strategy"].startswith("undefined: ")


def test_the_report_is_that_of_the_run_folder(stored: Result, tmp_path: Path) -> None:
    path = stored.report(tmp_path / "out.html")
    assert stored.folder is not None
    assert path.read_bytes() == (stored.folder / "report.html").read_bytes()


def test_a_stored_run_is_not_stored_again(stored: Result) -> None:
    with pytest.raises(ConfigError, match="this run is stored already"):
        stored.save("elsewhere")


def test_what_is_shown_is_escaped_and_loads_nothing(stored: Result) -> None:
    shown = replace(stored, name="<script>alert(1)</script>")._repr_html_()
    assert "<script" not in shown
    assert not re.search(r"(src|href)=|https?:", shown)
    assert "<svg" in shown
    assert "Sharpe ratio" in shown
    assert stored.checklist._repr_html_().count("<tr>") == len(stored.checklist.items)


def test_the_picture_is_that_of_the_report_in_memory_and_from_its_folder(
    stored: Result, small_outcome: Outcome
) -> None:
    fresh = result_of("small", small_outcome, lambda root, name: root, stored.stress_windows)
    drawn = stored.plot()
    assert [trace.name for trace in drawn.data[::2]] == ["Strategy", "Equal weight"]
    grown = values(drawn.data[0].y)
    assert grown[0] == 100.0
    assert grown[-1] == pytest.approx(100 * stored.equity.iloc[-1] / stored.equity.iloc[0], rel=0.02)  # costs of a day
    assert drawn.to_json() == fresh.plot().to_json()


def test_a_curve_is_drawn_from_its_first_to_its_last_value() -> None:
    days = pd.bdate_range("2020-01-01", periods=3)
    drawn = curves_drawn({"<a>": pd.Series([100.0, 50.0, 200.0], days), "b": pd.Series([10.0, 10.0, 10.0], days)})
    first, second = re.findall(r'points="([^"]*)"', drawn)
    heights = [float(point.split(",")[1]) for point in first.split()]
    assert heights[2] < heights[0] < heights[1]  # the page grows downwards
    assert len({point.split(",")[1] for point in second.split()}) == 1
    assert "&lt;a&gt; +100.0%, b +0.0%" in drawn
    assert curves_drawn({"a": pd.Series([1.0], days[:1])}) == ""


@pytest.mark.parametrize(("change", "error"), [("remove", (RunError, IntegrityError)), ("alter", IntegrityError)])
def test_a_folder_with_a_missing_or_altered_file_is_refused(
    change: str, error: type[Exception], small_run: Path, tmp_path: Path
) -> None:
    import shutil

    folder = tmp_path / "run"
    shutil.copytree(small_run, folder)
    file = folder / "metrics.json"
    if change == "remove":
        file.unlink()
    else:
        file.write_text(file.read_text().replace("0", "1", 1))
    with pytest.raises(error, match=r"metrics\.json"):
        read_result(open_run(folder))


def test_files_and_folders_of_a_result_are_paths(stored: Result, small_outcome: Outcome) -> None:
    fresh = result_of("small", small_outcome, lambda runs, folder: runs)
    for given in ({"folder": 5}, {"runs": 5}):
        with pytest.raises(ConfigError, match=f"^{next(iter(given))}: given int; expected the "):
            fresh.save(**given)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="^path: given int; expected the path of a new HTML file"):
        stored.report(5)  # type: ignore[arg-type]
