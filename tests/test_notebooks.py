"""What a stored notebook shows a reader who does not run it. `make notebooks` executes them."""

import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LARGEST = 250_000  # bytes
NUMBERED = re.compile(r"`(\d\d_\w+)`")


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def code_of(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs_of(notebook):
    return [output for cell in code_of(notebook) for output in cell.outputs]


def test_notebooks_are_numbered_in_the_order_in_which_they_are_read():
    assert [path.stem[:2] for path in NOTEBOOKS] == [f"{number:02}" for number in range(1, len(NOTEBOOKS) + 1)]


def test_a_notebook_is_valid_and_small():
    for path in NOTEBOOKS:
        nbformat.validate(nbformat.read(path, as_version=4))
        assert path.stat().st_size < LARGEST, path.name


def test_a_notebook_begins_from_the_python_interface(notebook):
    assert notebook.cells[0].cell_type == "markdown"
    assert "import quantdl as qd" in code_of(notebook)[0].source.splitlines()


def test_a_notebook_ends_with_what_to_try_next(notebook):
    assert "## What to try next" in notebook.cells[-1].source.splitlines()


def test_a_notebook_names_only_notebooks_that_are_there(notebook):
    named = {name for cell in notebook.cells for name in NUMBERED.findall(cell.source)}
    assert named <= {path.stem for path in NOTEBOOKS}


def test_outputs_are_those_of_one_run_from_the_top(notebook):
    counts = [cell.execution_count for cell in code_of(notebook)]
    assert counts == [*range(1, len(counts) + 1)]
    assert not any(cell.metadata for cell in notebook.cells)


def test_no_stored_output_is_an_error_or_a_warning(notebook):
    assert not [output for output in outputs_of(notebook) if output.output_type == "error"]
    assert not [output.text for output in outputs_of(notebook) if output.get("name") == "stderr"]


def test_pictures_show_without_running_anything(notebook):
    shown = [output.data for output in outputs_of(notebook) if "data" in output]
    assert any("image/png" in data or "<svg" in data.get("text/html", "") for data in shown)
    assert not any("<script" in data.get("text/html", "") for data in shown)
    assert not any("application/vnd.plotly.v1+json" in data for data in shown)


def test_every_picture_has_a_text_for_those_who_do_not_see_it(notebook):
    drawn = [output for output in outputs_of(notebook) if "image/png" in output.get("data", {})]
    assert all(output.metadata["image/png"]["alt"] != "chart" for output in drawn)


def test_no_output_names_a_folder_of_the_machine_that_made_it(notebook):
    text = str([output.get("text", output.get("data", {}).get("text/html", "")) for output in outputs_of(notebook)])
    assert not re.search(r"/tmp/|/home/|/work/|[A-Z]:\\\\Users", text)  # noqa: S108 - looked for, not written to


def test_lines_of_code_show_without_scrolling(notebook):
    assert max(len(line) for cell in code_of(notebook) for line in cell.source.splitlines()) <= 100
